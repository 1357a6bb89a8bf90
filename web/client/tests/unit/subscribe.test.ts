import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { memoryStorage, type EventInfo, type KeyValueStorage } from '../../src/index.js';
import { failure, lost, sessionPayload } from '../support/fake-gateway.js';
import { FakeSocket, settle } from '../support/fake-socket.js';
import { change, CHANGES, Inbox, openPage, pass, type Change, type Page } from '../support/page.js';

let page: Page;
let storage: KeyValueStorage;

beforeEach(() => {
  storage = memoryStorage();
  page = openPage({ cursorStorage: storage });
});

afterEach(() => {
  page.client.close();
  vi.useRealTimers();
});

const subscribe = (inbox: Inbox, options: object = {}, variables: object = {}) =>
  page.client.subscribe<Change, object>(CHANGES, variables, { next: inbox.next, error: inbox.error, complete: inbox.complete, ...options });

/** Accepts the socket that was opened last. */
async function accept(): Promise<FakeSocket> {
  await settle();
  await FakeSocket.last.accept();
  return FakeSocket.last;
}

/** Loses the connection, and opens another one. */
async function reconnect(socket: FakeSocket): Promise<FakeSocket> {
  socket.end(1006);
  await pass(600);
  return accept();
}

test('events are reported once and in order, with their cursors', async () => {
  const infos: EventInfo[] = [];
  const inbox = new Inbox();
  subscribe(inbox, { next: (data: Change, info: EventInfo) => infos.push(info) && inbox.next(data) }, { after: 'A' });
  const socket = await accept();
  socket.next(change('B'));
  socket.next(change('C'), { errors: [{ message: 'no', extensions: { code: 'KEY_MISSING' } }] });
  expect(inbox.cursors).toEqual(['B', 'C']);
  expect(infos).toMatchObject([{ cursor: 'B', error: undefined }, { cursor: 'C', error: { code: 'KEY_MISSING' } }]);
  socket.complete();
  await settle();
  expect(inbox.completions).toBe(1);
});

test('an event that arrives again is dropped', async () => {
  const inbox = new Inbox();
  subscribe(inbox, {}, { after: 'A' });
  const socket = await accept();
  socket.next(change('B'));
  socket.next(change('C'));
  const again = await reconnect(socket);
  again.next(change('B'));
  again.next(change('C'));
  again.next(change('D'));
  expect(inbox.cursors).toEqual(['B', 'C', 'D']);
});

test('a subscription that was ended reports nothing more', async () => {
  const inbox = new Inbox();
  const end = subscribe(inbox, {}, { after: 'A' });
  const socket = await accept();
  socket.next(change('B'));
  end();
  expect(socket.of('complete')).toHaveLength(1);
  socket.next(change('C'));
  await pass(10_000);
  expect(inbox).toMatchObject({ cursors: ['B'], errors: [], completions: 0 });
});

test('an error of the callback does not stop the subscription', async () => {
  const uncaught: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => uncaught.push(error));
  const inbox = new Inbox();
  subscribe(inbox, {
    next: (data: Change) => {
      inbox.next(data);
      throw new Error('of the page');
    },
  }, { after: 'A' });
  const socket = await accept();
  socket.next(change('B'));
  socket.next(change('C'));
  expect(inbox.cursors).toEqual(['B', 'C']);
  expect(uncaught).toHaveLength(2);
});

describe('the start', () => {
  test('without a cursor, the end of the log is read first, so that no event is lost before the first one', async () => {
    const inbox = new Inbox();
    subscribe(inbox);
    const socket = await accept();
    expect(socket.variables).toEqual([{ after: 'start-1' }]);
    const again = await reconnect(socket);
    expect(again.variables).toEqual([{ after: 'start-1' }]);
  });

  test('a subscription to one subject starts with its snapshot', async () => {
    const document = 'subscription ($id: ID!, $after: String) { gigStatusChanged(gigId: $id, after: $after) { cursor status } }';
    page.client.subscribe(document, { id: 'gig_1' }, { next() {} });
    const socket = await accept();
    expect(socket.variables).toEqual([{ id: 'gig_1' }]);
    socket.next({ gigStatusChanged: { cursor: 'S', status: 'ACTIVE' } });
    expect((await reconnect(socket)).variables).toEqual([{ id: 'gig_1', after: 'S' }]);
  });

  test('`reload` reads the state before the first event, and its cursor is where the events begin', async () => {
    const inbox = new Inbox();
    const steps: string[] = [];
    subscribe(inbox, {
      reload: async () => {
        steps.push('reload');
        return 'L';
      },
      next: (data: Change) => steps.push(data.catalogueChanged.cursor),
    });
    const socket = await accept();
    expect(socket.variables).toEqual([{ after: 'L' }]);
    socket.next(change('M'));
    expect(steps).toEqual(['reload', 'M']);
  });

  test('`reload` is repeated while the network fails, and its other errors are reported', async () => {
    const inbox = new Inbox();
    page.gateway.answers('Start', lost(), lost(), { data: { eventCursor: 'L' } });
    const reload = async () =>
      ((await page.client.request('query Start { eventCursor }', {}, { retries: 0 })) as { eventCursor: string }).eventCursor;
    subscribe(inbox, { reload });
    await pass(3_000);
    expect((await accept()).variables).toEqual([{ after: 'L' }]);
    page.gateway.answers('Start', failure('FORBIDDEN'));
    subscribe(inbox, { reload });
    await settle();
    expect(inbox.codes).toEqual(['FORBIDDEN']);
  });

  test('a subscription without $after or cursor cannot have `resume` or `reload`', () => {
    const document = 'subscription Published { gigPublished { gigId } }';
    expect(() => page.client.subscribe(document, {}, { next() {}, resume: 'published' })).toThrow(/Published needs the variable \$after/);
    expect(() => page.client.subscribe(document, {}, { next() {}, reload: async () => '' })).toThrow(TypeError);
    expect(() => page.client.subscribe('query { eventCursor }', {}, { next() {} })).toThrow(TypeError);
  });

  test('a subscription that cannot resume works as well as it can', async () => {
    const events: unknown[] = [];
    page.client.subscribe('subscription { gigPublished { gigId } }', {}, { next: (data) => events.push(data) });
    const socket = await accept();
    socket.next({ gigPublished: { gigId: 'gig_1' } });
    socket.next({ gigPublished: { gigId: 'gig_1' } });
    expect(events).toHaveLength(2);
    expect((await reconnect(socket)).variables).toEqual([{}]);
  });
});

describe('`resume`', () => {
  test('continues where the page was closed', async () => {
    subscribe(new Inbox(), { resume: 'news' });
    let socket = await accept();
    expect(socket.variables).toEqual([{ after: 'start-1' }]);
    socket.next(change('B'));
    socket.next(change('C'));
    await settle();
    page.client.close();
    page = openPage({ cursorStorage: storage });
    const inbox = new Inbox();
    subscribe(inbox, { resume: 'news' });
    socket = await accept();
    expect(socket.variables).toEqual([{ after: 'C' }]);
    expect(page.gateway.requests).toEqual([]);
  });

  test('a page that is closed before the first event continues from its start', async () => {
    subscribe(new Inbox(), { resume: 'news' });
    await accept();
    page.client.close();
    page = openPage({ cursorStorage: storage });
    subscribe(new Inbox(), { resume: 'news' });
    expect((await accept()).variables).toEqual([{ after: 'start-1' }]);
  });

  test('the cursor is stored after the event was reported', async () => {
    const stored: unknown[] = [];
    const key = 'gigway:cursor:anonymous:news';
    subscribe(new Inbox(), { resume: 'news', next: () => stored.push(storage.getItem(key)) });
    const socket = await accept();
    socket.next(change('B'));
    await settle();
    expect(stored).toEqual(['"start-1"']);
    expect(storage.getItem(key)).toBe('"B"');
  });

  test('each key and each user has a cursor', async () => {
    subscribe(new Inbox(), { resume: 'news' });
    await accept();
    await page.client.session.signIn({ email: 'a@example.com', password: 'a password' });
    subscribe(new Inbox(), { resume: 'news' });
    subscribe(new Inbox(), { resume: 'other' });
    await settle();
    expect(['anonymous:news', 'usr_1:news', 'usr_1:other'].map((key) => storage.getItem(`gigway:cursor:${key}`))).toEqual(
      ['"start-1"', '"start-2"', '"start-3"'],
    );
  });
});

describe('errors', () => {
  test('CURSOR_EXPIRED reloads, and continues after the new cursor', async () => {
    const inbox = new Inbox();
    let reloads = 0;
    subscribe(inbox, { resume: 'news', reload: async () => `L${(reloads += 1)}` });
    const socket = await accept();
    socket.next(change('B'));
    socket.error({ code: 'CURSOR_EXPIRED' });
    await settle();
    expect(socket.variables).toEqual([{ after: 'L1' }, { after: 'L2' }]);
    socket.next(change('B'), { index: 1 });
    expect(inbox.cursors).toEqual(['B', 'B']);
    expect(inbox.errors).toEqual([]);
    expect(reloads).toBe(2);
  });

  test('CURSOR_EXPIRED that comes again and again does not reload in a tight loop', async () => {
    let reloads = 0;
    subscribe(new Inbox(), { reload: async () => `L${(reloads += 1)}` });
    const socket = await accept();
    for (let index = 0; index < 200 && FakeSocket.last === socket; index += 1) {
      if (socket.of('subscribe').length > reloads - 1) socket.error({ code: 'CURSOR_EXPIRED' }, socket.of('subscribe').length - 1);
      await pass(50);
    }
    expect(reloads).toBeGreaterThan(2);
    expect(reloads).toBeLessThan(10);
  });

  test('a stored cursor that is invalid is treated like one that has expired', async () => {
    await storage.setItem('gigway:cursor:anonymous:news', '"nonsense"');
    const inbox = new Inbox();
    subscribe(inbox, { resume: 'news', reload: async () => 'L' });
    const socket = await accept();
    socket.error({ code: 'INVALID_CURSOR' });
    await settle();
    expect(socket.variables).toEqual([{ after: 'nonsense' }, { after: 'L' }]);
    expect(inbox.errors).toEqual([]);
  });

  test('CURSOR_EXPIRED without `reload` is reported, and the stored cursor removed', async () => {
    const inbox = new Inbox();
    subscribe(inbox, { resume: 'news' });
    const socket = await accept();
    socket.error({ code: 'CURSOR_EXPIRED' });
    await settle();
    expect(inbox.codes).toEqual(['CURSOR_EXPIRED']);
    expect(storage.getItem('gigway:cursor:anonymous:news')).toBeNull();
  });

  test.each(['RATE_LIMITED', 'SERVICE_UNAVAILABLE'])('%s subscribes again after the time that the gateway says', async (code) => {
    const inbox = new Inbox();
    subscribe(inbox, {}, { after: 'A' });
    const socket = await accept();
    socket.next(change('B'));
    socket.error({ code, retryAfterSeconds: 3 });
    await pass(2_900);
    expect(FakeSocket.all.flatMap(({ variables }) => variables)).toEqual([{ after: 'A' }]);
    await pass(1_200);
    await accept();
    expect(FakeSocket.all.flatMap(({ variables }) => variables)).toEqual([{ after: 'A' }, { after: 'B' }]);
    expect(inbox.errors).toEqual([]);
  });

  test.each(['FORBIDDEN', 'NOT_FOUND', 'INVALID_CURSOR', 'QUERY_TOO_COMPLEX', 'INTERNAL_SERVER_ERROR'])('%s is reported', async (code) => {
    const inbox = new Inbox();
    subscribe(inbox, {}, { after: 'A' });
    const socket = await accept();
    socket.error({ code, requestId: 'req-1' });
    await pass(30_000);
    expect(inbox.errors).toMatchObject([{ code, requestId: 'req-1' }]);
    expect(socket.of('subscribe')).toHaveLength(1);
  });

  test('an error without a callback is reported like an uncaught error', async () => {
    const uncaught: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => uncaught.push(error));
    page.client.subscribe<Change, object>(CHANGES, { after: 'A' }, { next() {} });
    (await accept()).error({ code: 'FORBIDDEN' });
    await settle();
    expect(uncaught).toMatchObject([{ code: 'FORBIDDEN' }]);
  });

  test('UNAUTHENTICATED with a session refreshes once, and subscribes again', async () => {
    await page.client.session.signIn({ email: 'a@example.com', password: 'a password' });
    page.gateway.on('RefreshSession', () => ({ data: { refreshSession: sessionPayload() } }));
    const inbox = new Inbox();
    subscribe(inbox, {}, { after: 'A' });
    (await accept()).error({ code: 'UNAUTHENTICATED' });
    await pass(1_000);
    const again = await accept();
    expect(page.gateway.of('RefreshSession')).toHaveLength(1);
    again.error({ code: 'UNAUTHENTICATED' });
    await pass(1_000);
    expect(inbox.codes).toEqual(['UNAUTHENTICATED']);
  });
});
