// Apollo Client 4.

import {
  ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, Observable,
} from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { relayStylePagination } from '@apollo/client/utilities';
import type { Client } from 'graphql-ws';
import { OperationTypeNode, print } from 'graphql';

import { gatewayUrl, RequestFailed } from './gateway';
import { resume } from './resume';
import schema from './schema.json';
import { freshAccessToken, rejectAccessToken } from './session';

// #region apollo-link
/** Subscriptions that resume. Errors have their codes: `CombinedGraphQLErrors.is(error)`, then `error.errors`. */
export const subscriptionLink = (socket: Client) =>
  new ApolloLink(({ query, variables, operationName, extensions }) =>
    new Observable((observer) =>
      resume(socket, { query: print(query), variables, operationName, extensions }, {
        next: (result) => observer.next(result as ApolloLink.Result),
        error: (error) =>
          observer.error(
            error instanceof RequestFailed ? new CombinedGraphQLErrors({ errors: [...error.errors] }) : error,
          ),
        complete: () => observer.complete(),
      })));
// #endregion

// #region apollo-client
/** Sends the access token with each request. */
const credentialsLink = new SetContextLink(async ({ headers }) => {
  const accessToken = await freshAccessToken();
  return accessToken ? { accessToken, headers: { ...headers, authorization: `Bearer ${accessToken}` } } : {};
});

/** Sends a request once more with another access token, if the gateway does not accept the first one. */
const retryLink = new ErrorLink(({ error, operation, forward }) => {
  const { accessToken, isRetry } = operation.getContext();
  const isRejected = CombinedGraphQLErrors.is(error)
    && error.errors.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED');
  if (!isRejected || !accessToken || isRetry) return undefined;
  rejectAccessToken(accessToken);
  operation.setContext({ isRetry: true });
  return forward(operation);
});

export const createApolloClient = (socket: Client, uri: string = gatewayUrl.href) =>
  new ApolloClient({
    cache: createCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      subscriptionLink(socket),
      ApolloLink.from([retryLink, credentialsLink, new HttpLink({ uri })]),
    ),
  });
// #endregion

// #region apollo-cache
/** The types of each interface and union, so that fragments on them work. */
const possibleTypes = Object.fromEntries(
  schema.__schema.types.flatMap((type) =>
    type.possibleTypes ? [[type.name, type.possibleTypes.map(({ name }) => name)]] : []),
);

/** Objects without an id, of which queries can read different fields: merged, instead of replaced. */
const withoutId = Object.fromEntries(
  schema.__schema.types.flatMap((type) =>
    type.kind === 'OBJECT' && !type.fields?.some(({ name }) => name === 'id') && !/Edge$|Connection$/.test(type.name)
      ? [[type.name, { merge: true }]] : []),
);

export const createCache = () =>
  new InMemoryCache({
    possibleTypes,
    typePolicies: {
      ...withoutId,
      Query: {
        fields: {
          // A list for each combination of these arguments; the others select a page of it. Select `edges`, not `nodes`.
          gigs: relayStylePagination(['where', 'search', 'orderBy']),
          // A gig of a list is shown at once on its own page.
          gig: {
            read: (gig, { args, toReference }) =>
              gig === undefined ? toReference({ __typename: 'Gig', id: args?.id }) : gig,
          },
        },
      },
      Viewer: { fields: { gigs: relayStylePagination(['status']) } },
      User: { fields: { gigs: relayStylePagination() } },
    },
  });
// #endregion
