// Relay: a list of gigs that stays up to date.

import { ConnectionHandler, fetchQuery, graphql, requestSubscription, type Environment } from 'relay-runtime';

import type { relayCatalogueChangedSubscription } from './__generated__/relayCatalogueChangedSubscription.graphql';
import type { relayCatalogueQuery } from './__generated__/relayCatalogueQuery.graphql';

// #region relay-events
export const CATALOGUE = graphql`
  query relayCatalogueQuery($where: GigFilter, $after: String) {
    eventCursor
    gigs(where: $where, first: 20, after: $after) @connection(key: "Catalogue_gigs") {
      totalCount
      edges { node { id title price { amount currencyCode } } }
    }
  }`;

export const GIG = graphql`
  query relayCatalogueGigQuery($id: ID!) { gig(id: $id) { id title price { amount currencyCode } } }`;

const CATALOGUE_CHANGED = graphql`
  subscription relayCatalogueChangedSubscription($where: GigFilter, $after: String) {
    catalogueChanged(where: $where, after: $after) {
      cursor change gigId gig { id title price { amount currencyCode } }
    }
  }`;

/** Keeps the newest gigs and the pages of single gigs up to date. Returns a function that ends this. */
export async function followCatalogue(environment: Environment, where: object | null, onError: (error: Error) => void) {
  const query = fetchQuery<relayCatalogueQuery>(environment, CATALOGUE, { where }, { fetchPolicy: 'network-only' });
  const start = await query.toPromise();
  const subscription = requestSubscription<relayCatalogueChangedSubscription>(environment, {
    subscription: CATALOGUE_CHANGED,
    variables: { where, after: start?.eventCursor },
    onError, // after CURSOR_EXPIRED, begin again
    // By its id, the fields of the gig are up to date wherever it is shown. What remains: the lists that contain it.
    updater(store, data) {
      const { change, gigId } = data!.catalogueChanged;
      const gig = store.getRootField('catalogueChanged').getLinkedRecord('gig');
      const root = store.getRoot();
      if (gig) root.setLinkedRecord(gig, 'gig', { id: gigId });
      else if (change === 'DELISTED') root.setValue(null, 'gig', { id: gigId });
      const list = ConnectionHandler.getConnection(root, 'Catalogue_gigs', { where });
      if (!list || (gig && change === 'UPDATED')) return;
      const edges = list.getLinkedRecords('edges') ?? [];
      const isListed = edges.some((edge) => edge?.getLinkedRecord('node')?.getDataID() === gigId);
      const total = Number(list.getValue('totalCount'));
      if (isListed === Boolean(gig)) return; // the list was read after the change
      if (!gig) {
        ConnectionHandler.deleteNode(list, gigId);
        list.setValue(total - 1, 'totalCount');
      } else {
        ConnectionHandler.insertEdgeBefore(list, ConnectionHandler.createEdge(store, list, gig, 'GigEdge'));
        list.setValue(total + 1, 'totalCount');
      }
    },
  });
  return () => subscription.dispose();
}
// #endregion
