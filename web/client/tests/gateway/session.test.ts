// Sessions with a gateway: several tabs, lost responses, and the ways in which a session ends.

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { memoryStorage, type Client } from '../../src/index.js';
import { FakeLocks } from '../support/fake-browser.js';
import { Gateway, until } from '../support/gateway.js';
import { Proxy } from '../support/proxy.js';

const VIEWER = '{ viewer { email } }';
const NEW_ACCOUNT = { password: 'a password', displayName: 'Ann' };

let gateway: Gateway;

beforeAll(async () => {
  gateway = await Gateway.start({ GIGWAY_ACCESS_TOKEN_SECONDS: '4', GIGWAY_TOKEN_GRACE_SECONDS: '1' });
});

afterAll(() => gateway.remove());

/** Counts the refreshes of clients that use this `fetch`. */
function countRefreshes(): { count: number; fetch: typeof fetch } {
  const counter = {
    count: 0,
    fetch: ((input, init) => {
      if (String(init?.body).includes('RefreshSession')) counter.count += 1;
      return fetch(input, init);
    }) as typeof fetch,
  };
  return counter;
}

const emailOf = async (client: Client) => ((await client.request(VIEWER)) as { viewer: { email: string } | null }).viewer?.email;

describe.each([{ hasLocks: true }, { hasLocks: false }])('two tabs, with Web Locks: $hasLocks', ({ hasLocks }) => {
  beforeEach(() => {
    vi.stubGlobal('navigator', { onLine: true, ...(hasLocks && { locks: new FakeLocks() }) });
  });

  test('refresh 100 times at the same moment, once for both, and stay signed in', async () => {
    const user = gateway.addUser(`tabs-${hasLocks}@example.com`);
    const storage = memoryStorage();
    const refreshes = countRefreshes();
    const reasons: string[] = [];
    const options = { storage, fetch: refreshes.fetch, onSignedOut: (reason: string) => void reasons.push(reason) };
    const first = await gateway.signedIn(user, options);
    const second = gateway.client(options);
    await second.session.ready;
    for (let round = 1; round <= 100; round += 1) {
      const before = String(await first.session.accessToken());
      for (const tab of [first, second]) tab.session.reject(before);
      const count = refreshes.count;
      expect(await Promise.all([emailOf(first), emailOf(second)])).toEqual([user.email, user.email]);
      expect(refreshes.count - count).toBe(1);
    }
    expect(refreshes.count).toBeGreaterThanOrEqual(100);
    expect(reasons).toEqual([]);
    expect(await first.session.accessToken()).toBe(await second.session.accessToken());
  });
});

test('tabs whose access tokens expire again and again stay signed in', async () => {
  const user = gateway.addUser('expiry@example.com');
  const storage = memoryStorage();
  const refreshes = countRefreshes();
  const first = await gateway.signedIn(user, { storage, fetch: refreshes.fetch });
  const tabs = [first, ...[1, 2].map(() => gateway.client({ storage, fetch: refreshes.fetch }))];
  const end = Date.now() + 15_000;
  let requests = 0;
  while (Date.now() < end) {
    expect(new Set(await Promise.all(tabs.map(emailOf)))).toEqual(new Set([user.email]));
    requests += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(requests).toBeGreaterThan(10);
  expect(refreshes.count).toBeGreaterThanOrEqual(3);
  expect(refreshes.count).toBeLessThanOrEqual(6);
});

test('an access token that the gateway does not accept is replaced once', async () => {
  const user = gateway.addUser('forged@example.com');
  const storage = memoryStorage();
  await (await gateway.signedIn(user, { storage })).request(VIEWER);
  const session = JSON.parse(String(await storage.getItem('gigway:session'))) as object;
  await storage.setItem('gigway:session', JSON.stringify({ ...session, accessToken: 'nonsense' }));
  const refreshes = countRefreshes();
  expect(await emailOf(gateway.client({ storage, fetch: refreshes.fetch }))).toBe(user.email);
  expect(refreshes.count).toBe(1);
});

describe('lost responses', () => {
  let proxy: Proxy;

  beforeEach(async () => {
    proxy = await Proxy.open(gateway.url);
    return () => proxy.close();
  });

  test('a refresh whose response is lost keeps the session', async () => {
    const reasons: string[] = [];
    const client = await gateway.signedIn(gateway.addUser('lost-refresh@example.com'), {
      url: proxy.url, onSignedOut: (reason) => reasons.push(reason),
    });
    for (let round = 0; round < 3; round += 1) {
      client.session.reject(String(await client.session.accessToken()));
      proxy.loseResponseTo('RefreshSession');
      expect(await emailOf(client)).toBe('lost-refresh@example.com');
    }
    expect(proxy.lost).toBe(3);
    expect(reasons).toEqual([]);
  });

  test('a sign-up whose response is lost signs in', async () => {
    const client = gateway.client({ url: proxy.url });
    proxy.loseResponseTo('SignUp');
    const account = { ...NEW_ACCOUNT, email: 'lost-sign-up@example.com' };
    await expect(client.session.signUp(account)).resolves.toMatchObject({ email: account.email, role: 'MEMBER' });
    expect(proxy.lost).toBe(1);
    expect(await emailOf(client)).toBe(account.email);
    await expect(gateway.client().session.signUp(account)).rejects.toMatchObject({ code: 'EMAIL_TAKEN', field: ['email'] });
  });
});

describe('the end of a session', () => {
  test('a sign-up with invalid input reports every field with its limit', async () => {
    const error = await gateway.client().session.signUp({ email: 'nonsense', password: 'short', displayName: 'A' })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'GigwayError' });
    const { errors } = error as { errors: { field: string[]; code: string; limit?: string }[] };
    expect(errors.map(({ field }) => field[0]).sort()).toEqual(['displayName', 'email', 'password']);
    expect(errors.find(({ field }) => field[0] === 'password')).toMatchObject({ code: 'TOO_SHORT', limit: '8' });
  });

  test('a sign-out ends the session at the gateway', async () => {
    const storage = memoryStorage();
    const client = await gateway.signedIn(gateway.addUser('out@example.com'), { storage });
    const stolen = memoryStorage();
    await stolen.setItem('gigway:session', String(await storage.getItem('gigway:session')));
    await client.session.signOut();
    const reasons: string[] = [];
    const thief = gateway.client({ storage: stolen, prefix: 'gigway', onSignedOut: (reason) => reasons.push(reason) });
    await expect(thief.request(VIEWER)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'SESSION_ENDED' });
    expect(reasons).toEqual(['SESSION_ENDED']);
  });

  test.each([['with a connection', true], ['without a connection', false]])('a blocked user is signed out, %s', async (_, isConnected) => {
    const user = gateway.addUser(`blocked-${isConnected}@example.com`);
    const reasons: string[] = [];
    const client = await gateway.signedIn(user, { onSignedOut: (reason) => reasons.push(reason) });
    if (isConnected) {
      client.subscribe('subscription ($after: String) { gigStatusChanged(after: $after) { cursor } }', {}, { next() {}, error() {} });
      await until('the connection', () => client.connection === 'open');
    }
    gateway.run('user', 'block', '--email', user.email);
    if (!isConnected) await client.request(VIEWER).catch(() => {});
    await until('the sign-out', () => reasons.length > 0);
    expect(reasons).toEqual(['SESSION_ENDED']);
    await expect(client.session.signIn(user)).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
  });
});
