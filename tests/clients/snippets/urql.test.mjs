// Tests of examples/clients/urql.ts.

import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';

import './browser.mjs';
import { createUrqlClient } from '../../../examples/clients/urql';
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
  return createUrqlClient(socket);
}

test('queries have credentials, which are renewed if they are rejected', { timeout }, async (t) => {
  const session = JSON.parse(localStorage.getItem('gigway-session'));
  const refreshes = countRequests(t, 'refreshSession');
  const client = connect(t);
  const email = async (context) => (await client.query('{ viewer { id email } }', {}, context).toPromise()).data?.viewer.email;
  localStorage.setItem('gigway-session', JSON.stringify({ ...session, accessToken: 'nonsense' }));
  assert.equal(await email(), seller.email);
  assert.equal(refreshes.count, 1);
  // Another tab has another token, and then it is time for the next.
  localStorage.setItem('gigway-session', JSON.stringify({ ...session, refreshAt: 0 }));
  assert.equal(await email({ requestPolicy: 'network-only' }), seller.email);
  assert.equal(refreshes.count, 2);
});

test('a subscription reports errors with their codes', { timeout }, async (t) => {
  const query = 'subscription ($after: String) { gigStatusChanged(after: $after) { cursor } }';
  const { error } = await new Promise((resolve) => {
    connect(t).subscription(query, { after: 'nonsense' }).subscribe(resolve);
  });
  assert.deepEqual(error.graphQLErrors.map(({ extensions }) => extensions.code), ['INVALID_CURSOR']);
});

test('a subscription resumes after a lost connection', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const inbox = new Inbox();
  const client = connect(t, webSocketUrl(proxy.url));
  const { unsubscribe } = client.subscription(GIG_STATUS_CHANGED, { id: gig.id }).subscribe(({ data, error }) =>
    inbox.put('next', { data, errors: error }));
  t.after(unsubscribe);
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
  const warnings = t.mock.method(console, 'warn', () => {});
  const client = connect(t);
  const query = `query ($where: GigFilter, $search: String, $after: String) {
    gigs(where: $where, search: $search, first: 2, after: $after) {
      totalCount
      edges { cursor node { id title price { amount currencyCode } } }
      pageInfo { hasNextPage endCursor }
    } }`;
  const read = async (variables) => {
    const { data, error } = await client.query(query, { where: {}, ...variables }).toPromise();
    assert.equal(error, undefined);
    return data.gigs;
  };
  const first = await read({});
  assert.equal(first.edges.length, 2);
  const both = await read({ after: first.pageInfo.endCursor });
  assert.ok(both.edges.length > 2, both.edges.length);
  assert.deepEqual(both.edges.slice(0, 2).map(({ node }) => node.id), first.edges.map(({ node }) => node.id));
  assert.equal((await read({ search: 'nothing has these words' })).edges.length, 0);

  const { id, title } = both.edges[0].node;
  const requests = countRequests(t, 'query');
  const gig = 'query ($id: ID!) { gig(id: $id) { id title price { amount } } }';
  assert.equal((await client.query(gig, { id }).toPromise()).data.gig.title, title);
  assert.equal(requests.count, 0);
  // Without a list, the gig is read from the gateway.
  const another = connect(t);
  assert.equal((await another.query(gig, { id }).toPromise()).data.gig.title, title);
  assert.equal((await another.query(gig, { id: 'gig_00000000000000000000000000' }).toPromise()).data.gig, null);
  assert.equal(requests.count, 2);
  assert.deepEqual(warnings.mock.calls, [], 'graphcache knows the key of each type');
});
