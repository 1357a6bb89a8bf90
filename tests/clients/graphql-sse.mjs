// Tests with the client of the npm package graphql-sse in distinct connections mode.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { createClient, NetworkError } from 'graphql-sse';

import { CuttableProxy } from './cuttable-proxy.mjs';
import { subscribeToGig, subscribe } from './subscribe.mjs';
import { Gig, GIG_STATUS_CHANGED, PAUSE_GIG, seller, streams } from './gateway.mjs';

const timeout = 30_000;

// Creates a client that is disposed at the end of the test. It has the credentials of the seller, unless the
// options have others.
function connect(t, options = {}) {
  const client = createClient({
    url: streams.href,
    headers: { authorization: seller.authorization },
    retryAttempts: 0,
    ...options,
  });
  t.after(() => client.dispose());
  return client;
}

test('a subscription to a gig starts with a snapshot, followed by live events', { timeout }, async (t) => {
  const gig = await Gig.post();
  const { inbox } = subscribeToGig(connect(t), gig.id);
  const snapshot = await inbox.expectVersions(1);
  assert.equal(snapshot.delivery, 'SNAPSHOT');
  assert.equal(snapshot.gigId, gig.id);
  await gig.approve();
  const event = await inbox.expectVersions(2);
  assert.deepEqual([event.delivery, event.previousStatus], ['LIVE', 'IN_REVIEW']);
  await gig.pause();
  assert.equal((await inbox.expectVersions(3)).delivery, 'LIVE');
  await inbox.expectSilence();
});

test('an invalid subscription gets one result of errors with codes', { timeout }, async (t) => {
  const client = connect(t);
  const anonymous = connect(t, { headers: {} });
  const invalid = [
    [client, { query: 'subscription { noSuchField }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [client, { query: GIG_STATUS_CHANGED, variables: { after: 'nonsense' } }, 'INVALID_CURSOR'],
    [anonymous, { query: GIG_STATUS_CHANGED }, 'UNAUTHENTICATED'],
  ];
  for (const [sender, request, code] of invalid) {
    const [inbox] = subscribe(sender, request);
    const [kind, result] = await inbox.take();
    assert.equal(kind, 'next', String(result));
    assert.deepEqual(result.errors.map((error) => error.extensions.code), [code]);
    assert.deepEqual(await inbox.take(), ['complete', undefined]);
  }
});

test('queries and mutations get one result and are completed', { timeout }, async (t) => {
  const client = connect(t);
  const gig = await Gig.publish();
  const [inbox] = subscribe(client, {
    query: 'query($id: ID!) { gig(id: $id) { status } }',
    variables: { id: gig.id },
  });
  assert.deepEqual(await inbox.take(), ['next', { data: { gig: { status: 'ACTIVE' } } }]);
  assert.deepEqual(await inbox.take(), ['complete', undefined]);
  const results = [];
  for await (const result of client.iterate({ query: PAUSE_GIG, variables: { id: gig.id } })) {
    results.push(result);
  }
  assert.deepEqual(results, [{ data: { pauseGig: { gig: { status: 'PAUSED', version: 3 }, errors: [] } } }]);
});

test('after the client completes a subscription, it gets no more events and the connection ends', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const { inbox, end } = subscribeToGig(connect(t, { url: proxy.url.href }), gig.id);
  await inbox.expectVersions(2);
  assert.equal(proxy.endedByClient, 0);
  end();
  assert.deepEqual(await inbox.take(), ['complete', undefined]);
  await gig.pause();
  await inbox.expectSilence();
  assert.equal(proxy.endedByClient, 1);
});

// Options of a client that reconnects after every kind of failure.
const RECONNECT = {
  retryAttempts: Infinity,
  retry: () => setTimeout(20),
};

test('a client receives missed events once and in order after a lost connection', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const { inbox } = subscribeToGig(connect(t, { url: proxy.url.href, ...RECONNECT }), gig.id);
  assert.equal((await inbox.expectVersions(2)).delivery, 'SNAPSHOT');
  proxy.cut();
  await gig.pause();
  await gig.resume();
  await gig.pause();
  await inbox.expectSilence();
  proxy.restore();
  assert.equal((await inbox.expectVersions(3, 4, 5)).delivery, 'REPLAY');
  await gig.resume();
  assert.equal((await inbox.expectVersions(6)).delivery, 'LIVE');
  // Also if events happen between the cut and the reconnection.
  for (let round = 0; round < 5; round += 1) {
    await gig.pause();
    proxy.cut();
    await gig.resume();
    proxy.restore();
  }
  await inbox.expectVersions(7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
  await inbox.expectSilence();
});

test('a new subscription resumes after a cursor', { timeout }, async (t) => {
  const client = connect(t);
  const gig = await Gig.publish();
  const first = subscribeToGig(client, gig.id);
  const { cursor } = await first.inbox.expectVersions(2);
  first.end();
  await gig.pause();
  await gig.resume();
  const second = subscribeToGig(client, gig.id, cursor);
  assert.equal((await second.inbox.expectVersions(3, 4)).delivery, 'REPLAY');
  await second.inbox.expectSilence();
});

test('invalid credentials get status 403', { timeout }, async (t) => {
  const client = connect(t, { headers: { authorization: 'Bearer nonsense' } });
  const [inbox] = subscribe(client, { query: GIG_STATUS_CHANGED });
  const [kind, error] = await inbox.take();
  assert.equal(kind, 'error');
  assert.ok(error instanceof NetworkError, String(error));
  assert.equal(error.response.status, 403);
  const { errors } = await error.response.json();
  assert.equal(typeof errors[0].extensions.code, 'string');
});

test('a client reconnects with renewed credentials', { timeout }, async (t) => {
  const credentials = ['Bearer nonsense', seller.authorization];
  const client = connect(t, { headers: async () => ({ authorization: credentials.shift() }), ...RECONNECT });
  const gig = await Gig.post();
  const { inbox } = subscribeToGig(client, gig.id);
  await inbox.expectVersions(1);
  assert.deepEqual(credentials, []);
});
