// Tests of examples/clients/relay.ts.

import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';

import './browser.mjs';
import { createRelayEnvironment } from '../../../examples/clients/relay';
import { createSocket } from '../../../examples/clients/socket';
import { CuttableProxy } from '../cuttable-proxy.mjs';
import { Gig, GIG_STATUS_CHANGED, seller, streams } from '../gateway.mjs';
import { Inbox } from '../inbox.mjs';
import { countRequests, signInSeller, webSocketUrl } from './helpers.mjs';

const timeout = 60_000;

beforeEach(signInSeller);

// Executes an operation by the network of an environment, as Relay does.
function execute(t, operationKind, text, variables, url) {
  const socket = createSocket(url);
  t.after(() => socket.dispose());
  const network = createRelayEnvironment(socket).getNetwork();
  return network.execute({ text, name: null, operationKind, id: null, metadata: {} }, variables, {});
}

test('queries have credentials, which are renewed if they are rejected', { timeout }, async (t) => {
  const session = JSON.parse(localStorage.getItem('gigway-session'));
  localStorage.setItem('gigway-session', JSON.stringify({ ...session, accessToken: 'nonsense' }));
  const refreshes = countRequests(t, 'refreshSession');
  const { data } = await execute(t, 'query', '{ viewer { id email } }', {}).toPromise();
  assert.equal(data.viewer.email, seller.email);
  assert.equal(refreshes.count, 1);
});

test('a subscription reports errors with their codes', { timeout }, async (t) => {
  const query = 'subscription ($after: String) { gigStatusChanged(after: $after) { cursor } }';
  const error = await new Promise((resolve) => {
    execute(t, 'subscription', query, { after: 'nonsense' }).subscribe({ error: resolve });
  });
  assert.deepEqual(error.errors.map(({ extensions }) => extensions.code), ['INVALID_CURSOR']);
});

test('a subscription resumes after a lost connection', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const proxy = await CuttableProxy.open(t, streams);
  const inbox = new Inbox();
  const results = execute(t, 'subscription', GIG_STATUS_CHANGED, { id: gig.id }, webSocketUrl(proxy.url));
  const subscription = results.subscribe({
    next: (result) => inbox.put('next', result),
    error: (error) => inbox.put('error', error),
  });
  t.after(() => subscription.unsubscribe());
  await inbox.expectVersions(2);
  proxy.cut();
  await gig.pause();
  await gig.resume();
  proxy.restore();
  await inbox.expectVersions(3, 4);
  await inbox.expectSilence();
});
