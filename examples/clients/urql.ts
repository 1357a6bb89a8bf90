// urql 5 with graphcache.

import { authExchange } from '@urql/exchange-auth';
import { cacheExchange, type UpdatesConfig } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import type { Client as Socket } from 'graphql-ws';

import { gatewayUrl, RequestFailed } from './gateway';
import { resume } from './resume';
import schema from './schema.json';
import { freshAccessToken, needsRefresh, rejectAccessToken } from './session';

// #region urql-client
/** Subscriptions that resume. Errors have their codes: `error.graphQLErrors`. */
export const resumingExchange = (socket: Socket) =>
  subscriptionExchange({
    forwardSubscription: ({ query, variables, extensions }) => ({
      subscribe: (sink) => ({
        unsubscribe: resume(socket, { query: query!, variables, extensions }, {
          next: (result) => sink.next(result as Parameters<typeof sink.next>[0]),
          error: (error) => sink.error(error instanceof RequestFailed ? error.errors : error),
          complete: () => sink.complete(),
        }),
      }),
    }),
  });

/** Sends the access token with each request, and once more with another one if the gateway does not accept it. */
const credentialsExchange = authExchange(async ({ appendHeaders }) => {
  let accessToken = await freshAccessToken().catch(() => undefined);
  return {
    addAuthToOperation: (operation) =>
      accessToken ? appendHeaders(operation, { authorization: `Bearer ${accessToken}` }) : operation,
    willAuthError: () => needsRefresh(accessToken),
    didAuthError({ graphQLErrors }) {
      const isRejected = graphQLErrors.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED');
      if (isRejected && accessToken) rejectAccessToken(accessToken);
      return isRejected;
    },
    async refreshAuth() {
      accessToken = await freshAccessToken();
    },
  };
});

export const createUrqlClient = (socket: Socket, updates?: UpdatesConfig, url: string = gatewayUrl.href) =>
  new Client({
    url,
    preferGetMethod: false,
    exchanges: [createCache(updates), credentialsExchange, fetchExchange, resumingExchange(socket)],
  });
// #endregion

// #region graphcache
/** Types without an id, such as Money: graphcache stores them inside of their parent. */
const keys = Object.fromEntries(
  schema.__schema.types.flatMap((type) =>
    type.kind === 'OBJECT' && !type.fields?.some(({ name }) => name === 'id') ? [[type.name, () => null]] : []),
);

export const createCache = (updates: UpdatesConfig = {}) =>
  cacheExchange({
    schema,
    keys,
    resolvers: {
      Query: {
        gigs: relayPagination(),
        // A gig of a list is shown at once on its own page.
        gig(_, { id }, cache) {
          const gig = cache.resolve('Query', 'gig', { id: id as string }) as string | null | undefined;
          return gig === undefined ? { __typename: 'Gig', id: id as string } : gig;
        },
      },
      Viewer: { gigs: relayPagination() },
      User: { gigs: relayPagination() },
    },
    updates,
  });
// #endregion
