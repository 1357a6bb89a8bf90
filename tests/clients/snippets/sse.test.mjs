// Tests of examples/clients/sse.ts and event-source.ts.

import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';

import { dispatch } from './browser.mjs';
import { followStatus } from '../../../examples/clients/event-source';
import { request, RequestFailed } from '../../../examples/clients/gateway';
import { resume } from '../../../examples/clients/resume';
import { createSse } from '../../../examples/clients/sse';
import { CuttableProxy } from '../cuttable-proxy.mjs';
import { Gig, GIG_STATUS_CHANGED, streams } from '../gateway.mjs';
import { Inbox } from '../inbox.mjs';
import { countRequests, signInSeller, until } from './helpers.mjs';

const timeout = 90_000;

beforeEach(signInSeller);

function subscribe(t, variables, url) {
  const client = createSse(url);
  t.after(() => client.dispose());
  const inbox = new Inbox();
  t.after(resume(client, { query: GIG_STATUS_CHANGED, variables }, {
    next: (result) => inbox.put('next', result),
    error: (error) => inbox.put('error', error),
    complete: () => inbox.put('complete'),
  }));
  return inbox;
}

test('graphql-sse resumes after a lost connection, and after one that went silent', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const inbox = subscribe(t, { id: gig.id }, proxy.url.href);
  await inbox.expectVersions(2);
  proxy.cut();
  await gig.pause();
  await gig.resume();
  await inbox.expectSilence();
  proxy.restore();
  await inbox.expectVersions(3, 4);
  const attempts = countRequests(t, 'gigStatusChanged(');
  proxy.swallow();
  await gig.pause();
  await until('the connection is given up', () => attempts.count > 0, 50);
  proxy.restore();
  dispatch('online');
  await inbox.expectVersions(5);
  await inbox.expectSilence();
});

test('graphql-sse reports errors with their codes', { timeout }, async (t) => {
  const inbox = subscribe(t, { after: 'nonsense' });
  const [kind, error] = await inbox.take();
  assert.equal(kind, 'error');
  assert.ok(error instanceof RequestFailed && error.has('INVALID_CURSOR'), String(error));
  await inbox.expectSilence();
});

test('graphql-sse refreshes a rejected access token', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const session = JSON.parse(localStorage.getItem('gigway-session'));
  localStorage.setItem('gigway-session', JSON.stringify({ ...session, accessToken: 'nonsense' }));
  const refreshes = countRequests(t, 'refreshSession');
  const inbox = subscribe(t, { id: gig.id });
  await inbox.expectVersions(2);
  assert.equal(refreshes.count, 1);
});

test('an EventSource gets new tickets, and reports each event once', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const versions = [];
  const errors = [];
  const { eventCursor } = await request('{ eventCursor }');
  const tickets = countRequests(t, 'createStreamTicket');
  const show = ({ gigId, version }) => gigId === gig.id && versions.push(version);
  const end = followStatus(eventCursor, show, (error) => errors.push(error));
  t.after(end);
  await gig.pause();
  await until('the first event', () => versions.includes(3));
  // With the network comes another stream.
  dispatch('online');
  await gig.resume();
  await until('the second event', () => versions.includes(4));
  assert.equal(tickets.count, 2);
  assert.deepEqual(versions.filter((version) => version > 2), [3, 4]);
  end();
  const invalid = followStatus('nonsense', show, (error) => errors.push(error));
  t.after(invalid);
  await until('an error', () => errors.length > 0);
  assert.ok(errors[0].has('INVALID_CURSOR'), String(errors[0]));
});
