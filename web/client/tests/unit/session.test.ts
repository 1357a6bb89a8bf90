import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createClient, memoryStorage, type Client, type ClientOptions, type KeyValueStorage } from '../../src/index.js';
import { failure, FakeGateway, invalid, lost, sessionPayload, silence } from '../support/fake-gateway.js';
import { FakeChannel, fakeTabs, fakeWindow } from '../support/fake-browser.js';
import { settle } from '../support/fake-socket.js';
import { during } from '../support/time.js';

const CREDENTIALS = { email: 'usr_1@example.com', password: 'a password' };
const VIEWER = 'query Viewer { viewer { email } }';

let gateway: FakeGateway;
const clients: Client[] = [];

/** A tab of the browser. */
function openTab(options: Partial<ClientOptions> = {}): Client & { reasons: string[] } {
  const reasons: string[] = [];
  const client = createClient({
    url: 'https://api.example.com/graphql',
    fetch: gateway.fetch,
    onSignedOut: (reason) => reasons.push(reason),
    ...options,
  });
  clients.push(client);
  return Object.assign(client, { reasons });
}

const refreshes = () => gateway.of('RefreshSession').length;
const sentTokens = () => gateway.of('Viewer').map(({ headers }) => headers.get('authorization'));

beforeEach(() => {
  vi.useFakeTimers();
  fakeTabs();
  gateway = new FakeGateway()
    .on('SignIn', () => ({ data: { signIn: sessionPayload() } }))
    .on('RefreshSession', () => ({ data: { refreshSession: sessionPayload() } }))
    .on('SignOut', () => ({ data: { signOut: { sessionsEnded: 1, errors: [] } } }))
    .on('Viewer', () => ({ data: { viewer: { email: CREDENTIALS.email } } }));
});

afterEach(() => {
  clients.splice(0).forEach((client) => client.close());
  vi.useRealTimers();
});

test('a sign-in returns the user, and requests have the access token', async () => {
  const tab = openTab();
  const users: unknown[] = [];
  tab.session.onChange((user) => users.push(user?.id ?? null));
  const user = await tab.session.signIn(CREDENTIALS);
  expect(user).toEqual({ id: 'usr_1', email: 'usr_1@example.com', displayName: 'Sofia', role: 'MEMBER' });
  expect(tab.session.user).toEqual(user);
  expect(users).toEqual(['usr_1']);
  await tab.request(VIEWER);
  expect(sentTokens()).toEqual([`Bearer ${await tab.session.accessToken()}`]);
});

test('a refused sign-in throws its validation error', async () => {
  gateway.on('SignIn', () => ({ data: { signIn: invalid('WRONG_CREDENTIALS', ['password']) } }));
  const tab = openTab();
  const error = await tab.session.signIn(CREDENTIALS).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: 'GigwayError', code: 'WRONG_CREDENTIALS', field: ['password'], retryable: false });
  expect(tab.session.user).toBeNull();
});

test('a session is restored from the storage of the application', async () => {
  const storage = memoryStorage();
  await openTab({ storage }).session.signIn(CREDENTIALS);
  const reloaded = openTab({ storage });
  await reloaded.session.ready;
  expect(reloaded.session.user?.id).toBe('usr_1');
  const elsewhere = openTab({ storage: memoryStorage() });
  await elsewhere.session.ready;
  expect(elsewhere.session.user).toBeNull();
});

test('a storage that cannot be used does not keep the user from signing in, nor sign them out', async () => {
  const send = fakeWindow();
  const refuse = () => {
    throw new Error('no storage');
  };
  const tab = openTab({ storage: { getItem: refuse, setItem: refuse, removeItem: refuse } });
  await tab.session.signIn(CREDENTIALS);
  await tab.request(VIEWER);
  expect(sentTokens()[0]).toMatch(/^Bearer access-/);
  send('visibilitychange');
  await settle();
  expect(tab.session.user?.id).toBe('usr_1');
  expect(tab.reasons).toEqual([]);
});

describe('refresh', () => {
  test('an access token is replaced after 80 % of its lifetime, by the next request', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(719_000);
    await tab.request(VIEWER);
    expect(refreshes()).toBe(0);
    await vi.advanceTimersByTimeAsync(2_000);
    await tab.request(VIEWER);
    expect(refreshes()).toBe(1);
    expect(new Set(sentTokens()).size).toBe(2);
  });

  test('requests at the same moment refresh once', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(800_000);
    await Promise.all([1, 2, 3, 4].map(() => tab.request(VIEWER)));
    expect(refreshes()).toBe(1);
    expect(new Set(sentTokens()).size).toBe(1);
  });

  test('UNAUTHENTICATED refreshes once, and sends the request again', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    gateway.answers('Viewer', failure('UNAUTHENTICATED'), { data: { viewer: { email: 'a' } } });
    await expect(during(tab.request(VIEWER))).resolves.toEqual({ viewer: { email: 'a' } });
    expect(refreshes()).toBe(1);
    gateway.answers('Viewer', failure('UNAUTHENTICATED'));
    await expect(during(tab.request(VIEWER))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(refreshes()).toBe(2);
  });

  test('a lost response is followed by the same refresh token', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(1_000_000);
    gateway.answers('RefreshSession', silence, lost(), () => ({ data: { refreshSession: sessionPayload() } }));
    await during(tab.request(VIEWER));
    expect(refreshes()).toBe(3);
    expect(new Set(gateway.of('RefreshSession').map(({ variables }) => variables.refreshToken)).size).toBe(1);
    expect(tab.reasons).toEqual([]);
  });

  test('without network, an access token is used as long as it is valid', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    const accessToken = await tab.session.accessToken();
    gateway.on('RefreshSession', lost);
    await vi.advanceTimersByTimeAsync(800_000);
    expect(await during(tab.session.accessToken())).toBe(accessToken);
    await vi.advanceTimersByTimeAsync(100_000);
    await expect(during(tab.session.accessToken())).rejects.toMatchObject({ code: 'NETWORK_ERROR', retryable: true });
    expect(tab.session.user?.id).toBe('usr_1');
  });

  test('a rate limit of refreshes is waited for', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(800_000);
    gateway.answers('RefreshSession', failure('RATE_LIMITED', { retryAfterSeconds: 2 }), () => ({
      data: { refreshSession: sessionPayload() },
    }));
    await during(tab.request(VIEWER));
    expect(refreshes()).toBe(2);
  });

  test('a refused refresh token signs out, with the reason', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    gateway.on('RefreshSession', () => ({ data: { refreshSession: invalid('WRONG_CREDENTIALS', ['refreshToken']) } }));
    await vi.advanceTimersByTimeAsync(1_000_000);
    const error = await during(tab.request(VIEWER)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'SESSION_ENDED' });
    expect(tab.reasons).toEqual(['REFRESH_REFUSED']);
    expect(tab.session.user).toBeNull();
    expect(gateway.of('Viewer')).toHaveLength(0);
  });
});

describe('the end of a session', () => {
  test('the gateway says that the session has ended', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    gateway.on('Viewer', () => failure('UNAUTHENTICATED', { reason: 'SESSION_ENDED' }));
    await expect(tab.request(VIEWER)).rejects.toMatchObject({ reason: 'SESSION_ENDED' });
    expect(refreshes()).toBe(0);
    expect(tab.reasons).toEqual(['SESSION_ENDED']);
  });

  test('a sign-out signs out at once, also without network, and in every tab', async () => {
    const storage = memoryStorage();
    const [tab, other] = [openTab({ storage }), openTab({ storage })];
    await tab.session.signIn(CREDENTIALS);
    await settle();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(other.session.user?.id).toBe('usr_1');
    gateway.answers('SignOut', lost(), { data: { signOut: { sessionsEnded: 1, errors: [] } } });
    const signedOut = tab.session.signOut();
    await settle();
    expect([tab.session.user, other.session.user]).toEqual([null, null]);
    await during(signedOut);
    expect(gateway.of('SignOut')).toHaveLength(2);
    expect(gateway.of('SignOut')[0]?.headers.get('authorization')).toMatch(/^Bearer access-/);
    expect([tab.reasons, other.reasons]).toEqual([['SIGNED_OUT'], ['SIGNED_OUT_ELSEWHERE']]);
    expect(await storage.getItem('gigway:session')).toBeNull();
  });

  test('a sign-out of an expired session gets an access token for it', async () => {
    const tab = openTab();
    await tab.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(1_000_000);
    await tab.session.signOut({ everywhere: true });
    expect(refreshes()).toBe(1);
    expect(gateway.of('SignOut')[0]?.variables).toEqual({ everywhere: true });
  });

  test('somebody else who signs in in another tab replaces the user', async () => {
    const storage = memoryStorage();
    const [tab, other] = [openTab({ storage }), openTab({ storage })];
    const users: unknown[] = [];
    await tab.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(1_000);
    tab.session.onChange((user) => users.push(user?.id ?? null));
    gateway.on('SignIn', () => ({ data: { signIn: sessionPayload({ userId: 'usr_2' }) } }));
    await other.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(tab.reasons).toEqual(['REPLACED']);
    expect(users).toEqual([null, 'usr_2']);
    expect(other.session.user?.id).toBe('usr_2');
    expect(tab.session.user?.id).toBe('usr_2');
  });

  test('a sign-out that arrives late does not remove the session of the next sign-in', async () => {
    const storage = memoryStorage();
    const [tab, other] = [openTab({ storage }), openTab({ storage })];
    await tab.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(1_000);
    const late: Promise<void>[] = [];
    const postMessage = FakeChannel.prototype.postMessage;
    vi.spyOn(FakeChannel.prototype, 'postMessage').mockImplementation(function (this: FakeChannel, message) {
      late.push(new Promise((resolve) => setTimeout(resolve, 500)).then(() => postMessage.call(this, message)));
    });
    await tab.session.signOut();
    await tab.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(2_000);
    await Promise.all(late);
    expect(tab.session.user?.id).toBe('usr_1');
    expect(other.session.user?.id).toBe('usr_1');
    expect(await storage.getItem('gigway:session')).toContain('usr_1');
  });

  test('a page that was stopped sees what has happened when it is shown', async () => {
    const send = fakeWindow();
    const storage = memoryStorage();
    const tab = openTab({ storage });
    await tab.session.signIn(CREDENTIALS);
    storage.removeItem('gigway:session');
    send('visibilitychange');
    await settle();
    expect(tab.reasons).toEqual(['SIGNED_OUT_ELSEWHERE']);
  });
});

describe.each([{ hasLocks: true }, { hasLocks: false }])('several tabs, with Web Locks: $hasLocks', ({ hasLocks }) => {
  beforeEach(() => fakeTabs({ hasLocks }));

  const open = async (count: number, storages: KeyValueStorage[]) => {
    const tabs = Array.from({ length: count }, (_, index) => openTab({ storage: storages[index % storages.length] as KeyValueStorage }));
    return tabs;
  };

  test('tabs that need an access token at the same moment refresh once', async () => {
    const tabs = await open(5, [memoryStorage()]);
    await tabs[0]?.session.signIn(CREDENTIALS);
    await vi.advanceTimersByTimeAsync(800_000);
    for (let round = 1; round <= 20; round += 1) {
      await during(Promise.all(tabs.map((tab) => tab.request(VIEWER))));
      expect(refreshes()).toBe(round);
      await vi.advanceTimersByTimeAsync(800_000);
    }
    expect(tabs.flatMap(({ reasons }) => reasons)).toEqual([]);
  });

  test('a duplicated tab, whose storage is a copy, takes over the new tokens', async () => {
    const storage = memoryStorage();
    const tab = openTab({ storage });
    await tab.session.signIn(CREDENTIALS);
    const copy = memoryStorage();
    await copy.setItem('gigway:session', String(await storage.getItem('gigway:session')));
    const duplicate = openTab({ storage: copy });
    await duplicate.session.ready;
    await vi.advanceTimersByTimeAsync(800_000);
    await during(Promise.all([tab.request(VIEWER), duplicate.request(VIEWER)]));
    expect(refreshes()).toBe(1);
    expect(await duplicate.session.accessToken()).toBe(await tab.session.accessToken());
    expect(JSON.parse(String(await copy.getItem('gigway:session')))).toEqual(JSON.parse(String(await storage.getItem('gigway:session'))));
  });

  test('a tab that was stopped for long asks the others before it sends an old refresh token', async () => {
    const storage = memoryStorage();
    const tab = openTab({ storage });
    await tab.session.signIn(CREDENTIALS);
    const copy = memoryStorage();
    await copy.setItem('gigway:session', String(await storage.getItem('gigway:session')));
    await vi.advanceTimersByTimeAsync(800_000);
    await during(tab.request(VIEWER));
    await vi.advanceTimersByTimeAsync(200_000);
    const woken = openTab({ storage: copy });
    await during(woken.request(VIEWER));
    expect(refreshes()).toBe(1);
    expect(await woken.session.accessToken()).toBe(await tab.session.accessToken());
  });
});

test('a tab that the browser has stopped while it refreshes does not stop the others', async () => {
  vi.stubGlobal('navigator', {
    locks: {
      request: (_: string, { signal }: { signal: AbortSignal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    },
  });
  const tab = openTab();
  await tab.session.signIn(CREDENTIALS);
  await vi.advanceTimersByTimeAsync(800_000);
  await during(tab.request(VIEWER), 30_000);
  expect(refreshes()).toBe(1);
});
