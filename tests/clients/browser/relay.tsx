import { Suspense, useEffect, useMemo } from 'react';
import { createRoot } from 'react-dom/client';
import { graphql, RelayEnvironmentProvider, useLazyLoadQuery, useSubscription } from 'react-relay';

import type { relayCatalogueGigQuery } from '../../../examples/clients/__generated__/relayCatalogueGigQuery.graphql';
import type { relayCatalogueQuery } from '../../../examples/clients/__generated__/relayCatalogueQuery.graphql';
import { createRelayEnvironment } from '../../../examples/clients/relay';
import * as catalogue from '../../../examples/clients/relay-catalogue';
import type { relayGigQuery } from './__generated__/relayGigQuery.graphql';
import type { relayOwnGigsQuery } from './__generated__/relayOwnGigsQuery.graphql';
import type { relayStatusSubscription } from './__generated__/relayStatusSubscription.graphql';
import { failed, gigId, isSignedIn, received, socket } from './page';

const environment = createRelayEnvironment(socket);

const OWN_GIGS = graphql`query relayOwnGigsQuery {
  viewer { gigs(first: 20) @connection(key: "OwnGigs_gigs") { edges { node { id title status } } } } }`;

const GIG = graphql`query relayGigQuery($id: ID!) { gig(id: $id) { id title status } }`;

const STATUS = graphql`subscription relayStatusSubscription($gigId: ID, $after: String) {
  gigStatusChanged(gigId: $gigId, after: $after) { cursor gigId version gig { id status } } }`;

function OwnGigs() {
  const { viewer } = useLazyLoadQuery<relayOwnGigsQuery>(OWN_GIGS, {});
  return <ul>{viewer?.gigs.edges.map(({ node }) => <li key={node.id} id={node.id}>{node.status}</li>)}</ul>;
}

function Gig() {
  const { gig } = useLazyLoadQuery<relayGigQuery>(GIG, { id: gigId });
  const config = useMemo(() => ({
    subscription: STATUS,
    variables: { gigId },
    onNext: (data: relayStatusSubscription['response'] | null | undefined) => data && received(data.gigStatusChanged),
    onError: failed,
  }), []);
  useSubscription<relayStatusSubscription>(config);
  return <h1>{gig?.status}</h1>;
}

function Catalogue() {
  const { gigs } = useLazyLoadQuery<relayCatalogueQuery>(catalogue.CATALOGUE, { where: null });
  useEffect(() => {
    const following = catalogue.followCatalogue(environment, null, failed);
    following.catch(failed);
    return () => void following.then((end) => end());
  }, []);
  return <>
    <p id="total">{gigs.totalCount}</p>
    <ul>{gigs.edges.map(({ node }) => <li key={node.id} id={node.id}>{node.title}</li>)}</ul>
  </>;
}

function ListedGig() {
  const { gig } = useLazyLoadQuery<relayCatalogueGigQuery>(catalogue.GIG, { id: gigId });
  return <h1>{gig?.title ?? 'not available'}</h1>;
}

createRoot(document.querySelector('main')!).render(
  <RelayEnvironmentProvider environment={environment}>
    <Suspense>{isSignedIn ? <><Gig /><OwnGigs /></> : <><ListedGig /><Catalogue /></>}</Suspense>
  </RelayEnvironmentProvider>,
);
