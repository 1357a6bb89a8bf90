// A client with the real cache, and a gateway that the test plays.

import { Client, makeResult, type AnyVariables, type Exchange, type Operation } from 'urql';
import { filter, make, mergeMap, pipe, share, takeUntil } from 'wonka';

import { createCache, type CacheRules } from '../data/cache';
import { eventCursorExchange } from '../data/eventCursors';

interface Response {
  data?: unknown;
  errors?: { message: string; extensions?: Record<string, unknown> }[];
}

/** `answer` responds to queries and mutations; `push` sends an event to every open subscription. */
export function fakeGateway(rules: CacheRules[], answer: (operation: Operation<unknown, AnyVariables>) => Response | Promise<Response>) {
  const subscriptions = new Map<number, { operation: Operation; push: (response: Response) => void }>();
  const exchange: Exchange = () => (source) => {
    const operations = share(source);
    return pipe(
      operations,
      filter(({ kind }) => kind !== 'teardown'),
      mergeMap((operation) =>
        pipe(
          make<ReturnType<typeof makeResult>>(({ next, complete }) => {
            const send = (response: Response) => next(makeResult(operation, response as Parameters<typeof makeResult>[1]));
            if (operation.kind !== 'subscription') {
              // Like the client package, it sends nothing for a query that is given up at once.
              let isActive = true;
              void Promise.resolve().then(async () => {
                if (!isActive) return;
                const response = await answer(operation);
                if (isActive) send(response);
                complete();
              });
              return () => {
                isActive = false;
              };
            }
            subscriptions.set(operation.key, { operation, push: send });
            return () => subscriptions.delete(operation.key);
          }),
          takeUntil(pipe(operations, filter((other) => other.kind === 'teardown' && other.key === operation.key))),
        ),
      ),
    );
  };
  const client = new Client({ url: '/graphql', exchanges: [createCache(rules), eventCursorExchange, exchange] });
  return {
    client,
    /** The variables of the open subscriptions. */
    open: () => [...subscriptions.values()].map(({ operation }) => operation.variables as Record<string, unknown>),
    push: (response: Response) => [...subscriptions.values()].forEach((subscription) => subscription.push(response)),
  };
}

/** A gig as `OwnGig` and `GigCard` select it. */
export const gigOf = (id: string, fields: Record<string, unknown> = {}) => ({
  __typename: 'Gig',
  id,
  title: `Title of ${id}`,
  price: { __typename: 'Money', amount: '5.00', currencyCode: 'USD' },
  deliveryDays: 1,
  category: { __typename: 'Category', id: 'cat_1', name: 'Music' },
  tags: [],
  images: [],
  seller: { __typename: 'User', id: 'usr_1', displayName: 'Mia', level: 1, verified: false },
  status: 'ACTIVE',
  version: 1,
  publishedAt: '2026-01-01T00:00:00Z',
  createdAt: `2026-01-0${id.at(-1)}T00:00:00Z`,
  submittedAt: null,
  reviewDueAt: null,
  viewerActions: ['EDIT', 'PAUSE', 'ARCHIVE'],
  reviewReasons: [],
  ...fields,
});

/** A connection with these gigs. */
export const pageOf = (gigs: readonly { id: string }[], hasNextPage = false) => ({
  __typename: 'GigConnection',
  edges: gigs.map((node) => ({ __typename: 'GigEdge', cursor: `cursor ${node.id}`, node })),
  pageInfo: { __typename: 'PageInfo', hasNextPage, endCursor: gigs.length > 0 ? `cursor ${gigs.at(-1)?.id}` : null },
});
