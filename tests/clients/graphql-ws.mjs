// Tests with the client of the npm package graphql-ws: version 6, or the one that the environment variable GRAPHQL_WS
// names.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';

import WebSocket from 'ws';

import { CuttableProxy } from './cuttable-proxy.mjs';
import { subscribeToGig, subscribe } from './subscribe.mjs';
import { Gig, GIG_STATUS_CHANGED, PAUSE_GIG, seller, streams } from './gateway.mjs';

const { createClient } = await import(process.env.GRAPHQL_WS ?? 'graphql-ws');

const timeout = 30_000;

// Creates a client that is disposed at the end of the test. It has the credentials of the seller, unless the
// options have others.
function connect(t, options = {}) {
  const client = createClient({
    url: options.at ?? webSocketUrl(streams),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: seller.authorization },
    retryAttempts: 0,
    ...options,
  });
  t.after(() => client.dispose());
  return client;
}

function webSocketUrl(url) {
  const address = new URL(url);
  address.protocol = 'ws:';
  return address.href;
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

test('an invalid subscription gets errors with codes', { timeout }, async (t) => {
  const client = connect(t);
  const anonymous = connect(t, { connectionParams: undefined });
  const invalid = [
    [client, { query: 'subscription { noSuchField }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [client, { query: GIG_STATUS_CHANGED, variables: { after: 'nonsense' } }, 'INVALID_CURSOR'],
    [anonymous, { query: GIG_STATUS_CHANGED }, 'UNAUTHENTICATED'],
  ];
  for (const [sender, request, code] of invalid) {
    const [inbox] = subscribe(sender, request);
    const [kind, errors] = await inbox.take();
    assert.equal(kind, 'error', JSON.stringify(errors));
    assert.deepEqual(errors.map((error) => error.extensions.code), [code]);
    await inbox.expectSilence();
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

test('after the client completes a subscription, it gets no more events and its id can be reused', { timeout }, async (t) => {
  const gig = await Gig.publish();
  let messageIds = [];
  const client = connect(t, {
    generateID: ({ operationName }) => operationName ?? 'other',
    on: { message: ({ id }) => messageIds.push(id) },
  });
  const query = GIG_STATUS_CHANGED.replace('(', ' Mine(');
  const request = { query, operationName: 'Mine', variables: { id: gig.id } };
  const { inbox: other } = subscribeToGig(client, gig.id);
  await other.expectVersions(2);
  const [mine, end] = subscribe(client, request);
  await mine.expectVersions(2);
  end();
  assert.deepEqual(await mine.take(), ['complete', undefined]);
  messageIds = [];
  await gig.pause();
  await gig.resume();
  await other.expectVersions(3, 4);
  await other.expectSilence();
  assert.deepEqual(messageIds, ['other', 'other']);
  const [again] = subscribe(client, request);
  await again.expectVersions(4);
});

// Options of a client that reconnects after every kind of failure.
const RECONNECT = {
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: () => setTimeout(20),
};

test('a client receives missed events once and in order after a lost connection', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const client = connect(t, { at: webSocketUrl(proxy.url), ...RECONNECT });
  const { inbox } = subscribeToGig(client, gig.id);
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

test('a new client resumes after a cursor', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const first = subscribeToGig(connect(t), gig.id);
  const { cursor } = await first.inbox.expectVersions(2);
  first.end();
  await gig.pause();
  await gig.resume();
  const second = subscribeToGig(connect(t), gig.id, cursor);
  assert.equal((await second.inbox.expectVersions(3, 4)).delivery, 'REPLAY');
  await second.inbox.expectSilence();
});

test('invalid credentials close the socket with 4403', { timeout }, async (t) => {
  const client = connect(t, { connectionParams: { authorization: 'Bearer nonsense' } });
  const [inbox] = subscribe(client, { query: '{ __typename }' });
  const [kind, close] = await inbox.take();
  assert.deepEqual([kind, close.code], ['error', 4403]);
});

test('a client reconnects with renewed credentials', { timeout }, async (t) => {
  const credentials = ['Bearer nonsense', seller.authorization];
  const client = connect(t, {
    connectionParams: async () => ({ authorization: credentials.shift() }),
    ...RECONNECT,
  });
  const gig = await Gig.post();
  const { inbox } = subscribeToGig(client, gig.id);
  await inbox.expectVersions(1);
  assert.deepEqual(credentials, []);
});

test('credentials can be renewed on an open socket', { timeout }, async (t) => {
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
        // Pongs that are not received are those that the client sends itself.
        if (received) renewed.push(payload);
      },
    },
  });
  const { inbox } = subscribeToGig(client, gig.id);
  await inbox.expectVersions(1);
  socket.send(JSON.stringify({ type: 'ping', payload: { authorization: seller.authorization } }));
  await gig.approve();
  await inbox.expectVersions(2);
  await inbox.expectSilence();
  for (const payloads of [acknowledged, renewed]) {
    assert.equal(payloads.length, 1);
    assert.ok(Date.parse(payloads[0]?.accessTokenExpiresAt) > Date.now(), JSON.stringify(payloads));
  }
});
