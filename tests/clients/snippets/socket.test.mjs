// Tests of examples/clients/socket.ts, resume.ts, follow-gigs.ts and stored-cursor.ts.

import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';

import { dispatch } from './browser.mjs';
import { followGigs } from '../../../examples/clients/follow-gigs';
import { request } from '../../../examples/clients/gateway';
import { ConnectionClosed, resume } from '../../../examples/clients/resume';
import { freshAccessToken } from '../../../examples/clients/session';
import { createSocket } from '../../../examples/clients/socket';
import { notify } from '../../../examples/clients/stored-cursor';
import { CuttableProxy } from '../cuttable-proxy.mjs';
import { Gig, GIG_STATUS_CHANGED, streams } from '../gateway.mjs';
import { Inbox } from '../inbox.mjs';
import { countRequests, signInSeller, until, webSocketUrl } from './helpers.mjs';

const timeout = 90_000;

beforeEach(signInSeller);

// Subscribes to a gig through a proxy.
async function open(t) {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const socket = createSocket(webSocketUrl(proxy.url));
  t.after(() => socket.dispose());
  const connections = [];
  socket.on('connected', () => connections.push('connected'));
  const inbox = new Inbox();
  const end = resume(socket, { query: GIG_STATUS_CHANGED, variables: { id: gig.id } }, {
    next: (result) => inbox.put('next', result),
    error: (error) => inbox.put('error', error),
    complete: () => inbox.put('complete'),
  });
  t.after(end);
  await inbox.expectVersions(2);
  return { gig, proxy, socket, inbox, connections };
}

test('a subscription resumes after a lost connection', { timeout }, async (t) => {
  const { gig, proxy, inbox } = await open(t);
  proxy.cut();
  await gig.pause();
  await gig.resume();
  await inbox.expectSilence();
  proxy.restore();
  await inbox.expectVersions(3, 4);
  await gig.pause();
  await inbox.expectVersions(5);
  await inbox.expectSilence();
});

test('a connection that goes silent is given up, and the subscription resumes', { timeout }, async (t) => {
  const { gig, proxy, inbox, connections } = await open(t);
  proxy.swallow();
  await gig.pause();
  await gig.resume();
  await until('the connection is given up', () => proxy.accepted > 1, 40);
  await inbox.expectSilence();
  proxy.restore();
  await until('the client is connected again', () => connections.length > 1, 40);
  await inbox.expectVersions(3, 4);
  await inbox.expectSilence();
});

test('a page connects again at once when the network is back, and checks its connection when it is shown', { timeout }, async (t) => {
  const { gig, proxy, inbox } = await open(t);
  for (const [version, event] of [[3, 'online'], [5, 'visibilitychange']]) {
    proxy.swallow();
    await gig.pause();
    const before = proxy.accepted;
    dispatch(event);
    // Before a ping is due.
    await until('another connection', () => proxy.accepted > before, 9);
    proxy.restore();
    dispatch('online');
    await inbox.expectVersions(version);
    await gig.resume();
    await inbox.expectVersions(version + 1);
  }
});

test('a rejected access token is refreshed', { timeout }, async (t) => {
  const session = JSON.parse(localStorage.getItem('gigway-session'));
  localStorage.setItem('gigway-session', JSON.stringify({ ...session, accessToken: 'nonsense' }));
  const refreshes = countRequests(t, 'refreshSession');
  await open(t);
  assert.equal(refreshes.count, 1);
});

test('a refresh that fails without network is repeated', { timeout }, async (t) => {
  const { gig, proxy, inbox } = await open(t);
  const session = JSON.parse(localStorage.getItem('gigway-session'));
  localStorage.setItem('gigway-session', JSON.stringify({ ...session, refreshAt: 0 }));
  const refreshes = countRequests(t, 'refreshSession');
  refreshes.fail = true;
  proxy.cut();
  proxy.restore();
  await gig.pause();
  await until('two attempts', () => refreshes.count > 1);
  await inbox.expectSilence();
  refreshes.fail = false;
  await inbox.expectVersions(3);
});

test('a client whose session has ended stops', { timeout }, async (t) => {
  const { proxy, inbox } = await open(t);
  await request('mutation { signOut { sessionsEnded } }', {}, await freshAccessToken());
  const [kind, error] = await inbox.take();
  assert.equal(kind, 'error');
  assert.ok(error instanceof ConnectionClosed, String(error));
  assert.equal(error.code, 4410);
  assert.equal(await freshAccessToken(), undefined);
  const { accepted } = proxy;
  await inbox.expectSilence();
  assert.equal(proxy.accepted, accepted);
});

test('a list of gigs stays up to date', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const socket = createSocket();
  t.after(() => socket.dispose());
  let shown;
  const errors = [];
  t.after(await followGigs(socket, (gigs) => (shown = gigs), (error) => errors.push(error)));
  assert.equal(shown.get(gig.id).status, 'ACTIVE');
  await gig.pause();
  await until('the paused gig', () => shown.get(gig.id).status === 'PAUSED');
  const posted = await Gig.post();
  await until('the posted gig', () => shown.get(posted.id)?.status === 'IN_REVIEW');
  assert.deepEqual(errors, []);
});

test('events while the page was closed are reported by a stored cursor', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const reported = [];
  const visit = (socket) =>
    notify(socket, 'usr_1', (event) => event.gigId === gig.id && reported.push(event.status), assert.fail);
  const first = createSocket();
  const end = visit(first);
  // Until an event has arrived, there is no cursor.
  await until('the first event', async () => {
    if (reported.length === 0) await gig.pause().catch(() => gig.resume());
    return reported.length > 0;
  });
  end();
  await first.dispose();
  const before = reported.length;
  await gig.archive();
  const second = createSocket();
  t.after(() => second.dispose());
  t.after(visit(second));
  await until('the missed event', () => reported.at(-1) === 'ARCHIVED');
  assert.ok(reported.length > before);
});

test('a subscription that cannot start now is started later, from the same cursor', { timeout }, async (t) => {
  const requests = [];
  const client = {
    subscribe({ variables }, sink) {
      requests.push({ ...variables });
      const extensions = { code: requests.length === 2 ? 'SERVICE_UNAVAILABLE' : 'FORBIDDEN', retryAfterSeconds: 0 };
      queueMicrotask(() => {
        if (requests.length === 1) sink.next({ data: { changed: { cursor: 'A' } } });
        sink.error([{ message: 'no', extensions: requests.length === 1 ? { ...extensions, code: 'RATE_LIMITED' } : extensions }]);
      });
      return () => {};
    },
  };
  const error = await new Promise((resolve) => {
    t.after(resume(client, { query: '', variables: { id: 1 } }, { next() {}, error: resolve, complete() {} }));
  });
  assert.ok(error.has('FORBIDDEN'), String(error));
  assert.deepEqual(requests, [{ id: 1 }, { id: 1, after: 'A' }, { id: 1, after: 'A' }]);
});
