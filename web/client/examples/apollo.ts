// Apollo Client 4: a list of gigs that stays up to date.

import { ApolloClient, gql, InMemoryCache, type TypedDocumentNode } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import type { Client } from 'gigway-client';
import { gigwayLink } from 'gigway-client/apollo';

import type { GigCard } from './catalogue.js';

interface Catalogue {
  eventCursor: string;
  gigs: { __typename: 'GigConnection'; edges: { __typename: 'GigEdge'; node: GigCard }[] };
}

interface CatalogueChanged {
  catalogueChanged: { cursor: string; gigId: string; gig: GigCard | null };
}

const GIG_CARD = gql`fragment GigCard on Gig { id title price { amount currencyCode } }`;

const CATALOGUE: TypedDocumentNode<Catalogue> = gql`
  query Catalogue {
    eventCursor
    gigs(first: 20) { edges { node { ...GigCard } } }
  }
  ${GIG_CARD}`;

const CATALOGUE_CHANGED: TypedDocumentNode<CatalogueChanged> = gql`
  subscription CatalogueChanged($after: String) {
    catalogueChanged(after: $after) { cursor gigId gig { ...GigCard } }
  }
  ${GIG_CARD}`;

export const createApollo = (client: Client) =>
  new ApolloClient({
    link: gigwayLink(client),
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { gigs: relayStylePagination(['where', 'search', 'orderBy']) } } },
    }),
  });

/** Shows the newest gigs, and each change. Returns a function that ends this. */
export function followCatalogue(apollo: ApolloClient, show: (gigs: GigCard[]) => void, onError: (error: Error) => void) {
  const list = apollo.watchQuery({ query: CATALOGUE, fetchPolicy: 'cache-only' }).subscribe(({ data, dataState }) => {
    if (dataState === 'complete') show(data.gigs.edges.map(({ node }) => node));
  });
  const changes = apollo
    .subscribe({
      query: CATALOGUE_CHANGED,
      context: {
        /** At the start, and if the cursor is too old. */
        async reload() {
          const { data, error } = await apollo.query({ query: CATALOGUE, fetchPolicy: 'network-only' });
          if (!data) throw error;
          return data.eventCursor;
        },
      },
    })
    .subscribe(({ data, error }) => {
      if (error) return onError(error);
      if (!data) return;
      // By its id, a gig is up to date wherever it is shown. What remains is the list.
      const { gigId, gig } = data.catalogueChanged;
      apollo.cache.updateQuery({ query: CATALOGUE }, (catalogue) => {
        if (!catalogue) return undefined;
        const { edges } = catalogue.gigs;
        const others = edges.filter(({ node }) => node.id !== gigId);
        if ((others.length < edges.length) === Boolean(gig)) return undefined;
        const changed = gig ? [{ __typename: 'GigEdge' as const, node: gig }, ...edges] : others;
        return { ...catalogue, gigs: { ...catalogue.gigs, edges: changed } };
      });
    });
  return () => {
    list.unsubscribe();
    changes.unsubscribe();
  };
}
