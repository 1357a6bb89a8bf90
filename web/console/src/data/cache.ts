// The normalised cache: each object once, by its type and id. So an event updates a gig wherever it is shown.

import { cacheExchange, type OptimisticMutationConfig, type UpdatesConfig } from '@urql/exchange-graphcache';
import type { Exchange } from 'urql';

import { keylessTypes } from './keyless.generated';

/** What a feature adds to the cache: how mutations and events change lists, and results that are shown at once. */
export interface CacheRules {
  updates?: UpdatesConfig;
  optimistic?: OptimisticMutationConfig;
}

/** Objects without an id, such as Money, belong to the object that contains them. */
const keys = Object.fromEntries(keylessTypes.map((name) => [name, () => null]));

const merged = <Config>(configs: readonly Config[]): Config => Object.assign({}, ...configs) as Config;

export function createCache(rules: readonly CacheRules[]): Exchange {
  const updates = rules.map((rule) => rule.updates ?? {});
  return cacheExchange({
    keys,
    updates: {
      Mutation: merged(updates.map(({ Mutation }) => Mutation)),
      Subscription: merged(updates.map(({ Subscription }) => Subscription)),
    },
    optimistic: merged(rules.map(({ optimistic }) => optimistic ?? {})),
    resolvers: {
      Query: {
        // A gig that a list has is the gig of its own page.
        gig(_, { id }, cache) {
          const known = cache.resolve('Query', 'gig', { id: id as string }) as string | null | undefined;
          return known === undefined ? { __typename: 'Gig', id: id as string } : known;
        },
      },
    },
  });
}
