// Chooses between a WebSocket and server-sent events.

import type { Connection } from './connection.js';
import { notify } from './environment.js';
import type { HttpEndpoint } from './http.js';
import type { Session } from './session.js';
import { Socket } from './socket.js';
import { Streams } from './sse.js';
import type { Transport } from './transport.js';

export type TransportName = 'websocket' | 'sse';

export interface TransportsOptions {
  endpoint: HttpEndpoint;
  session: Session;
  connection: Connection;
  /** The class to use for WebSockets; undefined: that of the platform. */
  webSocket: unknown;
  /** `auto`: WebSockets, and server-sent events as long as WebSockets do not get through. */
  transport: TransportName | 'auto';
}

export class Transports {
  readonly #options: TransportsOptions;
  readonly #webSocket: unknown;
  readonly #switchListeners = new Set<() => void>();
  #name: TransportName;
  #socket: Socket | undefined;
  #streams: Streams | undefined;

  constructor(options: TransportsOptions) {
    this.#options = options;
    this.#webSocket = options.webSocket ?? globalThis.WebSocket;
    const isAuto = options.transport === 'auto';
    if (!this.#webSocket && options.transport === 'websocket') throw new TypeError('There is no WebSocket: give `webSocket`');
    this.#name = isAuto ? (this.#webSocket ? 'websocket' : 'sse') : (options.transport as TransportName);
  }

  get name(): TransportName {
    return this.#name;
  }

  /** The transport for a subscription that starts now. */
  current(): Transport {
    const { endpoint, session, connection } = this.#options;
    if (this.#name === 'sse') {
      this.#streams ??= new Streams({ endpoint, session, connection, onUnreachable: () => this.#switch('websocket') });
      return this.#streams;
    }
    const url = endpoint.url.replace(/^http/, 'ws');
    this.#socket ??= new Socket({
      url, session, connection, webSocket: this.#webSocket, onUnreachable: () => this.#switch('sse'),
    });
    return this.#socket;
  }

  /** Calls back when subscriptions have to start again with another transport. */
  onSwitch(listener: () => void): () => void {
    this.#switchListeners.add(listener);
    return () => this.#switchListeners.delete(listener);
  }

  /** The browser reports that the network is back. It may be another one, where WebSockets get through. */
  online(): void {
    this.#socket?.wake(true);
    this.#streams?.wake(true);
    if (this.#name === 'sse') this.#switch('websocket');
  }

  /** The page is shown again: the browser may have stopped it. */
  shown(): void {
    this.#socket?.wake(false);
    this.#socket?.check();
    this.#streams?.wake(false);
  }

  /** The browser reports that the network is lost. */
  offline(): void {
    this.#socket?.check();
  }

  reconnect(): void {
    this.#socket?.reconnect();
    this.#streams?.reconnect();
  }

  close(): void {
    this.#socket?.close();
    this.#streams?.close();
    this.#socket = undefined;
    this.#streams = undefined;
  }

  #switch(name: TransportName): void {
    if (this.#options.transport !== 'auto' || !this.#webSocket || name === this.#name) return;
    this.#name = name;
    notify(this.#switchListeners);
  }
}
