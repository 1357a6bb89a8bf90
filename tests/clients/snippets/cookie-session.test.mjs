// Tests of examples/clients/cookie-session.ts.

import assert from 'node:assert/strict';
import test from 'node:test';

import { locks } from './browser.mjs';
import { freshAccessToken } from '../../../examples/clients/cookie-page';
import { authenticate, signIn, signOut, token } from '../../../examples/clients/cookie-session';
import { request } from '../../../examples/clients/gateway';
import { SessionEnded } from '../../../examples/clients/session';
import { seller } from '../gateway.mjs';

const SITE = 'https://www.example.com';

// A browser that stores the cookies of the site.
class Browser {
  cookies = new Map();

  request(method, path, body, origin = SITE) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return new Request(new URL(path, SITE), { method, headers: { cookie, origin }, body: body && JSON.stringify(body) });
  }

  store(headers) {
    for (const line of headers.getSetCookie()) {
      assert.match(line, /; Secure; HttpOnly; SameSite=Lax$/);
      const [, name, value, seconds] = /^([^=]+)=([^;]*); Max-Age=(\d+);/.exec(line);
      if (Number(seconds) > 0) this.cookies.set(name, value);
      else this.cookies.delete(name);
    }
  }
}

async function signedIn() {
  const browser = new Browser();
  const response = await signIn(browser.request('POST', '/session', { email: seller.email, password: seller.password }));
  assert.equal(response.status, 204);
  browser.store(response.headers);
  return browser;
}

const email = async (accessToken) => (await request('{ viewer { email } }', {}, accessToken)).viewer.email;

test('pages are rendered with the session of the cookies, which is refreshed', async () => {
  const browser = await signedIn();
  assert.equal(await email((await authenticate(browser.request('GET', '/'))).accessToken), seller.email);
  browser.cookies.delete('__Host-access'); // it has expired
  const requests = [1, 2].map(() => authenticate(browser.request('GET', '/')));
  for (const { accessToken, headers } of await Promise.all(requests)) {
    assert.equal(await email(accessToken), seller.email);
    browser.store(headers);
  }
  assert.ok(browser.cookies.has('__Host-access'));
  assert.equal(await email((await authenticate(browser.request('GET', '/'))).accessToken), seller.email);
  assert.equal((await authenticate(new Browser().request('GET', '/'))).accessToken, undefined);
});

test('a page gets an access token for its WebSocket, until it signs out', async (t) => {
  const browser = await signedIn();
  const { fetch } = globalThis;
  t.after(() => {
    globalThis.fetch = fetch;
  });
  globalThis.fetch = async (url, options) => {
    if (url !== '/session/token') return fetch(url, options);
    const response = await token(browser.request('POST', url));
    browser.store(response.headers);
    return response;
  };
  assert.equal(navigator.locks, locks);
  assert.equal(await email(await freshAccessToken()), seller.email);
  const accessToken = browser.cookies.get('__Host-access');
  const response = await signOut(browser.request('DELETE', '/session'));
  browser.store(response.headers);
  assert.equal(browser.cookies.size, 0);
  await assert.rejects(email(accessToken), /UNAUTHENTICATED/);
  await assert.rejects(freshAccessToken(), SessionEnded);
});

test('other sites cannot change the session, and a wrong password is an error', async () => {
  const browser = await signedIn();
  const other = 'https://other.example.com';
  for (const [handler, method] of [[signIn, 'POST'], [token, 'POST'], [signOut, 'DELETE']]) {
    assert.equal((await handler(browser.request(method, '/session', undefined, other))).status, 403);
  }
  const wrong = { email: seller.email, password: 'another password' };
  const response = await signIn(browser.request('POST', '/session', wrong));
  assert.equal(response.status, 422);
  assert.equal((await response.json())[0].code, 'WRONG_CREDENTIALS');
});
