import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { FakeSocket, settle } from '../support/fake-socket.js';
import { change, CHANGES, Inbox, openPage, pass, type Change, type Page } from '../support/page.js';

let page: Page;
let inbox: Inbox;

beforeEach(() => {
  page = openPage();
  inbox = new Inbox();
});

afterEach(() => {
  page.client.close();
  vi.useRealTimers();
});

/** Subscribes after a cursor, and connects. */
async function connect(ack?: Record<string, unknown>): Promise<FakeSocket> {
  page.client.subscribe<Change, object>(CHANGES, { after: 'A' }, inbox);
  await settle();
  await FakeSocket.last.accept(ack);
  return FakeSocket.last;
}

const signIn = () => page.client.session.signIn({ email: 'a@example.com', password: 'a password' });

/** Lets the time pass until there is another socket. Returns it and the milliseconds. */
async function nextSocket(limit = 60_000): Promise<{ socket: FakeSocket; ms: number }> {
  const count = FakeSocket.all.length;
  let ms = 0;
  for (; FakeSocket.all.length === count && ms < limit; ms += 10) await pass(10);
  expect(FakeSocket.all.length).toBeGreaterThan(count);
  return { socket: FakeSocket.last, ms };
}

test('a page has one connection, whatever the number of its subscriptions', async () => {
  const socket = await connect();
  page.client.subscribe<Change, object>(CHANGES, { after: 'B' }, new Inbox());
  await settle();
  expect(FakeSocket.all).toHaveLength(1);
  expect(socket.url).toBe('wss://api.example.com/graphql');
  expect(socket.protocol).toBe('graphql-transport-ws');
  expect(socket.variables).toEqual([{ after: 'A' }, { after: 'B' }]);
});

test('the connection is closed when nothing needs it, three seconds later', async () => {
  const end = page.client.subscribe<Change, object>(CHANGES, { after: 'A' }, inbox);
  await settle();
  await FakeSocket.last.accept();
  end();
  await pass(2_900);
  expect(FakeSocket.last.readyState).toBe(FakeSocket.OPEN);
  await pass(200);
  expect(FakeSocket.last.readyState).toBe(FakeSocket.CLOSED);
  expect(page.states).toEqual(['connecting', 'open', 'closed']);
  expect(inbox.errors).toEqual([]);
});

describe('a lost connection', () => {
  test('is opened again, and the subscription resumes after its last event', async () => {
    const socket = await connect();
    socket.next(change('B'));
    socket.next(change('C'));
    socket.end(1006);
    const { socket: again } = await nextSocket();
    await again.accept();
    expect(again.variables).toEqual([{ after: 'C' }]);
    again.next(change('D'));
    expect(inbox.cursors).toEqual(['B', 'C', 'D']);
    expect(page.states).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open']);
  });

  test('is tried again after waits that double up to 5 seconds', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const socket = await connect();
    socket.end(1001, 'Going away');
    const waits: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const { socket: again, ms } = await nextSocket();
      waits.push(Math.round(ms / 500) / 2);
      again.end(1013, 'Try again later');
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 5, 5, 5]);
  });

  test('is tried again at random moments, so that clients of a restarted gateway do not all come at once', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const socket = await connect();
    socket.end(1001);
    expect((await nextSocket()).ms).toBeLessThanOrEqual(270);
  });

  test('is noticed if the browser does not notice it: a ping without a pong', async () => {
    const socket = await connect();
    await pass(9_900);
    expect(socket.of('ping')).toHaveLength(0);
    await pass(200);
    expect(socket.of('ping')).toHaveLength(1);
    await pass(4_800);
    expect(socket.readyState).toBe(FakeSocket.OPEN);
    const { socket: again, ms } = await nextSocket();
    expect(ms).toBeLessThan(1_000);
    expect(socket.readyState).toBe(FakeSocket.CLOSED);
    await again.accept();
    expect(again.variables).toEqual([{ after: 'A' }]);
  });

  test('is not seen in a connection whose gateway responds', async () => {
    const socket = await connect();
    for (let ping = 1; ping <= 6; ping += 1) {
      await pass(10_000);
      expect(socket.of('ping')).toHaveLength(ping);
      socket.receive({ type: 'pong' });
    }
    expect(FakeSocket.all).toHaveLength(1);
  });

  test('is given up after 5 seconds without an acknowledgement', async () => {
    page.client.subscribe<Change, object>(CHANGES, { after: 'A' }, inbox);
    await settle();
    const socket = FakeSocket.last;
    socket.open();
    await pass(4_900);
    expect(socket.readyState).toBe(FakeSocket.OPEN);
    await pass(200);
    expect(socket.readyState).toBe(FakeSocket.CLOSED);
  });
});

describe('events of the browser', () => {
  test('`online` replaces the connection at once', async () => {
    const socket = await connect();
    page.send('online');
    await settle();
    await pass(0);
    expect(socket.readyState).toBe(FakeSocket.CLOSED);
    expect(FakeSocket.all).toHaveLength(2);
    await FakeSocket.last.accept();
    expect(FakeSocket.last.variables).toEqual([{ after: 'A' }]);
  });

  test('`online` ends a wait, and replaces an attempt that hangs', async () => {
    const socket = await connect();
    socket.end(1006);
    for (let attempt = 0; attempt < 2; attempt += 1) (await nextSocket()).socket.end(1006);
    await pass(10);
    const before = FakeSocket.all.length;
    page.send('online');
    await pass(0);
    expect(FakeSocket.all).toHaveLength(before + 1);
    page.send('online');
    await pass(0);
    expect(FakeSocket.all).toHaveLength(before + 2);
  });

  test('a page that is shown again checks its connection', async () => {
    const socket = await connect();
    page.send('visibilitychange');
    expect(socket.of('ping')).toHaveLength(1);
    await pass(5_100);
    expect(socket.readyState).toBe(FakeSocket.CLOSED);
  });

  test('a hidden page does not', async () => {
    const socket = await connect();
    Object.assign(document, { visibilityState: 'hidden' });
    page.send('visibilitychange');
    expect(socket.of('ping')).toHaveLength(0);
  });

  test('`offline` checks the connection', async () => {
    const socket = await connect();
    page.send('offline');
    await pass(5_100);
    expect(socket.readyState).toBe(FakeSocket.CLOSED);
    expect(page.states.at(-1)).toBe('waiting');
  });
});

describe('credentials', () => {
  test('the access token is sent, and renewed in a ping before it expires', async () => {
    await signIn();
    const first = await page.client.session.accessToken();
    const socket = await connect({ accessTokenExpiresIn: 900 });
    expect(socket.of('connection_init')[0]?.payload).toEqual({ authorization: `Bearer ${first}` });
    for (let time = 0; time < 770; time += 10) {
      await pass(10_000);
      socket.receive({ type: 'pong' });
    }
    const renewals = socket.of('ping').filter(({ payload }) => payload);
    expect(renewals).toHaveLength(1);
    const second = await page.client.session.accessToken();
    expect(second).not.toBe(first);
    expect(renewals[0]?.payload).toEqual({ authorization: `Bearer ${second}` });
    expect(page.gateway.of('RefreshSession')).toHaveLength(1);
    expect(FakeSocket.all).toHaveLength(1);
  });

  test('4403: the access token is replaced, and the client connects again', async () => {
    await signIn();
    const socket = await connect();
    socket.end(4403, 'Forbidden');
    const { socket: again } = await nextSocket();
    await again.accept();
    expect(page.gateway.of('RefreshSession')).toHaveLength(1);
    expect(again.of('connection_init')[0]?.payload).not.toEqual(socket.of('connection_init')[0]?.payload);
    expect(inbox.errors).toEqual([]);
  });

  test('4410: the user is signed out, and what everybody may see goes on without credentials', async () => {
    await signIn();
    const socket = await connect();
    socket.end(4410, 'The session has ended');
    await settle();
    expect(page.reasons).toEqual(['SESSION_ENDED']);
    expect(page.client.session.user).toBeNull();
    const { socket: again } = await nextSocket();
    await again.accept();
    expect(again.of('connection_init')[0]?.payload).toEqual({});
    again.error({ code: 'UNAUTHENTICATED' });
    await settle();
    expect(inbox.codes).toEqual(['UNAUTHENTICATED']);
    expect(page.gateway.of('RefreshSession')).toHaveLength(0);
  });

  test('a sign-in and a sign-out connect again, with the credentials of now', async () => {
    const socket = await connect();
    expect(socket.of('connection_init')[0]?.payload).toEqual({});
    await signIn();
    await settle();
    await FakeSocket.last.accept();
    expect(FakeSocket.all).toHaveLength(2);
    expect(FakeSocket.last.of('connection_init')[0]?.payload).toHaveProperty('authorization');
    await page.client.session.signOut();
    await settle();
    await FakeSocket.last.accept();
    expect(FakeSocket.last.of('connection_init')[0]?.payload).toEqual({});
    expect(FakeSocket.last.variables).toEqual([{ after: 'A' }]);
    expect(inbox.errors).toEqual([]);
  });

  test('a subscription of one user does not continue as another', async () => {
    await signIn();
    await connect();
    const { sessionPayload } = await import('../support/fake-gateway.js');
    page.gateway.on('SignIn', () => ({ data: { signIn: sessionPayload({ userId: 'usr_2' }) } }));
    await signIn();
    await settle();
    expect(inbox.errors).toMatchObject([{ code: 'UNAUTHENTICATED', reason: 'SESSION_CHANGED' }]);
    await pass(10_000);
    expect(FakeSocket.all.slice(1).flatMap(({ variables }) => variables)).toEqual([]);
  });

  test('a refresh that fails without network is tried again with the connection', async () => {
    await signIn();
    await pass(1_000_000);
    page.gateway.on('RefreshSession', () => new TypeError('fetch failed'));
    page.client.subscribe<Change, object>(CHANGES, { after: 'A' }, inbox);
    await settle();
    FakeSocket.last.open();
    await pass(30_000);
    expect(inbox.errors).toEqual([]);
    expect(FakeSocket.all.length).toBeGreaterThan(1);
    expect(page.reasons).toEqual([]);
  });
});

test.each([4400, 4401, 4406, 4409, 4429, 1002, 1007, 1009])('%d: the error is reported, and nothing is tried again', async (code) => {
  const socket = await connect();
  socket.end(code, 'the reason');
  await settle();
  expect(inbox.errors).toMatchObject([{ code: 'CONNECTION_CLOSED', closeCode: code, message: 'the reason', retryable: false }]);
  await pass(60_000);
  expect(FakeSocket.all).toHaveLength(1);
  expect(page.client.connection).toBe('closed');
});

test.each([1001, 1005, 1006, 1012, 1013, 4408, 4499])('%d: the client connects again', async (code) => {
  const socket = await connect();
  socket.end(code);
  await (await nextSocket()).socket.accept();
  expect(inbox.errors).toEqual([]);
  expect(page.client.connection).toBe('open');
});

test('variables that cannot be sent are reported', async () => {
  const socket = await connect();
  page.client.subscribe(CHANGES, { after: 'A', where: { minPrice: 1n } }, inbox);
  await settle();
  expect(inbox.errors).toMatchObject([{ code: 'BAD_USER_INPUT', message: expect.stringMatching(/BigInt/) }]);
  expect(socket.variables).toEqual([{ after: 'A' }]);
});

test('a closed client has no connection and no timers', async () => {
  const socket = await connect();
  page.client.close();
  await settle();
  expect(socket.readyState).toBe(FakeSocket.CLOSED);
  await pass(60_000);
  expect(FakeSocket.all).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});
