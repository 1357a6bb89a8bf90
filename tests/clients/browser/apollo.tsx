import { gql, type TypedDocumentNode } from '@apollo/client';
import { ApolloProvider, useQuery, useSubscription } from '@apollo/client/react';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';

import { createApolloClient } from '../../../examples/clients/apollo';
import * as catalogue from '../../../examples/clients/apollo-catalogue';
import { failed, gigId, isSignedIn, received, socket, type OwnGig, type StatusEvent } from './page';

const client = createApolloClient(socket);

const OWN_GIGS: TypedDocumentNode<{ viewer: { gigs: { edges: { node: OwnGig }[] } } }> = gql`{
  viewer { gigs(first: 20) { edges { cursor node { id title status } } pageInfo { hasNextPage endCursor } } } }`;

const GIG: TypedDocumentNode<{ gig: OwnGig | null }> = gql`query ($id: ID!) { gig(id: $id) { id title status } }`;

const STATUS: TypedDocumentNode<{ gigStatusChanged: StatusEvent }> = gql`subscription ($gigId: ID, $after: String) {
  gigStatusChanged(gigId: $gigId, after: $after) { cursor gigId version gig { id status } } }`;

function OwnGigs() {
  const { data } = useQuery(OWN_GIGS);
  return <ul>{data?.viewer.gigs.edges.map(({ node }) => <li key={node.id} id={node.id}>{node.status}</li>)}</ul>;
}

function Gig() {
  const { data } = useQuery(GIG, { variables: { id: gigId } });
  useSubscription(STATUS, {
    variables: { gigId },
    ignoreResults: true,
    onData: ({ data: { data } }) => data && received(data.gigStatusChanged),
    onError: failed,
  });
  return <h1>{data?.gig?.status}</h1>;
}

function Catalogue() {
  const { data } = useQuery(catalogue.CATALOGUE, { variables: { where: null } });
  useEffect(() => {
    const following = catalogue.followCatalogue(client, null, failed);
    following.catch(failed);
    return () => void following.then((end) => end());
  }, []);
  return <>
    <p id="total">{data?.gigs.totalCount}</p>
    <ul>{data?.gigs.edges.map(({ node }) => <li key={node.id} id={node.id}>{node.title}</li>)}</ul>
  </>;
}

function ListedGig() {
  const { data, error } = useQuery(catalogue.GIG, { variables: { id: gigId } });
  useEffect(() => {
    if (error) failed(error);
  }, [error]);
  return <h1>{data && (data.gig?.title ?? 'not available')}</h1>;
}

createRoot(document.querySelector('main')!).render(
  <ApolloProvider client={client}>{isSignedIn ? <><Gig /><OwnGigs /></> : <><ListedGig /><Catalogue /></>}</ApolloProvider>,
);
