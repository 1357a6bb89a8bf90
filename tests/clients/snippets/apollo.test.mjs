// Tests of examples/clients/apollo.ts.

import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';

import { CombinedGraphQLErrors, gql } from '@apollo/client';

import './browser.mjs';
import { createApolloClient } from '../../../examples/clients/apollo';
import { rejectAccessToken } from '../../../examples/clients/session';
import { createSocket } from '../../../examples/clients/socket';
import { CuttableProxy } from '../cuttable-proxy.mjs';
import { Gig, GIG_STATUS_CHANGED, seller, streams } from '../gateway.mjs';
import { Inbox } from '../inbox.mjs';
import { countRequests, signInSeller, until, webSocketUrl } from './helpers.mjs';

const timeout = 60_000;

beforeEach(signInSeller);

function connect(t, url) {
  const socket = createSocket(url);
  t.after(() => socket.dispose());
  const client = createApolloClient(socket);
  t.after(() => client.stop());
  return client;
}

test('queries have credentials, which are renewed if they are rejected', { timeout }, async (t) => {
  const client = connect(t);
  const session = JSON.parse(localStorage.getItem('gigway-session'));
  localStorage.setItem('gigway-session', JSON.stringify({ ...session, accessToken: 'nonsense' }));
  const refreshes = countRequests(t, 'refreshSession');
  const { data } = await client.query({ query: gql`{ viewer { id email } }` });
  assert.equal(data.viewer.email, seller.email);
  assert.equal(refreshes.count, 1);
  rejectAccessToken('nonsense');
});

test('a subscription reports errors with their codes', { timeout }, async (t) => {
  const query = gql`subscription ($after: String) { gigStatusChanged(after: $after) { cursor } }`;
  const results = connect(t).subscribe({ query, variables: { after: 'nonsense' } });
  const { error } = await new Promise((resolve) => {
    results.subscribe(resolve);
  });
  assert.ok(CombinedGraphQLErrors.is(error), String(error));
  assert.deepEqual(error.errors.map(({ extensions }) => extensions.code), ['INVALID_CURSOR']);
});

test('a subscription resumes after a lost connection', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const inbox = new Inbox();
  const client = connect(t, webSocketUrl(proxy.url));
  const results = client.subscribe({ query: gql(GIG_STATUS_CHANGED), variables: { id: gig.id }, fetchPolicy: 'no-cache' });
  const subscription = results.subscribe(({ data, error }) => inbox.put('next', { data, errors: error }));
  t.after(() => subscription.unsubscribe());
  await inbox.expectVersions(2);
  proxy.cut();
  await gig.pause();
  await gig.resume();
  proxy.restore();
  await inbox.expectVersions(3, 4);
  await inbox.expectSilence();
});

test('pages of a list are merged, and a gig of it is shown without a request', { timeout }, async (t) => {
  for (let count = 0; count < 3; count += 1) await Gig.publish();
  const client = connect(t);
  const query = gql`query ($where: GigFilter, $search: String, $after: String) {
    gigs(where: $where, search: $search, first: 2, after: $after) {
      totalCount
      edges { cursor node { id title price { amount currencyCode } } }
      pageInfo { hasNextPage endCursor }
    } }`;
  const list = client.watchQuery({ query, variables: { where: {} } });
  const subscription = list.subscribe(() => {});
  t.after(() => subscription.unsubscribe());
  const first = await until('the first page', () => list.getCurrentResult().data?.gigs);
  await list.fetchMore({ variables: { after: first.pageInfo.endCursor } });
  const both = await until('two pages', () => {
    const { gigs } = list.getCurrentResult().data;
    return gigs.edges.length > 2 && gigs;
  });
  assert.deepEqual(both.edges.slice(0, 2).map(({ node }) => node.id), first.edges.map(({ node }) => node.id));
  assert.equal(new Set(both.edges.map(({ node }) => node.id)).size, both.edges.length);
  // Another search is another list.
  const { data: other } = await client.query({ query, variables: { where: {}, search: 'nothing has these words' } });
  assert.equal(other.gigs.edges.length, 0);
  assert.ok(list.getCurrentResult().data.gigs.edges.length > 2);

  const { id, title } = both.edges[0].node;
  const requests = countRequests(t, 'query');
  const gig = gql`query ($id: ID!) { gig(id: $id) { id title price { amount } } }`;
  assert.equal((await client.query({ query: gig, variables: { id } })).data.gig.title, title);
  assert.equal(requests.count, 0);
  // Without a list, the gig is read from the gateway.
  const another = connect(t);
  const read = async (variables) => (await another.query({ query: gig, variables })).data.gig;
  assert.equal((await read({ id })).title, title);
  assert.equal(await read({ id: 'gig_00000000000000000000000000' }), null);
  assert.equal(requests.count, 2);
});
