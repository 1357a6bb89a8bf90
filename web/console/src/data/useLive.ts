// Keeps the result of a query up to date by a subscription.

import { useEffect, useRef, useState } from 'react';
import { createRequest, useClient, type AnyVariables, type Operation, type TypedDocumentNode } from 'urql';
import { pipe, subscribe } from 'wonka';

import { codeOf } from './errors';
import { eventCursorsOf } from './eventCursors';

interface LiveOptions<Data, Variables extends AnyVariables> {
  /** The operation of the query, which must select `eventCursor`. Undefined until it has a result. */
  query: Operation | undefined;
  document: TypedDocumentNode<Data, Variables>;
  /** Without `after`. */
  variables: Omit<NonNullable<Variables>, 'after'>;
  /** Called after the cache has been updated. */
  onEvent?: (data: Data) => void;
  /** Reads the list again from the gateway: events are missing, because the page was not open for too long. */
  reload: () => void;
  isPaused?: boolean;
}

/** Returns whether the subscription has failed for good. */
export function useLive<Data, Variables extends AnyVariables>(options: LiveOptions<Data, Variables>): boolean {
  const { query, document, variables, isPaused = false } = options;
  const client = useClient();
  const cursors = eventCursorsOf(client);
  const latest = useRef(options);
  const [hasFailed, setHasFailed] = useState(false);
  const [, setReloads] = useState(0);
  useEffect(() => {
    latest.current = options;
  });

  const key = query?.key;
  const isReady = !isPaused && key !== undefined && cursors.has(key);
  const serialized = JSON.stringify(variables);
  useEffect(() => {
    if (!isReady) return undefined;
    setHasFailed(false);
    const plain = JSON.parse(serialized) as Variables;
    const id = createRequest(document, plain).key;
    const source = client.subscription(document, { ...plain, after: cursors.get(key, id) } as Variables);
    const { unsubscribe } = pipe(
      source,
      subscribe(({ data, error }) => {
        if (data) {
          const [event] = Object.values(data as Record<string, { cursor?: string } | null>);
          if (event?.cursor) cursors.moveTo(key, id, event.cursor);
          latest.current.onEvent?.(data);
        } else if (error && codeOf(error) === 'CURSOR_EXPIRED') {
          cursors.forget(key);
          setReloads((reloads) => reloads + 1);
          latest.current.reload();
        } else if (error) {
          setHasFailed(true);
        }
      }),
    );
    return unsubscribe;
  }, [client, cursors, document, isReady, key, serialized]);
  return hasFailed;
}
