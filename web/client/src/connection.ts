// The state of the connection, for a bar on the page.

import { notify } from './environment.js';

/**
 * - `closed`: nothing needs a connection.
 * - `connecting`: the first attempt, or another one.
 * - `open`: events arrive.
 * - `waiting`: the connection is lost, and the next attempt comes soon.
 */
export type ConnectionState = 'closed' | 'connecting' | 'open' | 'waiting';

export type ConnectionListener = (state: ConnectionState) => void;

/** The state of all connections together: a WebSocket, or a stream for each subscription. */
export class Connection {
  readonly #states = new Map<object, ConnectionState>();
  readonly #listeners = new Set<ConnectionListener>();
  #state: ConnectionState = 'closed';

  get state(): ConnectionState {
    return this.#state;
  }

  /** Returns a function that removes the listener. */
  listen(listener: ConnectionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sets the state of one connection, which `key` identifies. */
  set(key: object, state: ConnectionState): void {
    if (state === 'closed') this.#states.delete(key);
    else this.#states.set(key, state);
    const states = new Set(this.#states.values());
    const next = (['waiting', 'connecting', 'open'] as const).find((candidate) => states.has(candidate)) ?? 'closed';
    if (next === this.#state) return;
    this.#state = next;
    notify(this.#listeners, next);
  }
}
