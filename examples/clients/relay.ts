// Relay.

import type { Client } from 'graphql-ws';
import { Environment, Network, Observable, RecordSource, Store, type GraphQLResponse } from 'relay-runtime';

import { gatewayUrl } from './gateway';
import { resume } from './resume';
import { freshAccessToken, rejectAccessToken } from './session';

// #region relay-environment
/** Sends a request, and once more with another access token if the gateway does not accept the first one. */
async function execute(url: string, query: string, variables: object, isRetry = false): Promise<GraphQLResponse> {
  const accessToken = await freshAccessToken();
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const result = await response.json();
  const isRejected = result.errors?.some(({ extensions }: any) => extensions?.code === 'UNAUTHENTICATED');
  if (!isRejected || !accessToken || isRetry) return result;
  rejectAccessToken(accessToken);
  return execute(url, query, variables, true);
}

export const createRelayEnvironment = (socket: Client, url: string = gatewayUrl.href) =>
  new Environment({
    network: Network.create(
      ({ text }, variables) => execute(url, text!, variables),
      // Subscriptions that resume. Errors have their codes: `error.errors`.
      ({ text, name }, variables) =>
        Observable.create((sink) =>
          resume(socket, { query: text!, variables, operationName: name }, {
            next: (result) => sink.next(result as GraphQLResponse),
            error: (error) => sink.error(error),
            complete: () => sink.complete(),
          })),
    ),
    store: new Store(new RecordSource()),
    // A gig of a list is shown at once on its own page.
    missingFieldHandlers: [{
      kind: 'linked',
      handle: (field, parent, args) =>
        parent?.getType() === '__Root' && ['gig', 'node'].includes(field.name) ? args.id : undefined,
    }],
  });
// #endregion
