import { useRef } from 'react';
import { useClient } from 'urql';

import { useThrottled } from '../ui/useThrottled';
import { MatchingNewGigsDocument, type CatalogueChangedSubscription } from './browse.generated';
import type { ListRequest } from './filters';

type NewGig = NonNullable<CatalogueChangedSubscription['catalogueChanged']['gig']>;

const INTERVAL_MS = 2000;

/**
 * An event does not say whether its gig matches a search: only the gateway knows which words are similar. So this asks
 * it about new gigs, those of two seconds at a time, and calls back with the id of each that matches.
 */
export function useMatches({ where, search }: ListRequest, onMatch: (id: string) => void): (gig: NewGig) => void {
  const client = useClient();
  const gigs = useRef(new Map<string, NewGig>());
  const ask = useThrottled(async () => {
    const asked = [...gigs.current.values()];
    gigs.current.clear();
    const since = asked.map(({ publishedAt }) => publishedAt ?? '').sort()[0];
    if (!search || !since) return;
    const variables = { search, where: { ...where, publishedSince: since } };
    const { data } = await client.query(MatchingNewGigsDocument, variables, { requestPolicy: 'network-only' });
    const matches = new Set(data?.gigs.edges.map(({ node }) => node.id));
    asked.filter(({ id }) => matches.has(id)).forEach(({ id }) => onMatch(id));
  }, INTERVAL_MS);
  return (gig) => {
    gigs.current.set(gig.id, gig);
    ask();
  };
}
