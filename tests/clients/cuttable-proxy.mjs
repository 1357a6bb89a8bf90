// A proxy to the gateway that a test can cut and restore.

import { connect, createServer } from 'node:net';

export class CuttableProxy {
  // How many connections were ended by their clients.
  endedByClient = 0;
  #connections = new Set();
  #isUp = true;

  // Starts a proxy, which is closed at the end of the test.
  static async open(test, target) {
    const proxy = new CuttableProxy();
    const server = createServer((client) => proxy.#forward(client, target));
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

  // Closes all connections, and rejects new ones.
  cut() {
    this.#isUp = false;
    for (const client of this.#connections) client.destroy();
  }

  // Accepts connections again.
  restore() {
    this.#isUp = true;
  }

  #forward(client, target) {
    // Broken connections are expected.
    client.on('error', () => {});
    if (!this.#isUp) {
      client.destroy();
      return;
    }
    const server = connect(Number(target.port), target.hostname);
    server.on('error', () => {});
    this.#connections.add(client);
    // If one side ends the connection, the other side is closed, too.
    client.on('end', () => {
      this.endedByClient += 1;
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
