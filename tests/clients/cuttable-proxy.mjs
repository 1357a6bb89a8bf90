// A proxy to the gateway that a test can cut and restore.

import { connect, createServer } from 'node:net';

export class CuttableProxy {
  // How many connections were ended by their clients.
  endedByClient = 0;
  // How many connections were accepted.
  accepted = 0;
  #connections = new Set();
  #isUp = true;
  #isSilent = false;

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

  // Accepts connections and passes nothing on, in either direction, like a network that drops every packet.
  swallow() {
    this.#isSilent = true;
    for (const client of this.#connections) client.emit('silence');
  }

  // Accepts connections again, and passes everything on. Connections that were silent are reset: a network that forgot
  // them answers so when something is sent.
  restore() {
    this.#isUp = true;
    if (this.#isSilent) for (const client of this.#connections) client.resetAndDestroy();
    this.#isSilent = false;
  }

  #forward(client, target) {
    // Broken connections are expected.
    client.on('error', () => {});
    if (!this.#isUp) {
      client.destroy();
      return;
    }
    this.accepted += 1;
    this.#connections.add(client);
    if (this.#isSilent) {
      client.on('close', () => this.#connections.delete(client));
      client.resume();
      return;
    }
    const server = connect(Number(target.port), target.hostname);
    server.on('error', () => {});
    client.on('silence', () => {
      client.unpipe(server);
      client.resume();
      server.unpipe(client);
      server.resume();
      server.removeAllListeners('close');
    });
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
