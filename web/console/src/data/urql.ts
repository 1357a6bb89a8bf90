// The GraphQL client of the pages. All its requests and subscriptions are those of the client package.

import { gigwayExchange } from 'gigway-client/urql';
import { Client } from 'urql';

import { createCache, type CacheRules } from './cache';
import { eventCursorExchange } from './eventCursors';
import { gigway } from './gigway';

/** A new client for each user: nobody sees what another user has loaded. */
export const createDataClient = (rules: readonly CacheRules[]): Client =>
  new Client({
    url: '/graphql', // urql wants one, but the exchange knows where the gateway is
    exchanges: [createCache(rules), eventCursorExchange, gigwayExchange(gigway)],
  });
