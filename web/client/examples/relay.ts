// Relay: a list of gigs that stays up to date.

import type { Client } from 'gigway-client';
import { gigwayNetwork } from 'gigway-client/relay';
import {
  ConnectionHandler, createOperationDescriptor, Environment, fetchQuery, graphql, RecordSource, requestSubscription, Store,
} from 'relay-runtime';

import type { relayCatalogueChangedSubscription } from './__generated__/relayCatalogueChangedSubscription.graphql';
import type { relayCatalogueQuery, relayCatalogueQuery$data } from './__generated__/relayCatalogueQuery.graphql';
import type { GigCard } from './catalogue.js';

const CATALOGUE = graphql`
  query relayCatalogueQuery {
    eventCursor
    gigs(first: 20) @connection(key: "Catalogue_gigs") {
      edges { node { id title price { amount currencyCode } } }
    }
  }`;

const CATALOGUE_CHANGED = graphql`
  subscription relayCatalogueChangedSubscription($after: String) {
    catalogueChanged(after: $after) {
      cursor gigId gig { id title price { amount currencyCode } }
    }
  }`;

export const createRelay = (client: Client) =>
  new Environment({ network: gigwayNetwork(client), store: new Store(new RecordSource()) });

/** Shows the newest gigs, and each change. Returns a function that ends this. */
export function followCatalogue(relay: Environment, show: (gigs: readonly GigCard[]) => void, onError: (error: Error) => void) {
  const operation = createOperationDescriptor(CATALOGUE as never, {});
  const showData = (data: relayCatalogueQuery$data) => show(data.gigs.edges.map(({ node }) => node));
  const list = relay.subscribe(relay.lookup(operation.fragment), ({ data }) => showData(data as unknown as relayCatalogueQuery$data));
  const retained = relay.retain(operation);
  /** At the start, and if the cursor is too old. */
  const reload = async () => {
    const data = await fetchQuery<relayCatalogueQuery>(relay, CATALOGUE, {}, { fetchPolicy: 'network-only' }).toPromise();
    if (!data) throw new Error('no data');
    showData(data);
    return data.eventCursor;
  };
  const changes = requestSubscription<relayCatalogueChangedSubscription>(relay, {
    subscription: CATALOGUE_CHANGED,
    variables: {},
    cacheConfig: { metadata: { reload } },
    onError,
    // By its id, a gig is up to date wherever it is shown. What remains is the list.
    updater(store, data) {
      const gigId = data?.catalogueChanged.gigId;
      const gig = store.getRootField('catalogueChanged').getLinkedRecord('gig');
      const connection = ConnectionHandler.getConnection(store.getRoot(), 'Catalogue_gigs');
      if (!connection || !gigId) return;
      const isListed = connection.getLinkedRecords('edges')?.some((edge) => edge?.getLinkedRecord('node')?.getDataID() === gigId);
      if (!gig) ConnectionHandler.deleteNode(connection, gigId);
      else if (!isListed) ConnectionHandler.insertEdgeBefore(connection, ConnectionHandler.createEdge(store, connection, gig, 'GigEdge'));
    },
  });
  return () => {
    changes.dispose();
    list.dispose();
    retained.dispose();
  };
}
