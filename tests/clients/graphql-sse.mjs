// Sessions by the client of the npm package graphql-sse, a connection for each operation.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { createClient, NetworkError } from 'graphql-sse';

import { CuttableProxy } from './cuttable-proxy.mjs';
import { followGig, subscribe } from './follow.mjs';
import { Gig, GIG_STATUS_CHANGED, PAUSE_GIG, seller, streams } from './gateway.mjs';

const timeout = 30_000;

// A client that goes with the test: the seller's, unless it brings other headers.
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

test('a subscription tells how a gig stands, and then what happens to it', { timeout }, async (t) => {
  const gig = await Gig.post();
  const { inbox } = followGig(connect(t), gig.id);
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

test('what cannot begin is one result of errors that have a code', { timeout }, async (t) => {
  const client = connect(t);
  const stranger = connect(t, { headers: {} });
  const wrong = [
    [client, { query: 'subscription { noSuchField }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [client, { query: GIG_STATUS_CHANGED, variables: { after: 'nonsense' } }, 'INVALID_CURSOR'],
    [stranger, { query: GIG_STATUS_CHANGED }, 'UNAUTHENTICATED'],
  ];
  for (const [who, request, code] of wrong) {
    const [inbox] = subscribe(who, request);
    const [kind, result] = await inbox.take();
    assert.equal(kind, 'next', String(result));
    assert.deepEqual(result.errors.map((error) => error.extensions.code), [code]);
    assert.deepEqual(await inbox.take(), ['complete', undefined]);
  }
});

test('queries and mutations are answered, and completed', { timeout }, async (t) => {
  const client = connect(t);
  const gig = await Gig.publish();
  const [answers] = subscribe(client, {
    query: 'query($id: ID!) { gig(id: $id) { status } }',
    variables: { id: gig.id },
  });
  assert.deepEqual(await answers.take(), ['next', { data: { gig: { status: 'ACTIVE' } } }]);
  assert.deepEqual(await answers.take(), ['complete', undefined]);
  const results = [];
  for await (const result of client.iterate({ query: PAUSE_GIG, variables: { id: gig.id } })) {
    results.push(result);
  }
  assert.deepEqual(results, [{ data: { pauseGig: { gig: { status: 'PAUSED', version: 3 }, errors: [] } } }]);
});

test('after its client completed it an operation says no more, and its connection ends', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const { inbox, end } = followGig(connect(t, { url: proxy.url.href }), gig.id);
  await inbox.expectVersions(2);
  assert.equal(proxy.ended, 0);
  end();
  assert.deepEqual(await inbox.take(), ['complete', undefined]);
  await gig.pause();
  await inbox.expectSilence();
  assert.equal(proxy.ended, 1);
});

// What a client needs in order to resume by itself, whatever became of its connection.
const RESUME = {
  retryAttempts: Infinity,
  retry: () => setTimeout(20),
};

test('a client that was cut off gets what it missed, once and in order', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const { inbox } = followGig(connect(t, { url: proxy.url.href, ...RESUME }), gig.id);
  assert.equal((await inbox.expectVersions(2)).delivery, 'SNAPSHOT');
  proxy.cut();
  await gig.pause();
  await gig.resume();
  await gig.pause();
  await inbox.expectSilence();
  proxy.mend();
  assert.equal((await inbox.expectVersions(3, 4, 5)).delivery, 'REPLAY');
  await gig.resume();
  assert.equal((await inbox.expectVersions(6)).delivery, 'LIVE');
  // And while things go on.
  for (let round = 0; round < 5; round += 1) {
    await gig.pause();
    proxy.cut();
    await gig.resume();
    proxy.mend();
  }
  await inbox.expectVersions(7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
  await inbox.expectSilence();
});

test('a subscription that was ended goes on behind a cursor', { timeout }, async (t) => {
  const client = connect(t);
  const gig = await Gig.publish();
  const first = followGig(client, gig.id);
  const { cursor } = await first.inbox.expectVersions(2);
  first.end();
  await gig.pause();
  await gig.resume();
  const second = followGig(client, gig.id, cursor);
  assert.equal((await second.inbox.expectVersions(3, 4)).delivery, 'REPLAY');
  await second.inbox.expectSilence();
});

test('bad credentials are answered with 403', { timeout }, async (t) => {
  const client = connect(t, { headers: { authorization: 'Bearer nonsense' } });
  const [inbox] = subscribe(client, { query: GIG_STATUS_CHANGED });
  const [kind, error] = await inbox.take();
  assert.equal(kind, 'error');
  assert.ok(error instanceof NetworkError, String(error));
  assert.equal(error.response.status, 403);
  const { errors } = await error.response.json();
  assert.equal(typeof errors[0].extensions.code, 'string');
});

test('a client that has better credentials by then connects again by itself', { timeout }, async (t) => {
  const credentials = ['Bearer nonsense', seller.authorization];
  const client = connect(t, { headers: async () => ({ authorization: credentials.shift() }), ...RESUME });
  const gig = await Gig.post();
  const { inbox } = followGig(client, gig.id);
  await inbox.expectVersions(1);
  assert.deepEqual(credentials, []);
});
