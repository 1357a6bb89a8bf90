// Runs the examples for Node and for the browser against a gateway, as a reader of them would.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { EventSource } from 'eventsource';

import { start } from '../../examples/browser/live-gigs.js';
import { CuttableProxy } from './cuttable-proxy.mjs';
import { Gig, reviewer, seller, streams } from './gateway.mjs';
import { Inbox } from './inbox.mjs';

const timeout = 60_000;

const here = dirname(fileURLToPath(import.meta.url));
const examples = join(here, '../../examples');
const text = (path) => readFileSync(path, 'utf8');

// A copy of the examples for Node, which finds its packages in this directory.
const dir = mkdtempSync(join(tmpdir(), 'gigway-examples.'));
after(() => rmSync(dir, { recursive: true }));
for (const file of ['package.json', 'request.mjs', 'browse.mjs', 'follow-gigs.mjs', 'gig-published.mjs']) {
  cpSync(join(examples, 'node', file), join(dir, file));
}
symlinkSync(join(here, 'node_modules'), join(dir, 'node_modules'));

// Starts an example. `lines` receives what it prints, `exit` resolves to its exit code.
function run(t, script, gateway, ...options) {
  const child = spawn(process.execPath, [script, ...options], {
    cwd: dir,
    env: { ...process.env, GATEWAY_URL: new URL(gateway).origin },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill());
  const lines = new Inbox();
  createInterface({ input: child.stdout }).on('line', (line) => lines.put('line', line));
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const exit = once(child, 'close').then(([code]) => ({ code, stderr }));
  return { lines, exit };
}

async function expectLine(lines, pattern) {
  const [, line] = await lines.take();
  assert.match(line, pattern);
}

// Publishes a gig, and waits until the gateway for streams has dispatched the event. A cursor that is read
// there before that is older, and a subscription after it reports the gig although it is already listed.
async function publishAndWait(t) {
  const response = await fetch(new URL('?query={eventCursor}', streams));
  const after = (await response.json()).data.eventCursor;
  const gig = await Gig.publish();
  const url = new URL(streams);
  url.searchParams.set('query', 'subscription ($after: String) { gigPublished(after: $after) { gigId } }');
  url.searchParams.set('variables', JSON.stringify({ after }));
  const source = new EventSource(url.href);
  t.after(() => source.close());
  await new Promise((resolve) => {
    source.addEventListener('next', ({ data }) => {
      if (JSON.parse(data).data.gigPublished.gigId === gig.id) resolve();
    });
  });
  source.close();
  return gig;
}

// An address where nothing listens.
async function closedPort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

test('browse.mjs prints the gigs that match', { timeout }, async (t) => {
  const gig = await Gig.publish();
  const { lines, exit } = run(t, 'browse.mjs', streams, 'song');
  await expectLine(lines, new RegExp(`^${gig.id}  100\\.00 `));
  assert.deepEqual(await exit, { code: 0, stderr: '' });
});

test('follow-gigs.mjs prints each published gig once across a lost connection', { timeout }, async (t) => {
  const listed = await publishAndWait(t);
  const proxy = await CuttableProxy.open(t, streams);
  const { lines, exit } = run(t, 'follow-gigs.mjs', proxy.url, '4');
  await expectLine(lines, new RegExp(`^${listed.id} `));
  let line = '';
  while (line !== 'following') [, line] = await lines.take();
  const published = [await Gig.publish()];
  await expectLine(lines, new RegExp(`^published ${published[0].id} `));
  proxy.cut();
  published.push(await Gig.publish(), await Gig.publish());
  await lines.expectSilence();
  proxy.restore();
  for (const { id } of published.slice(1)) await expectLine(lines, new RegExp(`^published ${id} `));
  const last = await Gig.publish();
  await expectLine(lines, new RegExp(`^published ${last.id} `));
  assert.deepEqual(await exit, { code: 0, stderr: '' });
  await lines.expectSilence();
});

test('gig-published.mjs prints each published gig', { timeout }, async (t) => {
  const { lines } = run(t, 'gig-published.mjs', streams);
  // Without a cursor, a subscription reports what happens after its start.
  let printed = '';
  const reading = (async () => {
    while (!printed.includes('title')) printed += (await lines.take())[1];
  })();
  for (let isRead = false; !isRead; ) {
    const gig = await Gig.publish();
    isRead = await Promise.race([reading.then(() => true), delay(500, false)]);
    await gig.archive(); // a user can have 20
  }
  assert.match(printed, /cursor: .*title: 'I will write a song for you'/);
});

test('the GraphQL documents of the documentation are answered', { timeout }, async (t) => {
  const document = (name) => text(join(examples, 'graphql', name));
  const gig = await Gig.publish();
  const { eventCursor, viewer } = await seller.run(document('own-gigs.graphql'));
  assert.equal(viewer.gigs.nodes[0].id, gig.id);
  assert.ok(eventCursor);
  const posted = await Gig.post();
  const { reviewQueue } = await reviewer.run(document('review-board.graphql'));
  assert.ok(reviewQueue.nodes.some(({ subject }) => subject.id === posted.id));
  await posted.archive();
  const url = new URL(streams);
  url.searchParams.set('query', document('list-of-gigs.graphql'));
  url.searchParams.set('operationName', 'Gigs');
  const { data: start } = await (await fetch(url)).json();
  url.searchParams.set('operationName', 'Changes');
  url.searchParams.set('variables', JSON.stringify({ after: start.eventCursor }));
  const changes = new EventSource(url.href);
  t.after(() => changes.close());
  const change = once(changes, 'next');
  const listed = await Gig.publish();
  const { gigId } = JSON.parse((await change)[0].data).data.catalogueChanged;
  assert.ok(gigId);
  await listed.archive();
  url.search = '';
  url.searchParams.set('query', document('gig-published.graphql'));
  const source = new EventSource(url.href);
  t.after(() => source.close());
  await once(source, 'open');
  const event = once(source, 'next');
  const published = await Gig.publish();
  const [{ data }] = await event;
  assert.equal(JSON.parse(data).data.gigPublished.gig.title, 'I will write a song for you');
  await Promise.all([gig.archive(), published.archive()]);
});

test('the examples for Node fail without a gateway', { timeout }, async (t) => {
  const nowhere = await closedPort();
  for (const script of ['browse.mjs', 'follow-gigs.mjs']) {
    const { code, stderr } = await run(t, script, nowhere).exit;
    assert.equal(code, 1, script);
    assert.match(stderr, /no response from/);
  }
});

// Starts the page's module. Returns what it shows, and the network between it and the gateway, which the test
// breaks and repairs. Requests fail in `fetch` while it is down: Node does not always notice a connection
// that is refused.
async function open(t, options = {}) {
  const proxy = await CuttableProxy.open(t, streams);
  const list = new Inbox();
  const added = new Inbox();
  const statuses = [];
  const view = {
    showList: (gigs) => list.put('list', gigs.map(({ id }) => id)),
    addGig: ({ id }) => added.put('gig', id),
    showStatus: (status) => statuses.push(status),
  };
  let respond = fetch;
  const network = {
    // Resolves when a request has failed.
    break(failure) {
      const failed = new Promise((resolve) => {
        respond = () => {
          resolve();
          return failure();
        };
      });
      proxy.cut();
      proxy.restore();
      return failed;
    },
    repair() {
      respond = fetch;
    },
  };
  const fetchThrough = (...request) => respond(...request);
  class Source extends EventSource {
    constructor(url) {
      super(url, { fetch: fetchThrough });
    }
  }
  options.prepare?.(network);
  const source = options.EventSource ?? Source;
  const stop = start({ gateway: proxy.url, view, fetch: fetchThrough, EventSource: source, retryAfter: 100 });
  t.after(stop);
  return { list, added, statuses, network };
}

const unreachable = async () => {
  throw new TypeError('no network');
};
// After this an EventSource is closed for good, here as in a browser.
const unavailable = async () => new Response('', { status: 503 });

for (const [name, failure] of Object.entries({ 'a lost connection': unreachable, 'an HTTP error': unavailable })) {
  test(`the page adds each published gig once and in order across ${name}`, { timeout }, async (t) => {
    const listed = await publishAndWait(t);
    const { list, added, statuses, network } = await open(t);
    assert.equal((await list.take())[1][0], listed.id);
    const expect = async (...gigs) => {
      for (const { id } of gigs) assert.deepEqual(await added.take(), ['gig', id]);
    };
    await expect(await Gig.publish());
    const failed = network.break(failure);
    const missed = [await Gig.publish(), await Gig.publish()];
    await failed;
    await added.expectSilence();
    assert.equal(statuses.at(-1), 'Reconnecting');
    network.repair();
    await expect(...missed);
    await expect(await Gig.publish());
    await added.expectSilence();
    await list.expectSilence();
    assert.equal(statuses.at(-1), 'Live');
  });
}

test('the page reloads the list if its cursor has expired', { timeout }, async (t) => {
  let sources = 0;
  class ExpiredOnce {
    static CLOSED = 2;
    constructor(url) {
      sources += 1;
      if (sources > 1) return new EventSource(url);
      this.close = () => {};
    }
    addEventListener(name, listener) {
      const errors = [{ message: 'expired', extensions: { code: 'CURSOR_EXPIRED' } }];
      if (name === 'next') setTimeout(() => listener({ data: JSON.stringify({ data: null, errors }) }));
    }
  }
  await publishAndWait(t); // so that gigs of earlier tests are not reported
  const { list, added } = await open(t, { EventSource: ExpiredOnce });
  await list.take();
  await list.take();
  const gig = await Gig.publish();
  assert.deepEqual(await added.take(), ['gig', gig.id]);
});

test('the page shows an error and retries if the gateway does not respond', { timeout }, async (t) => {
  const { list, statuses, network } = await open(t, { prepare: (network) => network.break(unreachable) });
  await list.expectSilence();
  assert.equal(statuses.at(-1), 'Could not load the gigs: no network');
  network.repair();
  await list.take();
});

test('the script of the page is valid, and the page loads nothing from elsewhere', { timeout }, async () => {
  const page = text(join(examples, 'browser/index.html'));
  const [, script] = /<script type="module">([\s\S]*?)<\/script>/.exec(page);
  const options = ['--input-type=module', '--check', '-'];
  const check = spawn(process.execPath, options, { stdio: ['pipe', 'ignore', 'inherit'] });
  check.stdin.end(script);
  assert.deepEqual(await once(check, 'close'), [0, null]);
  assert.doesNotMatch(page, /(src|href)=["'](https?:)?\/\//);
  assert.doesNotMatch(script, /from ['"](?!\.\/live-gigs\.js)/);
});

test('the Node examples depend on the tested package versions', () => {
  const versions = (path) => JSON.parse(text(path)).dependencies;
  const tested = versions(join(here, 'package.json'));
  for (const [name, version] of Object.entries(versions(join(examples, 'node/package.json')))) {
    assert.equal(version, tested[name], name);
  }
});
