// A proxy to the gateway, with which a test breaks the network.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Proxy {
  /** How many connections were accepted. */
  accepted = 0;
  /** How many responses were lost. */
  lost = 0;
  #isDown = false;
  #isSilent = false;
  #refusesWebSockets = false;
  #losing: string | undefined;
  readonly #connections = new Set<Socket>();
  readonly #target: URL;
  readonly #server: Server;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#forward(client));
  }

  static async open(target: string): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const url = new URL(this.#target);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  /** Ends all connections, and refuses new ones. */
  cut(): void {
    this.#isDown = true;
    for (const client of this.#connections) client.destroy();
  }

  /** Passes nothing on, in either direction, like a network that drops every packet. */
  swallow(): void {
    this.#isSilent = true;
  }

  /** Works again. Connections that were silent are reset. */
  restore(): void {
    this.#isDown = false;
    if (this.#isSilent) for (const client of this.#connections) client.resetAndDestroy();
    this.#isSilent = false;
  }

  /** Lets the next request with this text reach the gateway, and ends its connection when the response comes. */
  loseResponseTo(text: string): void {
    this.#losing = text;
  }

  /** Refuses the handshake of every WebSocket, as a proxy does that does not know them. */
  refuseWebSockets(): void {
    this.#refusesWebSockets = true;
  }

  #forward(client: Socket): void {
    client.on('error', () => {});
    if (this.#isDown) {
      client.destroy();
      return;
    }
    this.accepted += 1;
    this.#connections.add(client);
    const server = connect(Number(this.#target.port), this.#target.hostname);
    server.on('error', () => {});
    let losesNext = false;
    client.on('data', (chunk) => {
      if (this.#isSilent) return;
      const text = chunk.toString('latin1');
      if (this.#refusesWebSockets && /^upgrade: websocket/im.test(text)) {
        client.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
        server.destroy();
        return;
      }
      if (this.#losing !== undefined && text.includes(this.#losing)) {
        this.#losing = undefined;
        losesNext = true;
      }
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (this.#isSilent) return;
      if (losesNext) {
        this.lost += 1;
        client.destroy();
        return;
      }
      client.write(chunk);
    });
    client.on('end', () => client.destroy());
    client.on('close', () => {
      this.#connections.delete(client);
      server.destroy();
    });
    server.on('close', () => this.#isSilent || client.destroy());
  }
}
