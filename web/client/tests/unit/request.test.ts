import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createClient, type Client, type GigwayError } from '../../src/index.js';
import { fakeTabs, fakeWindow } from '../support/fake-browser.js';
import { failure, FakeGateway, json, lost, sessionPayload, silence } from '../support/fake-gateway.js';
import { duration, during } from '../support/time.js';

const QUERY = 'query Gigs { gigs { totalCount } }';
const MUTATION = 'mutation PauseGig($id: ID!) { pauseGig(id: $id) { gig { id } errors { code } } }';
const GIGS = { data: { gigs: { totalCount: 3 } } };
const PAUSED = { data: { pauseGig: { gig: { id: 'gig_1' }, errors: [] } } };

let gateway: FakeGateway;
let client: Client;

const signIn = () => client.session.signIn({ email: 'a@example.com', password: 'a password' });
const pause = (options = {}) => during(client.request(MUTATION, { id: 'gig_1' }, options));
const keys = () => gateway.of('PauseGig').map(({ headers }) => headers.get('idempotency-key'));

beforeEach(() => {
  vi.useFakeTimers();
  fakeTabs();
  gateway = new FakeGateway()
    .on('SignIn', () => ({ data: { signIn: sessionPayload() } }))
    .on('RefreshSession', () => ({ data: { refreshSession: sessionPayload() } }));
  client = createClient({ url: 'https://api.example.com/graphql', fetch: gateway.fetch });
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

test('a request has the document, its name and the variables, and no credentials without a session', async () => {
  gateway.answers('Gigs', GIGS);
  await expect(client.request(QUERY, { first: 1 })).resolves.toEqual(GIGS.data);
  const [request] = gateway.requests;
  expect(request).toMatchObject({ query: QUERY, operationName: 'Gigs', variables: { first: 1 } });
  expect(Object.fromEntries(request?.headers ?? [])).toEqual({
    accept: 'application/graphql-response+json', 'content-type': 'application/json',
  });
});

describe('errors', () => {
  test('a GraphQL error has the code, the reason and the request id of the gateway', async () => {
    gateway.answers('Gigs', json(failure('INTERNAL_SERVER_ERROR', { requestId: 'req-7' }), { status: 500 }));
    await expect(client.request(QUERY)).rejects.toMatchObject({
      name: 'GigwayError', code: 'INTERNAL_SERVER_ERROR', requestId: 'req-7', status: 500, retryable: false,
    });
    gateway.answers('Gigs', failure('QUERY_TOO_COMPLEX', { limit: 'depth', allowed: 15 }));
    await expect(client.request(QUERY)).rejects.toMatchObject({ code: 'QUERY_TOO_COMPLEX', limit: 'depth' });
    expect(gateway.requests).toHaveLength(2);
  });

  test('the page of a proxy is an error, not a crash', async () => {
    gateway.answers('Gigs', new Response('<html>', { status: 403 }));
    await expect(client.request(QUERY)).rejects.toMatchObject({ code: 'BAD_RESPONSE', status: 403, retryable: false });
  });

  test('a part that failed throws with the data, or is reported and the data returned', async () => {
    const partial = failure('FORBIDDEN', {}, { gigs: { totalCount: 3 }, reviewQueue: null });
    gateway.answers('Gigs', partial);
    await expect(client.request(QUERY)).rejects.toMatchObject({ code: 'FORBIDDEN', data: partial.data });
    const reported: GigwayError[] = [];
    await expect(client.request(QUERY, {}, { onPartial: (error) => reported.push(error) })).resolves.toEqual(partial.data);
    expect(reported[0]?.code).toBe('FORBIDDEN');
    await expect(client.execute(QUERY)).resolves.toMatchObject(partial);
  });
});

describe('repetition', () => {
  test('a query is sent again after a lost connection, a timeout and the error page of a proxy', async () => {
    gateway.answers('Gigs', lost(), silence, new Response('Bad gateway', { status: 502 }), GIGS);
    await expect(during(client.request(QUERY))).resolves.toEqual(GIGS.data);
    expect(gateway.requests).toHaveLength(4);
  });

  test('the waits double up to 5 seconds, and at least half of each passes', async () => {
    gateway.answers('Gigs', lost());
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const longest = await duration(client.request(QUERY, {}, { retries: 6 }));
    expect(longest).toBeGreaterThanOrEqual(500 + 1000 + 2000 + 4000 + 5000 + 5000);
    expect(longest).toBeLessThan(17_600);
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const shortest = await duration(client.request(QUERY, {}, { retries: 6 }));
    expect(shortest).toBeGreaterThanOrEqual(8_750);
    expect(shortest).toBeLessThan(8_900);
    expect(gateway.requests).toHaveLength(14);
  });

  test('the event `online` ends a wait', async () => {
    const send = fakeWindow();
    gateway.answers('Gigs', lost(), GIGS);
    const request = client.request(QUERY);
    await vi.advanceTimersByTimeAsync(10);
    send('online');
    await vi.advanceTimersByTimeAsync(0);
    await expect(request).resolves.toEqual(GIGS.data);
  });

  test.each(['RATE_LIMITED', 'SERVICE_UNAVAILABLE'])('%s is waited for as long as the gateway says', async (code) => {
    gateway.answers('Gigs', failure(code, { retryAfterSeconds: 7 }), GIGS);
    const took = await duration(client.request(QUERY));
    expect(took).toBeGreaterThanOrEqual(7_000);
    expect(took).toBeLessThan(8_100);
    expect(gateway.requests).toHaveLength(2);
  });

  test('the header Retry-After of a proxy is honoured', async () => {
    gateway.answers('Gigs', new Response('', { status: 503, headers: { 'retry-after': '3' } }), GIGS);
    expect(await duration(client.request(QUERY))).toBeGreaterThanOrEqual(3_000);
  });

  test('a long wait is left to the application', async () => {
    gateway.answers('Gigs', failure('RATE_LIMITED', { retryAfterSeconds: 3600, budget: 'identityData' }));
    await expect(client.request(QUERY)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterSeconds: 3600, retryable: true });
    expect(gateway.requests).toHaveLength(1);
  });

  test('an aborted request rejects with the reason of the signal, also while it waits', async () => {
    gateway.answers('Gigs', silence);
    const reason = new Error('the page was left');
    for (const answer of [silence, lost()]) {
      gateway.answers('Gigs', answer);
      const abort = new AbortController();
      const request = client.request(QUERY, {}, { signal: abort.signal });
      const outcome = request.catch((error: unknown) => error);
      await vi.advanceTimersByTimeAsync(50);
      abort.abort(reason);
      expect(await outcome).toBe(reason);
    }
    const sent = gateway.requests.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.requests).toHaveLength(sent);
  });
});

test('an aborted mutation without a key rejects with the reason, too', async () => {
  await signIn();
  gateway.answers('PauseGig', silence);
  const abort = new AbortController();
  const outcome = pause({ idempotencyKey: null, signal: abort.signal }).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(50);
  abort.abort('left');
  expect(await outcome).toBe('left');
});

describe('idempotency keys', () => {
  test('each mutation of a session has its own key, and a query has none', async () => {
    await signIn();
    gateway.answers('PauseGig', PAUSED).answers('Gigs', GIGS);
    await pause();
    await pause();
    await client.request(QUERY);
    expect(keys()[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(keys()).size).toBe(2);
    expect(gateway.of('Gigs')[0]?.headers.get('idempotency-key')).toBeNull();
  });

  test('a lost response is followed by the same mutation with the same key', async () => {
    await signIn();
    gateway.answers('PauseGig', lost(), silence, failure('IDEMPOTENCY_KEY_IN_USE', { retryAfterSeconds: 1 }), PAUSED);
    await expect(pause()).resolves.toEqual(PAUSED.data);
    expect(keys()).toHaveLength(4);
    expect(new Set(keys()).size).toBe(1);
  });

  test('a mutation that still runs is waited for, without counting as a failure', async () => {
    await signIn();
    const inUse = failure('IDEMPOTENCY_KEY_IN_USE', { retryAfterSeconds: 1 });
    gateway.answers('PauseGig', lost(), ...Array.from({ length: 20 }, () => inUse), PAUSED);
    await expect(pause({ retries: 1 })).resolves.toEqual(PAUSED.data);
    expect(gateway.of('PauseGig')).toHaveLength(22);
  });

  test('a mutation that runs for ever is given up', async () => {
    await signIn();
    gateway.answers('PauseGig', failure('IDEMPOTENCY_KEY_IN_USE', { retryAfterSeconds: 1 }));
    await expect(pause()).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_IN_USE', retryable: true });
    expect(gateway.of('PauseGig')).toHaveLength(46);
  });

  test('the application can give the key, or none', async () => {
    await signIn();
    gateway.answers('PauseGig', PAUSED);
    await pause({ idempotencyKey: 'draft-7' });
    await pause({ idempotencyKey: null });
    expect(keys()).toEqual(['draft-7', null]);
  });

  test('without a key, a mutation whose response was lost is not sent again, but one that was rejected is', async () => {
    await signIn();
    gateway.answers('PauseGig', lost());
    await expect(pause({ idempotencyKey: null })).rejects.toMatchObject({ code: 'NETWORK_ERROR' });
    expect(gateway.of('PauseGig')).toHaveLength(1);
    gateway.answers('PauseGig', failure('SERVICE_UNAVAILABLE', { retryAfterSeconds: 1 }), PAUSED);
    await expect(pause({ idempotencyKey: null })).resolves.toEqual(PAUSED.data);
  });

  test('a user who has used all keys of a day sends mutations without', async () => {
    await signIn();
    gateway.answers('PauseGig', failure('RATE_LIMITED', { retryAfterSeconds: 4000 }), PAUSED);
    await expect(pause()).resolves.toEqual(PAUSED.data);
    expect(keys()).toEqual([expect.any(String), null]);
    gateway.answers('PauseGig', failure('RATE_LIMITED', { retryAfterSeconds: 4000, budget: 'operations' }));
    await expect(pause()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    gateway.answers('PauseGig', failure('RATE_LIMITED', { retryAfterSeconds: 4000 }));
    await expect(pause({ idempotencyKey: 'mine' })).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(keys().at(-1)).toBe('mine');
  });

  test('a mutation whose payload has a part that failed is not repeated', async () => {
    await signIn();
    gateway.answers('PauseGig', failure('SERVICE_UNAVAILABLE', { retryAfterSeconds: 1 }, { pauseGig: { gig: null, errors: [] } }));
    await expect(pause()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(gateway.of('PauseGig')).toHaveLength(1);
  });

  test('a mutation keeps its key while the access token is refreshed', async () => {
    await signIn();
    gateway.answers('PauseGig', failure('UNAUTHENTICATED'), PAUSED);
    await pause();
    expect(new Set(keys()).size).toBe(1);
    expect(new Set(gateway.of('PauseGig').map(({ headers }) => headers.get('authorization'))).size).toBe(2);
  });

  test('a mutation is never repeated as another user', async () => {
    await signIn();
    gateway.on('SignIn', () => ({ data: { signIn: sessionPayload({ userId: 'usr_2' }) } }));
    gateway.answers('PauseGig', lost(), PAUSED);
    const outcome = client.request(MUTATION, { id: 'gig_1' }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1);
    await signIn();
    expect(await during(outcome)).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'SESSION_CHANGED' });
    expect(gateway.of('PauseGig')).toHaveLength(1);
  });
});

test('trusted documents are sent by their ids', async () => {
  const other = createClient({ url: 'https://api.example.com/graphql', fetch: gateway.fetch, sendsDocumentIds: true });
  gateway.on('Gigs', () => GIGS);
  const document = Object.assign(new String(`${QUERY} # with an id`), { __meta__: { hash: 'abc' } });
  await other.request(document);
  expect(JSON.parse(String(gateway.requests[0]?.body))).toEqual({ query: '', extensions: { documentId: 'abc' }, operationName: 'Gigs' });
  other.close();
});

test('`fetch` sends the access token to the gateway alone, and refreshes it once', async () => {
  await signIn();
  const sent: (string | null)[] = [];
  const pictures = createClient({
    url: 'https://api.example.com/graphql',
    fetch: (input, init) => {
      if (!String(input).includes('/media/')) return gateway.fetch(input, init);
      sent.push(new Headers(init?.headers).get('authorization'));
      return Promise.resolve(new Response('', { status: sent.length === 1 ? 401 : 200 }));
    },
  });
  await pictures.session.signIn({ email: 'a@example.com', password: 'a password' });
  const response = await during(pictures.fetch('https://api.example.com/media/doc_1'));
  expect(response.status).toBe(200);
  expect(new Set(sent).size).toBe(2);
  await pictures.fetch('https://cdn.example.com/media/img_1');
  expect(sent.at(-1)).toBeNull();
  await pictures.fetch('/media/doc_1');
  expect(sent.at(-1)).toMatch(/^Bearer /);
  pictures.close();
});
