// urql 5 with graphcache: a list of gigs that stays up to date.

import { gql, type TypedDocumentNode } from '@urql/core';
import type { Cache, UpdatesConfig } from '@urql/exchange-graphcache';

type GigCard = {
  __typename: 'Gig';
  id: string;
  title: string;
  price: { amount: string; currencyCode: string };
};

interface Catalogue {
  eventCursor: string;
  gigs: {
    totalCount: number;
    edges: { cursor: string; node: GigCard }[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
  };
}

interface CatalogueChanged {
  catalogueChanged: { cursor: string; change: 'LISTED' | 'UPDATED' | 'DELISTED'; gigId: string; gig: GigCard | null };
}

const GIG_CARD = gql`fragment GigCard on Gig { id title price { amount currencyCode } }`;

export const CATALOGUE: TypedDocumentNode<Catalogue, { where?: object | null; after?: string }> = gql`
  query Catalogue($where: GigFilter, $after: String) {
    eventCursor
    gigs(where: $where, first: 20, after: $after) {
      totalCount
      edges { cursor node { ...GigCard } }
      pageInfo { hasNextPage endCursor }
    }
  }
  ${GIG_CARD}`;

export const GIG: TypedDocumentNode<{ gig: GigCard | null }, { id: string }> = gql`
  query Gig($id: ID!) { gig(id: $id) { ...GigCard } }
  ${GIG_CARD}`;

export const CATALOGUE_CHANGED: TypedDocumentNode<CatalogueChanged, { where?: object | null; after: string }> = gql`
  subscription CatalogueChanged($where: GigFilter, $after: String) {
    catalogueChanged(where: $where, after: $after) { cursor change gigId gig { ...GigCard } }
  }
  ${GIG_CARD}`;

// #region graphcache-events
/** By its id, the fields of the gig are up to date wherever it is shown. What remains: the lists that contain it. */
function apply({ catalogueChanged: { change, gigId, gig } }: CatalogueChanged, where: object | null | undefined, cache: Cache) {
  const key = cache.keyOfEntity({ __typename: 'Gig', id: gigId });
  let isListed = false;
  for (const { fieldName, arguments: args, fieldKey } of cache.inspectFields('Query')) {
    const hasSameFilter = JSON.stringify(args?.where ?? null) === JSON.stringify(where ?? null);
    if (fieldName === 'gig' && args?.id === gigId && (gig || change === 'DELISTED')) {
      cache.link('Query', 'gig', args as { id: string }, gig);
    } else if (fieldName === 'gigs' && !gig && (hasSameFilter || change === 'DELISTED')) {
      const page = cache.resolve('Query', fieldKey) as string;
      const edges = cache.resolve(page, 'edges') as string[];
      const others = edges.filter((edge) => cache.resolve(edge, 'node') !== key);
      isListed ||= hasSameFilter && others.length < edges.length;
      cache.link(page, 'edges', others);
    } else if (fieldName === 'gigs' && hasSameFilter && change === 'LISTED') {
      cache.invalidate('Query', fieldKey); // read again, in the order of the list
    }
  }
  if (!isListed) return; // the list was read after the change
  cache.updateQuery({ query: CATALOGUE, variables: { where } }, (list) =>
    list && { ...list, gigs: { ...list.gigs, totalCount: list.gigs.totalCount - 1 } });
}

/** For `createCache`. */
export const catalogueUpdates: UpdatesConfig = {
  Subscription: {
    catalogueChanged: (event, { where }, cache) => apply(event as unknown as CatalogueChanged, where as object, cache),
  },
};
// #endregion
