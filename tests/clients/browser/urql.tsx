import { useEffect, useRef } from 'react';
import { createRoot } from 'react-dom/client';
import { gql, Provider, useQuery, useSubscription, type TypedDocumentNode } from 'urql';

import { createUrqlClient } from '../../../examples/clients/urql';
import * as catalogue from '../../../examples/clients/urql-catalogue';
import { failed, gigId, isSignedIn, received, socket, type OwnGig, type StatusEvent } from './page';

const client = createUrqlClient(socket, catalogue.catalogueUpdates);

const OWN_GIGS: TypedDocumentNode<{ viewer: { gigs: { edges: { node: OwnGig }[] } } }, {}> = gql`{
  viewer { gigs(first: 20) { edges { cursor node { id title status } } pageInfo { hasNextPage endCursor } } } }`;

const GIG: TypedDocumentNode<{ gig: OwnGig | null }, { id: string }> = gql`
  query ($id: ID!) { gig(id: $id) { id title status } }`;

const STATUS: TypedDocumentNode<{ gigStatusChanged: StatusEvent }, { gigId: string }> = gql`
  subscription ($gigId: ID, $after: String) {
    gigStatusChanged(gigId: $gigId, after: $after) { cursor gigId version gig { id status } } }`;

function OwnGigs() {
  const [{ data }] = useQuery({ query: OWN_GIGS, variables: {} });
  return <ul>{data?.viewer.gigs.edges.map(({ node }) => <li key={node.id} id={node.id}>{node.status}</li>)}</ul>;
}

function Gig() {
  const [{ data }] = useQuery({ query: GIG, variables: { id: gigId } });
  const [{ error }] = useSubscription({ query: STATUS, variables: { gigId } }, (_, data) => {
    received(data.gigStatusChanged);
    return data;
  });
  useEffect(() => {
    if (error) failed(error);
  }, [error]);
  return <h1>{data?.gig?.status}</h1>;
}

function Catalogue() {
  const [{ data, error }] = useQuery({ query: catalogue.CATALOGUE, variables: { where: null } });
  // The cursor of the first list. From then on, the subscription has its own.
  const after = useRef<string>(undefined);
  after.current ??= data?.eventCursor;
  const [changes] = useSubscription({
    query: catalogue.CATALOGUE_CHANGED,
    variables: { where: null, after: after.current! },
    pause: !after.current,
  });
  useEffect(() => {
    if (error ?? changes.error) failed(error ?? changes.error);
  }, [error, changes.error]);
  return <>
    <p id="total">{data?.gigs.totalCount}</p>
    <ul>{data?.gigs.edges.map(({ node }) => <li key={node.id} id={node.id}>{node.title}</li>)}</ul>
  </>;
}

function ListedGig() {
  const [{ data, error }] = useQuery({ query: catalogue.GIG, variables: { id: gigId } });
  useEffect(() => {
    if (error) failed(error);
  }, [error]);
  return <h1>{data && (data.gig?.title ?? 'not available')}</h1>;
}

createRoot(document.querySelector('main')!).render(
  <Provider value={client}>{isSignedIn ? <><Gig /><OwnGigs /></> : <><ListedGig /><Catalogue /></>}</Provider>,
);
