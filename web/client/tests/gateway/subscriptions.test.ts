// Subscriptions with a gateway, while everything breaks: nothing is missed, and nothing comes twice.

import { setTimeout } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { memoryStorage, type Client, type ClientOptions, type ConnectionState, type GigwayError } from '../../src/index.js';
import { Gateway, mutateGig, postGig, publishGig, until } from '../support/gateway.js';
import { Proxy } from '../support/proxy.js';

const STATUS = `subscription Status($id: ID, $after: String) {
  gigStatusChanged(gigId: $id, after: $after) { cursor delivery gigId version status } }`;

interface StatusEvent {
  gigStatusChanged: { cursor: string; delivery: string; gigId: string; version: number; status: string };
}

let gateway: Gateway;
let proxy: Proxy;
let seller: Client;
let reviewer: Client;

beforeAll(async () => {
  gateway = await Gateway.start();
  seller = await gateway.signedIn(gateway.addUser('seller@example.com'));
  reviewer = await gateway.signedIn(gateway.addUser('reviewer@example.com', 'REVIEWER'));
});

afterAll(() => gateway.remove());

beforeEach(async () => {
  proxy = await Proxy.open(gateway.url);
  return () => proxy.close();
});

const CREDENTIALS = { email: 'seller@example.com', password: 'a password of the test' };

/** A page of the seller behind the proxy, which follows one gig. */
async function follow(id: string, options: Partial<ClientOptions> = {}) {
  const states: ConnectionState[] = [];
  const page = await gateway.signedIn(CREDENTIALS, { url: proxy.url, onConnection: (state) => states.push(state), ...options });
  const versions: number[] = [];
  const errors: GigwayError[] = [];
  const end = page.subscribe<StatusEvent, object>(STATUS, { id }, {
    next: ({ gigStatusChanged }) => versions.push(gigStatusChanged.version),
    error: (error) => errors.push(error),
  });
  await until('the snapshot', () => versions.length > 0);
  return { page, versions, errors, states, end };
}

/** Pauses and resumes a gig in turns. `version` is its version before. */
async function change(id: string, version: number, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    await mutateGig(seller, (version + count) % 2 ? 'resumeGig' : 'pauseGig', { id });
  }
}

/** Waits for the last version, and then whether anything comes twice. */
async function expectVersions(versions: number[], last: number): Promise<void> {
  await until(`version ${last}`, () => versions.includes(last));
  await setTimeout(300);
  expect(versions).toEqual(Array.from({ length: last - 1 }, (_, index) => index + 2));
}

describe.each(['websocket', 'sse'] as const)('over %s', (transport) => {
  test('a snapshot is followed by every change', async () => {
    const { id } = await publishGig(seller, reviewer);
    const { versions, errors, states } = await follow(id, { transport });
    await change(id, 2, 6);
    await expectVersions(versions, 8);
    expect(errors).toEqual([]);
    expect(states).toEqual(['connecting', 'open']);
  });

  test('connections that are cut again and again', async () => {
    const { id } = await publishGig(seller, reviewer);
    const { versions, errors } = await follow(id, { transport });
    for (let round = 0; round < 5; round += 1) {
      proxy.cut();
      await change(id, 2 + round * 2, 1);
      proxy.restore();
      await change(id, 3 + round * 2, 1);
    }
    await expectVersions(versions, 12);
    expect(errors).toEqual([]);
  });

  test('a gateway that is killed and started again', async () => {
    const { id } = await publishGig(seller, reviewer);
    const { versions, errors, states } = await follow(id, { transport });
    await change(id, 2, 1);
    await gateway.down('SIGKILL');
    await setTimeout(1_000);
    await gateway.up();
    await change(id, 3, 3);
    await expectVersions(versions, 6);
    expect(errors).toEqual([]);
    expect(states).toContain('waiting');
    expect(states.at(-1)).toBe('open');
  });

  test('a gateway that stops in an orderly way', async () => {
    const { id } = await publishGig(seller, reviewer);
    const { versions, errors } = await follow(id, { transport });
    await gateway.down('SIGTERM');
    await gateway.up();
    await change(id, 2, 2);
    await expectVersions(versions, 4);
    expect(errors).toEqual([]);
  });

  test('a network that drops every packet', async () => {
    const { id } = await publishGig(seller, reviewer);
    const { versions, errors } = await follow(id, { transport });
    const { accepted } = proxy;
    proxy.swallow();
    await change(id, 2, 2);
    await until('the connection is given up', () => proxy.accepted > accepted, 60);
    proxy.restore();
    await expectVersions(versions, 4);
    expect(errors).toEqual([]);
  });

  test('an error of the gateway', async () => {
    const { page } = await follow((await publishGig(seller, reviewer)).id, { transport });
    const error = await new Promise<GigwayError>((resolve) => {
      page.subscribe(STATUS, { after: 'nonsense' }, { next() {}, error: resolve });
    });
    expect(error).toMatchObject({ code: 'INVALID_CURSOR', retryable: false });
    expect(page.connection).toBe('open');
  });
});

test('WebSockets that do not get through are replaced by streams', async () => {
  proxy.refuseWebSockets();
  const { id } = await publishGig(seller, reviewer);
  const { versions, errors, states } = await follow(id);
  await change(id, 2, 2);
  await expectVersions(versions, 4);
  expect(errors).toEqual([]);
  expect(states.at(-1)).toBe('open');
});

test('streams replace WebSockets in the middle of a subscription', async () => {
  const { id } = await publishGig(seller, reviewer);
  const { versions, errors } = await follow(id);
  proxy.refuseWebSockets();
  for (let round = 0; round < 3; round += 1) {
    proxy.cut();
    await change(id, 2 + round, 1);
    proxy.restore();
  }
  await expectVersions(versions, 5);
  await change(id, 5, 2);
  await expectVersions(versions, 7);
  expect(errors).toEqual([]);
});

test('`resume` reports what has happened while no page was open', async () => {
  const { id } = await publishGig(seller, reviewer);
  const cursorStorage = memoryStorage();
  const visit = async () => {
    const page = await gateway.signedIn(CREDENTIALS, { cursorStorage });
    const versions: number[] = [];
    page.subscribe<StatusEvent, object>(STATUS, { id: null }, {
      resume: 'decisions',
      next: ({ gigStatusChanged: { gigId, version } }) => void (gigId === id && versions.push(version)),
    });
    await until('the connection', () => page.connection === 'open');
    return { page, versions };
  };
  const first = await visit();
  await change(id, 2, 2);
  await until('two events', () => first.versions.length === 2);
  first.page.close();
  await change(id, 4, 2);
  const second = await visit();
  await until('the missed events', () => second.versions.length === 2);
  await setTimeout(300);
  expect([first.versions, second.versions]).toEqual([[3, 4], [5, 6]]);
  second.page.close();
});

test('a list that is read with `reload` has every change once, also after its cursor has expired', async () => {
  const page = await gateway.signedIn(CREDENTIALS);
  const gigs = new Map<string, { version: number; status: string }>();
  const stale: string[] = [];
  let reloads = 0;
  page.subscribe<StatusEvent, object>(STATUS, { id: null }, {
    async reload() {
      reloads += 1;
      const data = (await page.request('{ eventCursor viewer { gigs(first: 100) { nodes { id version status } } } }')) as {
        eventCursor: string;
        viewer: { gigs: { nodes: { id: string; version: number; status: string }[] } };
      };
      for (const { id, version, status } of data.viewer.gigs.nodes) gigs.set(id, { version, status });
      return data.eventCursor;
    },
    next({ gigStatusChanged: { gigId, version, status } }) {
      if (version <= (gigs.get(gigId)?.version ?? 0)) stale.push(gigId);
      gigs.set(gigId, { version, status });
    },
  });
  const { id } = await postGig(seller);
  await until('the posted gig', () => gigs.get(id)?.status === 'IN_REVIEW');
  await mutateGig(reviewer, 'decideGig', { input: { gigId: id, decision: 'APPROVE', expectedVersion: 1 } });
  await until('the approved gig', () => gigs.get(id)?.status === 'ACTIVE');
  expect(reloads).toBe(1);
  await gateway.down();
  gateway.run('log', 'new-epoch');
  await gateway.up();
  await change(id, 2, 1);
  await until('the paused gig', () => gigs.get(id)?.status === 'PAUSED');
  expect(reloads).toBe(2);
  await change(id, 3, 1);
  await until('the resumed gig', () => gigs.get(id)?.status === 'ACTIVE');
  expect(stale.length).toBeLessThanOrEqual(1); // the list can already have a change that follows
});

test('a subscription without a cursor misses nothing before its first event', async () => {
  const page = gateway.client({ url: proxy.url });
  const listed: string[] = [];
  page.subscribe<{ gigPublished: { gigId: string } }, object>(
    'subscription Published($after: String) { gigPublished(after: $after) { cursor gigId } }', {},
    { next: ({ gigPublished }) => listed.push(gigPublished.gigId) },
  );
  await until('the connection', () => page.connection === 'open');
  proxy.cut();
  const { id } = await publishGig(seller, reviewer);
  proxy.restore();
  await until('the gig', () => listed.includes(id));
  expect(listed).toEqual([id]);
});

test('what everybody may see goes on when the user signs out', async () => {
  const page = await gateway.signedIn(CREDENTIALS, { url: proxy.url });
  const changes: string[] = [];
  const errors: string[] = [];
  page.subscribe<{ catalogueChanged: { change: string } }, object>(
    'subscription Catalogue($after: String) { catalogueChanged(after: $after) { cursor change gigId } }', {},
    { next: ({ catalogueChanged }) => changes.push(catalogueChanged.change), error: ({ code }) => errors.push(`public ${code}`) },
  );
  page.subscribe(STATUS, { id: null }, { next() {}, error: ({ code }) => errors.push(code) });
  await until('the connection', () => page.connection === 'open');
  const { id } = await publishGig(seller, reviewer);
  await until('the gig', () => changes.length === 1);
  await page.session.signOut();
  await until('the error', () => errors.length > 0);
  await change(id, 2, 1);
  await until('the pause', () => changes.length === 2);
  expect(changes).toEqual(['LISTED', 'DELISTED']);
  expect(errors).toEqual(['UNAUTHENTICATED']);
});

test('an access token that expires is renewed on the open connection', async () => {
  const short = await Gateway.start({ GIGWAY_ACCESS_TOKEN_SECONDS: '5', GIGWAY_TOKEN_GRACE_SECONDS: '5' });
  try {
    const states: ConnectionState[] = [];
    const page = await short.signedIn(short.addUser('short@example.com'), { onConnection: (state) => states.push(state) });
    const versions: string[] = [];
    page.subscribe<StatusEvent, object>(STATUS, { id: null }, { next: ({ gigStatusChanged }) => versions.push(gigStatusChanged.gigId) });
    await until('the connection', () => page.connection === 'open');
    const posted: string[] = [];
    for (let count = 0; count < 8; count += 1) {
      posted.push((await postGig(page)).id);
      await setTimeout(2_000);
    }
    await until('the events', () => versions.length === 8);
    expect(versions).toEqual(posted);
    expect(states).toEqual(['connecting', 'open']);
  } finally {
    await short.remove();
  }
});
