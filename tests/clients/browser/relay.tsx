import { Suspense, useMemo } from 'react';
import { createRoot } from 'react-dom/client';
import { graphql, RelayEnvironmentProvider, useLazyLoadQuery, useSubscription } from 'react-relay';

import { createRelayEnvironment } from '../../../examples/clients/relay';
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

createRoot(document.querySelector('main')!).render(
  <RelayEnvironmentProvider environment={environment}>
    <Suspense>{isSignedIn && <><Gig /><OwnGigs /></>}</Suspense>
  </RelayEnvironmentProvider>,
);
