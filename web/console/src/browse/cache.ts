// How the events of the catalogue change the lists in the cache. Gigs themselves change by their id.

import type { Cache, UpdatesConfig } from '@urql/exchange-graphcache';

import type { CacheRules } from '../data/cache';
import type { CatalogueChangedSubscription, CatalogueChangedSubscriptionVariables } from './browse.generated';

/** Removes the gig from the lists that it has left. New gigs wait until the user wants to see them. */
function catalogueChanged(event: CatalogueChangedSubscription, { where }: CatalogueChangedSubscriptionVariables, cache: Cache): void {
  const { gigId, gig, change } = event.catalogueChanged;
  if (gig) return;
  const key = cache.keyOfEntity({ __typename: 'Gig', id: gigId });
  for (const { fieldName, fieldKey, arguments: args } of cache.inspectFields('Query')) {
    if (fieldName !== 'gigs') continue;
    const hasSameFilter = JSON.stringify(args?.where ?? null) === JSON.stringify(where ?? null);
    if (change !== 'DELISTED' && !hasSameFilter) continue;
    const page = cache.resolve('Query', fieldKey) as string | null;
    const edges = page && (cache.resolve(page, 'edges') as string[] | null);
    if (!page || !edges) continue;
    const others = edges.filter((edge) => cache.resolve(edge, 'node') !== key);
    if (others.length < edges.length) cache.link(page, 'edges', others);
  }
}

export const browseRules: CacheRules = {
  updates: { Subscription: { catalogueChanged } } as unknown as UpdatesConfig,
};
