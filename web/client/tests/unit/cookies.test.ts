import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { cookieSession } from '../../src/cookies.js';
import { createClient, type Client } from '../../src/index.js';
import { fakeTabs } from '../support/fake-browser.js';
import { FakeGateway, user } from '../support/fake-gateway.js';
import { settle } from '../support/fake-socket.js';
import { during } from '../support/time.js';

const ACCOUNT = { email: 'usr_1@example.com', password: 'a password', displayName: 'Sofia' };

let gateway: FakeGateway;
let calls: { request: string; body: unknown }[];
let isSignedIn: boolean;
let count: number;
const clients: Client[] = [];

/** The server of the site, beside the gateway. */
const site = (async (input: string | URL, init?: RequestInit) => {
  const path = String(input).replace('https://example.com', '');
  if (path.startsWith('https:')) return gateway.fetch(input, init);
  calls.push({ request: `${init?.method} ${path}`, body: init?.body && JSON.parse(String(init.body)) });
  if (path === '/session/token') {
    count += 1;
    return isSignedIn ? Response.json({ accessToken: `access-${count}`, accessTokenExpiresIn: 900 }) : new Response(null, { status: 401 });
  }
  if (init?.method === 'DELETE') isSignedIn = false;
  else if (String(init?.body).includes('wrong')) return Response.json([{ code: 'WRONG_CREDENTIALS', message: 'Wrong.', field: null }], { status: 422 });
  else isSignedIn = true;
  return new Response(null, { status: 204 });
}) as typeof fetch;

function openPage(onSignedOut?: (reason: string) => void): Client {
  const client = createClient({ url: 'https://api.example.com/graphql', fetch: site, session: cookieSession('/session'), onSignedOut });
  clients.push(client);
  return client;
}

beforeEach(() => {
  vi.useFakeTimers();
  fakeTabs();
  calls = [];
  isSignedIn = false;
  count = 0;
  gateway = new FakeGateway()
    .on('SignedInViewer', () => ({ data: { viewer: { email: ACCOUNT.email, role: 'MEMBER', user: user() } } }))
    .on('Gigs', () => ({ data: { gigs: { totalCount: 3 } } }));
});

afterEach(() => {
  clients.splice(0).forEach((client) => client.close());
  vi.useRealTimers();
});

test('a session in cookies is continued after a reload', async () => {
  const page = openPage();
  await expect(page.session.signIn(ACCOUNT)).resolves.toEqual({ id: 'usr_1', email: ACCOUNT.email, displayName: 'Sofia', role: 'MEMBER' });
  expect(calls.map(({ request }) => request)).toEqual(['POST /session/token', 'POST /session', 'POST /session/token']);
  expect(calls[1]?.body).toEqual({ email: ACCOUNT.email, password: ACCOUNT.password });
  const reloaded = openPage();
  await reloaded.session.ready;
  expect(reloaded.session.user?.id).toBe('usr_1');
  await reloaded.request('query Gigs { gigs { totalCount } }');
  expect(gateway.of('Gigs')[0]?.headers.get('authorization')).toBe('Bearer access-3');
});

test('nobody is signed in without cookies', async () => {
  const page = openPage();
  await page.session.ready;
  expect(page.session.user).toBeNull();
  await expect(page.session.signIn({ ...ACCOUNT, password: 'wrong' })).rejects.toMatchObject({ code: 'WRONG_CREDENTIALS' });
});

test('a sign-up has the display name', async () => {
  await openPage().session.signUp(ACCOUNT);
  expect(calls).toContainEqual({ request: 'POST /session/sign-up', body: ACCOUNT });
});

test('an access token is got from the site when it is due', async () => {
  const page = openPage();
  await page.session.signIn(ACCOUNT);
  await vi.advanceTimersByTimeAsync(800_000);
  await during(page.request('query Gigs { gigs { totalCount } }'));
  expect(gateway.of('Gigs')[0]?.headers.get('authorization')).toBe('Bearer access-3');
});

test('a session that the site has ended is signed out', async () => {
  const reasons: string[] = [];
  const page = openPage((reason) => reasons.push(reason));
  await page.session.signIn(ACCOUNT);
  isSignedIn = false;
  await vi.advanceTimersByTimeAsync(1_000_000);
  await expect(during(page.request('query Gigs { gigs { totalCount } }'))).rejects.toMatchObject({ reason: 'SESSION_ENDED' });
  expect(reasons).toEqual(['REFRESH_REFUSED']);
});

test('a sign-out removes the cookies, and signs the other tabs out', async () => {
  const page = openPage();
  await page.session.signIn(ACCOUNT);
  const reasons: string[] = [];
  const other = openPage((reason) => reasons.push(reason));
  await other.session.ready;
  await page.session.signOut();
  await settle();
  expect(calls.at(-1)?.request).toBe('DELETE /session');
  expect(reasons).toEqual(['SIGNED_OUT_ELSEWHERE']);
});
