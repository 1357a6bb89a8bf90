// Where the subscription to the changes of each query starts: at the `eventCursor` that was read with it, or after the
// last event of this subscription. So what is shown again later continues without a gap.

import type { Client, Exchange } from 'urql';
import { pipe, tap } from 'wonka';

class EventCursors {
  readonly #reads = new Map<number, { cursor: string; events: Map<number, string> }>();

  /** The query was read from the gateway: its events start here. */
  read(query: number, cursor: string): void {
    this.#reads.set(query, { cursor, events: new Map() });
  }

  has(query: number): boolean {
    return this.#reads.has(query);
  }

  /** Where the subscription to changes of the query continues. A query can have several. */
  get(query: number, subscription: number): string | undefined {
    const read = this.#reads.get(query);
    return read?.events.get(subscription) ?? read?.cursor;
  }

  /** An event of the subscription has arrived. */
  moveTo(query: number, subscription: number, cursor: string): void {
    this.#reads.get(query)?.events.set(subscription, cursor);
  }

  forget(query: number): void {
    this.#reads.delete(query);
  }
}

const cursors = new WeakMap<Client, EventCursors>();

/** The cursors of a client. Queries and subscriptions are known by the keys that urql gives them. */
export function eventCursorsOf(client: Client): EventCursors {
  let found = cursors.get(client);
  if (!found) cursors.set(client, (found = new EventCursors()));
  return found;
}

/** Notes the `eventCursor` of each response. Behind the cache, which has only the newest one of all responses. */
export const eventCursorExchange: Exchange =
  ({ client, forward }) =>
  (operations) =>
    pipe(
      forward(operations),
      tap(({ operation, data }) => {
        const cursor = (data as { eventCursor?: unknown } | undefined)?.eventCursor;
        if (operation.kind === 'query' && typeof cursor === 'string') eventCursorsOf(client).read(operation.key, cursor);
      }),
    );
