// Apollo Client 4: a list of gigs that stays up to date.

import { gql, type ApolloClient, type TypedDocumentNode } from '@apollo/client';

interface GigCard {
  __typename: 'Gig';
  id: string;
  title: string;
  price: { __typename: 'Money'; amount: string; currencyCode: string };
}

interface Catalogue {
  eventCursor: string;
  gigs: {
    __typename: 'GigConnection';
    totalCount: number;
    edges: { __typename: 'GigEdge'; cursor: string; node: GigCard }[];
    pageInfo: { __typename: 'PageInfo'; hasNextPage: boolean; endCursor: string | null };
  };
}

interface CatalogueChanged {
  catalogueChanged: {
    cursor: string;
    change: 'LISTED' | 'UPDATED' | 'DELISTED';
    gigId: string;
    gig: GigCard | null;
  };
}

// #region apollo-events
const GIG_CARD = gql`fragment GigCard on Gig { id title price { amount currencyCode } }`;

export const CATALOGUE: TypedDocumentNode<Catalogue> = gql`
  query Catalogue($where: GigFilter, $after: String) {
    eventCursor
    gigs(where: $where, first: 20, after: $after) {
      totalCount
      edges { cursor node { ...GigCard } }
      pageInfo { hasNextPage endCursor }
    }
  }
  ${GIG_CARD}`;

export const GIG: TypedDocumentNode<{ gig: GigCard | null }> = gql`
  query Gig($id: ID!) { gig(id: $id) { ...GigCard } }
  ${GIG_CARD}`;

const CATALOGUE_CHANGED: TypedDocumentNode<CatalogueChanged> = gql`
  subscription CatalogueChanged($where: GigFilter, $after: String) {
    catalogueChanged(where: $where, after: $after) { cursor change gigId gig { ...GigCard } }
  }
  ${GIG_CARD}`;

/** Keeps the newest gigs and the pages of single gigs up to date. Returns a function that ends this. */
export async function followCatalogue(client: ApolloClient, where: object | null, onError: (error: unknown) => void) {
  const { data } = await client.query({ query: CATALOGUE, variables: { where }, fetchPolicy: 'network-only' });
  const events = client.subscribe({ query: CATALOGUE_CHANGED, variables: { where, after: data?.eventCursor } });
  const subscription = events.subscribe(({ data, error }) => {
    if (error) return onError(error); // after CURSOR_EXPIRED, begin again
    const { change, gigId, gig } = data!.catalogueChanged;
    // By its id, the fields of the gig are up to date wherever it is shown. What remains: the lists that contain it.
    if (gig || change === 'DELISTED') {
      client.cache.updateQuery({ query: GIG, variables: { id: gigId } }, (page) => page && { gig });
    }
    client.cache.updateQuery({ query: CATALOGUE, variables: { where } }, (list) => {
      if (!list || (gig && change === 'UPDATED')) return undefined;
      const { edges, totalCount } = list.gigs;
      const others = edges.filter(({ node }) => node.id !== gigId);
      if ((others.length < edges.length) === Boolean(gig)) return undefined; // the list was read after the change
      if (!gig) return { ...list, gigs: { ...list.gigs, edges: others, totalCount: totalCount - 1 } };
      const edge = { __typename: 'GigEdge' as const, cursor: '', node: gig };
      return { ...list, gigs: { ...list.gigs, edges: [edge, ...edges], totalCount: totalCount + 1 } };
    });
  });
  return () => subscription.unsubscribe();
}
// #endregion
