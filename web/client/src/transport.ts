// What WebSockets and streams have in common.

import type { GigwayError } from './errors.js';
import type { ExecutionResult, RequestBody } from './http.js';

export interface Sink {
  /** A result with data, and perhaps with errors of nullable fields. */
  next(result: ExecutionResult): void;
  /** The subscription has ended with an error. The transport repeats nothing. */
  error(error: GigwayError): void;
  complete(): void;
}

/** Carries subscriptions, and connects again when a connection is lost. */
export interface Transport {
  /** Subscribes. `body` is read again at each connection: it can have another cursor. Returns a function to end it. */
  subscribe(body: RequestBody, sink: Sink): () => void;
  /** The network may be back: ends every wait for the next attempt. `isCertain`: old connections are given up, too. */
  wake(isCertain: boolean): void;
  /** Connects again, with the credentials of now. */
  reconnect(): void;
  /** The page is shown again, or the network is lost: checks the connection. */
  check(): void;
  close(): void;
}

export interface TransportEvents {
  /** No connection has got through several times. */
  onUnreachable(): void;
}
