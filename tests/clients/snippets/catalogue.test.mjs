// Tests of examples/clients/apollo-catalogue.ts, urql-catalogue.ts and relay-catalogue.ts: what a visitor sees while gigs
// are listed, paused and resumed.

import assert from 'node:assert/strict';
import test from 'node:test';

import { createOperationDescriptor, fetchQuery, getRequest } from 'relay-runtime';

import './browser.mjs';
import { createApolloClient } from '../../../examples/clients/apollo';
import * as apolloCatalogue from '../../../examples/clients/apollo-catalogue';
import { createRelayEnvironment } from '../../../examples/clients/relay';
import * as relayCatalogue from '../../../examples/clients/relay-catalogue';
import { createSocket } from '../../../examples/clients/socket';
import { createUrqlClient } from '../../../examples/clients/urql';
import * as urqlCatalogue from '../../../examples/clients/urql-catalogue';
import { Gig } from '../gateway.mjs';
import { until } from './helpers.mjs';

const timeout = 60_000;
const where = null;

// Each shows the list and the page of a gig, and returns functions that read what is shown.
const clients = {
  async apollo(t, socket, id) {
    const client = createApolloClient(socket);
    t.after(() => client.stop());
    const { CATALOGUE, GIG, followCatalogue } = apolloCatalogue;
    const watched = [[CATALOGUE, { where }], [GIG, { id }]].map(([query, variables]) => {
      const result = client.watchQuery({ query, variables });
      const subscription = result.subscribe(() => {});
      t.after(() => subscription.unsubscribe());
      return () => result.getCurrentResult().data;
    });
    t.after(await followCatalogue(client, where, assert.fail));
    return watched;
  },

  async urql(t, socket, id) {
    const client = createUrqlClient(socket, urqlCatalogue.catalogueUpdates);
    const { CATALOGUE, CATALOGUE_CHANGED, GIG } = urqlCatalogue;
    const watched = [[CATALOGUE, { where }], [GIG, { id }]].map(([query, variables]) => {
      let data;
      const { unsubscribe } = client.query(query, variables).subscribe((result) => {
        assert.equal(result.error, undefined);
        data = result.data;
      });
      t.after(unsubscribe);
      return () => data;
    });
    const { eventCursor } = await until('the list', watched[0]);
    const { unsubscribe } = client.subscription(CATALOGUE_CHANGED, { where, after: eventCursor }).subscribe(({ error }) => {
      assert.equal(error, undefined);
    });
    t.after(unsubscribe);
    return watched;
  },

  async relay(t, socket, id) {
    const environment = createRelayEnvironment(socket);
    const { CATALOGUE, GIG, followCatalogue } = relayCatalogue;
    t.after(await followCatalogue(environment, where, assert.fail));
    await fetchQuery(environment, GIG, { id }).toPromise();
    return [[CATALOGUE, { where }], [GIG, { id }]].map(([query, variables]) => {
      const operation = createOperationDescriptor(getRequest(query), variables);
      const { dispose } = environment.retain(operation);
      t.after(dispose);
      return () => environment.lookup(operation.fragment).data;
    });
  },
};

for (const [name, open] of Object.entries(clients)) {
  test(`${name}: lists and pages stay up to date while gigs are listed, paused and resumed`, { timeout }, async (t) => {
    const gig = await Gig.publish();
    const socket = createSocket();
    t.after(() => socket.dispose());
    const [list, page] = await open(t, socket, gig.id);
    const ids = () => list()?.gigs.edges.map(({ node }) => node.id) ?? [];
    await until('the gig is in the list', () => ids().includes(gig.id));
    await until('the gig is on its page', () => page()?.gig?.id === gig.id);
    const total = list().gigs.totalCount;
    await gig.pause();
    await until('the gig is gone from the list', () => !ids().includes(gig.id));
    await until('the gig is gone from its page', () => page()?.gig === null);
    await until('the total', () => list().gigs.totalCount === total - 1);
    await gig.resume();
    await until('the gig is back in the list', () => ids().includes(gig.id));
    await until('the gig is back on its page', () => page()?.gig?.id === gig.id);
    const other = await Gig.publish();
    await until('a new gig', () => ids().includes(other.id));
    await until('the total', () => list().gigs.totalCount === total + 1);
    assert.equal(new Set(ids()).size, ids().length);
  });
}
