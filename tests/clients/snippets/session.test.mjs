// Tests of examples/clients/session.ts.

import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';

import { dispatch, locks } from './browser.mjs';
import { request } from '../../../examples/clients/gateway';
import {
  freshAccessToken, onSignInOrOut, rejectAccessToken, SessionEnded, signIn, signOut,
} from '../../../examples/clients/session';
import { seller } from '../gateway.mjs';
import { countRequests, signInSeller } from './helpers.mjs';

const KEY = 'gigway-session';
const VIEWER = '{ viewer { email } }';

const expire = async () => rejectAccessToken(await freshAccessToken());
const viewer = async () => (await request(VIEWER, {}, await freshAccessToken())).viewer;

beforeEach(() => localStorage.removeItem(KEY));

test('an access token is used until it is rejected, and then refreshed', async (t) => {
  assert.equal(await freshAccessToken(), undefined);
  await signInSeller();
  const refreshes = countRequests(t, 'refreshSession');
  const first = await freshAccessToken();
  assert.equal(await freshAccessToken(), first);
  assert.equal((await viewer()).email, seller.email);
  rejectAccessToken('another token');
  assert.equal(refreshes.count, 0);
  rejectAccessToken(first);
  await freshAccessToken();
  assert.equal((await viewer()).email, seller.email);
  assert.equal(refreshes.count, 1);
  const { refreshAt } = JSON.parse(localStorage.getItem(KEY));
  assert.ok(refreshAt > Date.now() + 60_000, refreshAt);
});

test('several callers refresh once', async (t) => {
  await signInSeller();
  await expire();
  const refreshes = countRequests(t, 'refreshSession');
  const tokens = await Promise.all([1, 2, 3].map(() => freshAccessToken()));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(refreshes.count, 1);
});

test('without locks, two tabs refresh at once and keep the session', async (t) => {
  await signInSeller();
  await expire();
  t.after(() => {
    navigator.locks = locks;
  });
  navigator.locks = undefined;
  const { refreshToken } = JSON.parse(localStorage.getItem(KEY));
  const [accessToken, otherTab] = await Promise.all([
    freshAccessToken(),
    request('mutation ($token: String!) { refreshSession(refreshToken: $token) { session { accessToken refreshToken } } }',
      { token: refreshToken }),
  ]);
  const { session } = otherTab.refreshSession;
  for (const token of [accessToken, session.accessToken]) {
    assert.equal((await request(VIEWER, {}, token)).viewer.email, seller.email);
  }
  assert.equal(session.refreshToken, JSON.parse(localStorage.getItem(KEY)).refreshToken);
  await expire();
  assert.equal((await viewer()).email, seller.email);
});

test('a refresh without network can be repeated', async (t) => {
  await signInSeller();
  await expire();
  const refreshes = countRequests(t, 'refreshSession');
  refreshes.fail = true;
  await assert.rejects(freshAccessToken(), TypeError);
  refreshes.fail = false;
  assert.equal((await viewer()).email, seller.email);
});

test('a session that was ended elsewhere needs another sign-in', async () => {
  await signInSeller();
  await request('mutation { signOut { sessionsEnded } }', {}, await freshAccessToken());
  await expire();
  await assert.rejects(freshAccessToken(), SessionEnded);
  assert.equal(await freshAccessToken(), undefined);
  await assert.rejects(signIn(seller.email, 'another password'));
});

test('every tab learns of a sign-in and a sign-out, but not of a refresh', async (t) => {
  const seen = [];
  t.after(onSignInOrOut((isSignedIn) => seen.push(isSignedIn)));
  await signInSeller();
  const session = localStorage.getItem(KEY);
  await signOut();
  assert.deepEqual(seen, [true, false]);
  // In another tab: the browser sends it an event.
  dispatch('storage', { key: KEY, oldValue: session, newValue: `${session} ` });
  dispatch('storage', { key: 'other', oldValue: session, newValue: null });
  assert.deepEqual(seen, [true, false]);
  dispatch('storage', { key: KEY, oldValue: session, newValue: null });
  assert.deepEqual(seen, [true, false, false]);
});
