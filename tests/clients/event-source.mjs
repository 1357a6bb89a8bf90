// Tests with an EventSource (npm package eventsource). It cannot send the `authorization` header, so its URL
// contains a ticket instead.

import assert from 'node:assert/strict';
import test from 'node:test';

import { EventSource } from 'eventsource';

import { CuttableProxy } from './cuttable-proxy.mjs';
import { Gig, GIG_STATUS_CHANGED, seller, streams } from './gateway.mjs';
import { Inbox } from './inbox.mjs';

const timeout = 30_000;

async function newTicket() {
  const { streamTicket } = await seller.mutate(`mutation {
    createStreamTicket { streamTicket { ticket expiresAt } errors { code field message } } }`);
  assert.ok(Date.parse(streamTicket.expiresAt) > Date.now());
  return streamTicket.ticket;
}

// Opens a source that is closed at the end of the test. Returns the source and its inbox.
function open(t, gateway, variables, ticket) {
  const url = new URL(gateway);
  url.searchParams.set('query', GIG_STATUS_CHANGED);
  url.searchParams.set('variables', JSON.stringify(variables));
  url.searchParams.set('ticket', ticket);
  const source = new EventSource(url.href);
  const inbox = new Inbox();
  source.addEventListener('next', ({ data, lastEventId }) => {
    const result = JSON.parse(data);
    if (result.data) assert.equal(lastEventId, result.data.gigStatusChanged.cursor);
    inbox.put('next', result);
  });
  // Without this, the EventSource would reconnect after a completed stream.
  source.addEventListener('complete', () => {
    source.close();
    inbox.put('complete');
  });
  source.addEventListener('error', ({ code }) => {
    // Ignores errors after which it reconnects by itself.
    if (source.readyState === EventSource.CLOSED) inbox.put('error', code);
  });
  t.after(() => source.close());
  return { source, inbox };
}

test('a source receives missed events once and in order after a lost connection', { timeout }, async (t) => {
  const gig = await Gig.post();
  const proxy = await CuttableProxy.open(t, streams);
  const { inbox } = open(t, proxy.url, { id: gig.id }, await newTicket());
  assert.equal((await inbox.expectVersions(1)).delivery, 'SNAPSHOT');
  await gig.approve();
  assert.equal((await inbox.expectVersions(2)).delivery, 'LIVE');
  proxy.cut();
  await gig.pause();
  await gig.resume();
  await gig.pause();
  await inbox.expectSilence();
  proxy.restore();
  // It reconnects by itself, with the Last-Event-ID header.
  assert.equal((await inbox.expectVersions(3, 4, 5)).delivery, 'REPLAY');
  await gig.resume();
  assert.equal((await inbox.expectVersions(6)).delivery, 'LIVE');
  await inbox.expectSilence();
});

test('a new source with a new ticket resumes after a cursor', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const first = open(t, streams, { id: gig.id }, await newTicket());
  const { cursor } = await first.inbox.expectVersions(2);
  first.source.close();
  await gig.pause();
  await gig.resume();
  const second = open(t, streams, { id: gig.id, after: cursor }, await newTicket());
  assert.equal((await second.inbox.expectVersions(3, 4)).delivery, 'REPLAY');
  await second.inbox.expectSilence();
});

test('an invalid subscription gets one event with errors and is completed', { timeout }, async (t) => {
  const { inbox } = open(t, streams, { after: 'nonsense' }, await newTicket());
  const [kind, { errors }] = await inbox.take();
  assert.equal(kind, 'next');
  assert.deepEqual(errors.map((error) => error.extensions.code), ['INVALID_CURSOR']);
  assert.deepEqual(await inbox.take(), ['complete', undefined]);
});

test('an invalid ticket gets status 403, and the source does not reconnect', { timeout }, async (t) => {
  const { inbox } = open(t, streams, {}, 'nonsense');
  assert.deepEqual(await inbox.take(), ['error', 403]);
  await inbox.expectSilence();
});
