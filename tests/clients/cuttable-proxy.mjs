// A way to the gateway that a test can cut, and mend.

import { connect, createServer } from 'node:net';

export class CuttableProxy {
  // How many connections their clients have ended.
  ended = 0;
  #connections = new Set();
  #whole = true;

  // One on a port of its own; it goes with the test.
  static async open(test, target) {
    const proxy = new CuttableProxy();
    const server = createServer((client) => proxy.#pass(client, target));
    await new Promise((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    proxy.url = new URL(target);
    proxy.url.port = server.address().port;
    test.after(() => {
      proxy.cut();
      server.close();
    });
    return proxy;
  }

  // Ends every connection, and lets no new one through.
  cut() {
    this.#whole = false;
    for (const client of this.#connections) client.destroy();
  }

  mend() {
    this.#whole = true;
  }

  #pass(client, target) {
    // That a connection breaks is what this is for.
    client.on('error', () => {});
    if (!this.#whole) {
      client.destroy();
      return;
    }
    const server = connect(Number(target.port), target.hostname);
    server.on('error', () => {});
    this.#connections.add(client);
    // Neither side goes on when the other has said its last.
    client.on('end', () => {
      this.ended += 1;
      client.destroy();
    });
    client.on('close', () => {
      this.#connections.delete(client);
      server.destroy();
    });
    server.on('close', () => client.destroy());
    client.pipe(server).pipe(client);
  }
}
