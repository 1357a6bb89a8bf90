// urql: a list of gigs that stays up to date. With the exchange for documents; graphcache works in the same way.

import { cacheExchange, Client as Urql, gql, type TypedDocumentNode } from '@urql/core';
import type { Client } from 'gigway-client';
import { gigwayExchange } from 'gigway-client/urql';

import type { GigCard } from './catalogue.js';

interface Catalogue {
  eventCursor: string;
  gigs: { nodes: GigCard[] };
}

interface CatalogueChanged {
  catalogueChanged: { cursor: string; gigId: string; gig: GigCard | null };
}

const GIG_CARD = gql`fragment GigCard on Gig { id title price { amount currencyCode } }`;

const CATALOGUE: TypedDocumentNode<Catalogue, object> = gql`
  query Catalogue { eventCursor gigs(first: 20) { nodes { ...GigCard } } }
  ${GIG_CARD}`;

const CATALOGUE_CHANGED: TypedDocumentNode<CatalogueChanged, object> = gql`
  subscription CatalogueChanged($after: String) {
    catalogueChanged(after: $after) { cursor gigId gig { ...GigCard } }
  }
  ${GIG_CARD}`;

export const createUrql = (client: Client) =>
  // The client has the address.
  new Urql({ url: 'unused', preferGetMethod: false, exchanges: [cacheExchange, gigwayExchange(client)] });

/** Shows the newest gigs, and each change. Returns a function that ends this. */
export function followCatalogue(urql: Urql, show: (gigs: GigCard[]) => void, onError: (error: Error) => void) {
  let gigs: GigCard[] = [];
  /** At the start, and if the cursor is too old. */
  const reload = async () => {
    const { data, error } = await urql.query(CATALOGUE, {}, { requestPolicy: 'network-only' }).toPromise();
    if (!data) throw error;
    gigs = data.gigs.nodes;
    show(gigs);
    return data.eventCursor;
  };
  const { unsubscribe } = urql.subscription(CATALOGUE_CHANGED, {}, { reload }).subscribe(({ data, error }) => {
    if (error) return onError(error);
    if (!data) return;
    const { gigId, gig } = data.catalogueChanged;
    const isListed = gigs.some(({ id }) => id === gigId);
    if (gig && isListed) gigs = gigs.map((other) => (other.id === gigId ? gig : other));
    else if (gig) gigs = [gig, ...gigs];
    else gigs = gigs.filter(({ id }) => id !== gigId);
    show(gigs);
  });
  return unsubscribe;
}
