// Sessions by the client of the npm package graphql-ws.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { CuttableProxy } from './cuttable-proxy.mjs';
import { followGig, subscribe } from './follow.mjs';
import { Gig, GIG_STATUS_CHANGED, PAUSE_GIG, seller, streams } from './gateway.mjs';

const timeout = 30_000;

// A client that goes with the test: the seller's, unless it brings other parameters.
function connect(t, options = {}) {
  const client = createClient({
    url: options.at ?? socketAt(streams),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: seller.authorization },
    retryAttempts: 0,
    ...options,
  });
  t.after(() => client.dispose());
  return client;
}

function socketAt(url) {
  const address = new URL(url);
  address.protocol = 'ws:';
  return address.href;
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

test('what cannot begin ends with an error that has a code', { timeout }, async (t) => {
  const client = connect(t);
  const stranger = connect(t, { connectionParams: undefined });
  const wrong = [
    [client, { query: 'subscription { noSuchField }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [client, { query: GIG_STATUS_CHANGED, variables: { after: 'nonsense' } }, 'INVALID_CURSOR'],
    [stranger, { query: GIG_STATUS_CHANGED }, 'UNAUTHENTICATED'],
  ];
  for (const [who, request, code] of wrong) {
    const [inbox] = subscribe(who, request);
    const [kind, errors] = await inbox.take();
    assert.equal(kind, 'error', JSON.stringify(errors));
    assert.deepEqual(errors.map((error) => error.extensions.code), [code]);
    await inbox.expectSilence();
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

test('after its client completed it an operation says no more, and its id is free', { timeout }, async (t) => {
  const gig = await Gig.publish();
  let told = [];
  const client = connect(t, {
    generateID: ({ operationName }) => operationName ?? 'other',
    on: { message: ({ id }) => told.push(id) },
  });
  const query = GIG_STATUS_CHANGED.replace('(', ' Mine(');
  const request = { query, operationName: 'Mine', variables: { id: gig.id } };
  const { inbox: other } = followGig(client, gig.id);
  await other.expectVersions(2);
  const [mine, end] = subscribe(client, request);
  await mine.expectVersions(2);
  end();
  assert.deepEqual(await mine.take(), ['complete', undefined]);
  told = [];
  await gig.pause();
  await gig.resume();
  await other.expectVersions(3, 4);
  await other.expectSilence();
  assert.deepEqual(told, ['other', 'other']);
  const [again] = subscribe(client, request);
  await again.expectVersions(4);
});

// What a client needs in order to resume by itself, whatever became of its socket.
const RESUME = {
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: () => setTimeout(20),
};

test('a client that was cut off gets what it missed, once and in order', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const client = connect(t, { at: socketAt(proxy.url), ...RESUME });
  const { inbox } = followGig(client, gig.id);
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

test('another client goes on behind a cursor', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const first = followGig(connect(t), gig.id);
  const { cursor } = await first.inbox.expectVersions(2);
  first.end();
  await gig.pause();
  await gig.resume();
  const second = followGig(connect(t), gig.id, cursor);
  assert.equal((await second.inbox.expectVersions(3, 4)).delivery, 'REPLAY');
  await second.inbox.expectSilence();
});

test('bad credentials close the socket with 4403', { timeout }, async (t) => {
  const client = connect(t, { connectionParams: { authorization: 'Bearer nonsense' } });
  const [inbox] = subscribe(client, { query: '{ __typename }' });
  const [kind, close] = await inbox.take();
  assert.deepEqual([kind, close.code], ['error', 4403]);
});

test('a client that has better credentials by then connects again by itself', { timeout }, async (t) => {
  const credentials = ['Bearer nonsense', seller.authorization];
  const client = connect(t, {
    connectionParams: async () => ({ authorization: credentials.shift() }),
    ...RESUME,
  });
  const gig = await Gig.post();
  const { inbox } = followGig(client, gig.id);
  await inbox.expectVersions(1);
  assert.deepEqual(credentials, []);
});

test('credentials are renewed on a socket that stays open', { timeout }, async (t) => {
  const gig = await Gig.post();
  const acknowledged = [];
  const renewed = [];
  let socket;
  const client = connect(t, {
    on: {
      connected(opened, payload) {
        socket = opened;
        acknowledged.push(payload);
      },
      pong(received, payload) {
        // The others are the client's own, in answer to the gateway's pings.
        if (received) renewed.push(payload);
      },
    },
  });
  const { inbox } = followGig(client, gig.id);
  await inbox.expectVersions(1);
  socket.send(JSON.stringify({ type: 'ping', payload: { authorization: seller.authorization } }));
  await gig.approve();
  await inbox.expectVersions(2);
  await inbox.expectSilence();
  for (const told of [acknowledged, renewed]) {
    assert.equal(told.length, 1);
    assert.ok(Date.parse(told[0]?.accessTokenExpiresAt) > Date.now(), JSON.stringify(told));
  }
});
