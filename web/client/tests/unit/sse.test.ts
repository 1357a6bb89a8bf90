import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { readEvents, type ServerSentEvent } from '../../src/events.js';
import { failure, json, lost, type SentRequest } from '../support/fake-gateway.js';
import { FakeSocket, settle } from '../support/fake-socket.js';
import { FakeStream } from '../support/fake-streams.js';
import { change, CHANGES, Inbox, openPage, pass, type Change, type Page } from '../support/page.js';

let page: Page;
let inbox: Inbox;
let streams: FakeStream[];

function open(transport: 'sse' | 'auto' = 'sse'): void {
  page = openPage({ transport });
  inbox = new Inbox();
  streams = [];
  page.gateway.on('Changes', stream);
}

const stream = ({ signal }: SentRequest): Response => {
  streams.push(new FakeStream(signal));
  return last().response;
};
const last = () => streams.at(-1) as FakeStream;
const requests = () => page.gateway.of('Changes');

async function subscribe(): Promise<() => void> {
  const end = page.client.subscribe<Change, object>(CHANGES, { after: 'A' }, inbox);
  await pass(1);
  return end;
}

afterEach(() => {
  page.client.close();
  vi.useRealTimers();
});

describe('a stream', () => {
  beforeEach(() => open());

  test('is a request that accepts events', async () => {
    await subscribe();
    expect(requests()).toHaveLength(1);
    expect(requests()[0]).toMatchObject({ query: CHANGES, variables: { after: 'A' } });
    expect(requests()[0]?.headers.get('accept')).toBe('text/event-stream');
    last().write('retry: 1000\n\nid: A\n\n: a comment\n\n');
    last().next({ data: change('B') }, 'B');
    await pass(1);
    expect(inbox.cursors).toEqual(['B']);
    expect(page.states).toEqual(['connecting', 'open']);
    last().write('event: complete\ndata: \n\n');
    await pass(1);
    expect(inbox.completions).toBe(1);
    expect(page.client.connection).toBe('closed');
  });

  test('that is lost is opened again with the id of the last event', async () => {
    await subscribe();
    last().next({ data: change('B') }, 'B');
    await pass(1);
    last().end();
    await pass(600);
    expect(requests()).toHaveLength(2);
    expect(requests()[1]?.headers.get('last-event-id')).toBe('B');
    expect(requests()[1]?.variables).toEqual({ after: 'B' });
    last().next({ data: change('B') }, 'B');
    last().next({ data: change('C') }, 'C');
    await pass(1);
    expect(inbox.cursors).toEqual(['B', 'C']);
    expect(page.states).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open']);
  });

  test('that is lost before the first event continues from the id at its beginning', async () => {
    await subscribe();
    last().write('id: SNAPSHOT-0\n\n');
    await pass(1);
    last().end();
    await pass(600);
    expect(requests()[1]?.headers.get('last-event-id')).toBe('SNAPSHOT-0');
  });

  test('in which nothing arrives for 30 seconds is given up; a comment is enough', async () => {
    await subscribe();
    for (let time = 0; time < 60; time += 12) {
      last().write(':\n\n');
      await pass(12_000);
    }
    expect(requests()).toHaveLength(1);
    await pass(19_000);
    expect(streams[0]?.isCancelled).toBe(true);
    await pass(600);
    expect(requests()).toHaveLength(2);
  });

  test('that is refused for a while is opened later', async () => {
    page.gateway.answers('Changes', lost(), new Response('', { status: 503 }), stream);
    await subscribe();
    await pass(5_000);
    expect(streams).toHaveLength(1);
    expect(inbox.errors).toEqual([]);
  });

  test('waits at most 10 seconds before another attempt, and not after `online`', async () => {
    page.gateway.on('Changes', lost);
    await subscribe();
    await pass(60_000);
    const before = requests().length;
    await pass(60_000);
    expect(requests().length - before).toBeGreaterThanOrEqual(6);
    expect(requests().length - before).toBeLessThanOrEqual(13);
    page.gateway.on('Changes', stream);
    page.send('online');
    await pass(1);
    expect(streams).toHaveLength(1);
  });

  test('that hangs is replaced after `online`', async () => {
    await subscribe();
    page.send('online');
    await pass(0);
    expect(streams[0]?.isCancelled).toBe(true);
    await pass(600);
    expect(streams).toHaveLength(2);
  });

  test('with an error ends with it', async () => {
    await subscribe();
    last().next(failure('FORBIDDEN'));
    await pass(1);
    expect(inbox.codes).toEqual(['FORBIDDEN']);
    await pass(30_000);
    expect(requests()).toHaveLength(1);
  });

  test('whose request is invalid reports the error', async () => {
    page.gateway.answers('Changes', json(failure('GRAPHQL_VALIDATION_FAILED'), { status: 400 }));
    await subscribe();
    expect(inbox.errors).toMatchObject([{ code: 'GRAPHQL_VALIDATION_FAILED', status: 400 }]);
    page.gateway.answers('Changes', new Response('<html>', { status: 404 }));
    await subscribe();
    expect(inbox.errors[1]).toMatchObject({ code: 'BAD_RESPONSE', status: 404 });
  });

  test('with a rate limit starts again after the time that the gateway says', async () => {
    page.gateway.answers('Changes', json(failure('RATE_LIMITED', { retryAfterSeconds: 5 }), { status: 429 }), stream);
    await subscribe();
    await pass(4_900);
    expect(streams).toHaveLength(0);
    await pass(1_200);
    expect(streams).toHaveLength(1);
  });

  test('that was ended is cancelled', async () => {
    const end = await subscribe();
    end();
    expect(last().isCancelled).toBe(true);
    await pass(60_000);
    expect(requests()).toHaveLength(1);
    expect(page.client.connection).toBe('closed');
  });
});

describe('credentials of a stream', () => {
  beforeEach(async () => {
    open();
    await page.client.session.signIn({ email: 'a@example.com', password: 'a password' });
  });

  test('403: the access token is replaced, and the stream opened again', async () => {
    page.gateway.answers('Changes', json(failure('UNAUTHENTICATED'), { status: 403 }), stream);
    await subscribe();
    await pass(1_000);
    expect(streams).toHaveLength(1);
    expect(page.gateway.of('RefreshSession')).toHaveLength(1);
    expect(new Set(requests().map(({ headers }) => headers.get('authorization'))).size).toBe(2);
    expect(inbox.errors).toEqual([]);
  });

  test('the end of the session is reported', async () => {
    await subscribe();
    last().next(failure('UNAUTHENTICATED', { reason: 'SESSION_ENDED' }));
    await pass(1);
    expect(inbox.errors).toMatchObject([{ code: 'UNAUTHENTICATED', reason: 'SESSION_ENDED' }]);
    expect(page.reasons).toEqual(['SESSION_ENDED']);
  });

  test('a sign-out opens the stream again without credentials', async () => {
    await subscribe();
    await page.client.session.signOut();
    await pass(600);
    expect(requests().map(({ headers }) => headers.has('authorization'))).toEqual([true, false]);
  });
});

describe('the choice between WebSockets and streams', () => {
  beforeEach(() => open('auto'));

  /** Refuses every WebSocket, as a proxy does that does not know them, for some time. */
  async function refuseSockets(ms: number, code = 1006): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      await pass(10);
      if (FakeSocket.last.readyState === FakeSocket.CONNECTING) FakeSocket.last.end(code);
    }
  }

  /** Waits for the next attempt, and accepts it. */
  async function acceptSocket(): Promise<void> {
    for (let passed = 0; FakeSocket.last.readyState !== FakeSocket.CONNECTING && passed < 60_000; passed += 10) await pass(10);
    await FakeSocket.last.accept();
  }

  test('WebSockets that do not get through three times are replaced by streams, from the same cursor', async () => {
    await subscribe();
    await FakeSocket.last.accept();
    FakeSocket.last.next(change('B'));
    FakeSocket.last.end(1006);
    await refuseSockets(8_000);
    expect(FakeSocket.all).toHaveLength(4);
    expect(streams).toHaveLength(1);
    expect(requests()[0]?.variables).toEqual({ after: 'B' });
    last().next({ data: change('C') }, 'C');
    await pass(1);
    expect(inbox.cursors).toEqual(['B', 'C']);
    expect(page.client.connection).toBe('open');
    await pass(5_000);
    expect(FakeSocket.all).toHaveLength(4);
    expect(inbox.errors).toEqual([]);
  });

  test('WebSockets whose handshake hangs count, too', async () => {
    await subscribe();
    await pass(25_000);
    expect(streams).toHaveLength(1);
  });

  test('a gateway that restarts, or refuses credentials, is no reason for streams', async () => {
    await subscribe();
    for (const code of [1001, 1013, 4408, 4403]) await refuseSockets(20_000, code);
    expect(FakeSocket.all.length).toBeGreaterThan(10);
    expect(streams).toHaveLength(0);
  });

  test('a browser without network does not change the transport', async () => {
    vi.stubGlobal('navigator', { onLine: false });
    await subscribe();
    await refuseSockets(30_000);
    expect(streams).toHaveLength(0);
  });

  test('if streams do not get through either, WebSockets are tried again', async () => {
    page.gateway.on('Changes', lost);
    await subscribe();
    await refuseSockets(20_000);
    expect(FakeSocket.all.length).toBeGreaterThan(3);
    expect(requests().length).toBeGreaterThan(1);
    await acceptSocket();
    expect(FakeSocket.last.variables).toEqual([{ after: 'A' }]);
    expect(page.client.connection).toBe('open');
    expect(inbox.errors).toEqual([]);
  });

  test('on another network, WebSockets are tried again', async () => {
    await subscribe();
    await refuseSockets(8_000);
    expect(streams).toHaveLength(1);
    last().next({ data: change('B') }, 'B');
    await pass(1);
    page.send('online');
    await settle();
    expect(last().isCancelled).toBe(true);
    expect(FakeSocket.last.readyState).toBe(FakeSocket.CONNECTING);
    await acceptSocket();
    expect(FakeSocket.last.variables).toEqual([{ after: 'B' }]);
  });

  test('a platform without WebSocket has streams from the start', async () => {
    page.client.close();
    vi.stubGlobal('WebSocket', undefined);
    const other = (await import('../../src/index.js')).createClient({ url: 'https://api.example.com/graphql', fetch: page.gateway.fetch });
    other.subscribe<Change, object>(CHANGES, { after: 'A' }, inbox);
    await pass(1);
    expect(streams).toHaveLength(1);
    other.close();
  });
});

test('events are read in pieces of any size, with all kinds of line ends', async () => {
  page = openPage();
  vi.useRealTimers();
  const text = 'retry: 1000\n\nid: 1\n\n: comment\n\nevent: next\r\nid: 2\r\ndata: {"a":\r\ndata: "ü"}\r\n\r\nevent:complete\rdata:\r\rdata: incomplete';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 7, bytes.length]) {
    let chunks = 0;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const events: ServerSentEvent[] = [];
    for await (const event of readEvents(body, () => (chunks += 1))) events.push(event);
    expect(events).toEqual([
      { id: '1', event: 'message', data: null },
      { id: '2', event: 'next', data: '{"a":\n"ü"}' },
      { id: undefined, event: 'complete', data: '' },
    ]);
    expect(chunks).toBe(Math.ceil(bytes.length / size));
  }
});
