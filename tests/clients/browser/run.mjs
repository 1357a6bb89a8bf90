// Opens the page of each client in Chromium, breaks its network, lets its access token expire, opens a second tab, and
// pauses a gig that it shows. Prints what was seen. `node run.mjs [CLIENT...]`; called by run.sh.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { chromium } from 'playwright-core';

import { CuttableProxy } from '../cuttable-proxy.mjs';
import { relayTags } from '../relay-tags.mjs';
import { Gateway } from './gateway.mjs';

const TOKEN_SECONDS = 20;

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const clients = process.argv.length > 2 ? process.argv.slice(2) : ['apollo', 'urql', 'relay'];
const seconds = (start) => ((Date.now() - start) / 1000).toFixed(1);

// --- The pages ---------------------------------------------------------------------------------------------

async function bundle() {
  const run = (program, cwd, ...options) =>
    execFileSync(process.execPath, [path(`../node_modules/${program}`), ...options], { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  run('../build-snippets.mjs', path('..'));
  mkdirSync(path('__generated__'), { recursive: true });
  run('relay-compiler/cli.js', path('.'), '--output', 'quiet-with-errors');
  run('typescript/bin/tsc', path('.'), '--project', 'tsconfig.json');
  await build({
    entryPoints: clients.map((client) => path(`${client}.tsx`)),
    outdir: path('../.build/browser'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"', __DEV__: 'false', 'globalThis.__DEV__': 'false' },
    plugins: [relayTags],
    logLevel: 'warning',
  });
}

// Serves the pages on a port of localhost, which a gateway in development allows.
async function servePages() {
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    if (pathname.endsWith('.js')) {
      response.setHeader('content-type', 'text/javascript');
      response.end(readFileSync(path(`../.build/browser${pathname}`)));
      return;
    }
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><meta charset="utf-8"><title>gigway</title><link rel="icon" href="data:,"><main></main>
      <script>globalThis.GATEWAY_URL = new URLSearchParams(location.search).get('gateway');</script>
      <script type="module" src="${pathname}.js"></script>`);
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://localhost:${server.address().port}`, close: () => server.close() };
}

// --- The scenarios -----------------------------------------------------------------------------------------

let hasFailed = false;
const rows = [];

function report(client, scenario, seen, isExpected = true) {
  hasFailed ||= !isExpected;
  rows.push([client, scenario, isExpected ? seen : `UNEXPECTED: ${seen}`]);
  console.log(`${client}: ${scenario}: ${isExpected ? '' : 'UNEXPECTED: '}${seen}`);
}

async function until(what, condition, limit = 60) {
  for (const end = Date.now() + limit * 1000; Date.now() < end; await setTimeout(50)) {
    if (await condition()) return;
  }
  throw new Error(`not within ${limit} seconds: ${what}`);
}

class Run {
  #cleanups = [];

  constructor(client, { gateway, pages, browser, reviewer }) {
    Object.assign(this, { client, gateway, pages, browser, reviewer });
  }

  after(cleanup) {
    this.#cleanups.push(cleanup);
  }

  async all() {
    this.seller = this.gateway.addUser(`${this.client}@example.com`, 'MEMBER');
    this.gig = await this.gateway.publish(this.seller, this.reviewer, `I will write a song with ${this.client}`);
    this.version = 2;
    this.proxy = await CuttableProxy.open(this, new URL(this.gateway.url));
    try {
      await this.silentNetwork();
      await this.refusedConnections();
      await this.networkThatComesBack();
      await this.expiringToken();
      await this.twoTabs();
      await this.ownGigIsPaused();
      await this.listedGigIsPaused();
      if (this.client === clients[0]) await this.photograph();
    } catch (error) {
      report(this.client, 'failed', error.stack, false);
    } finally {
      for (const cleanup of this.#cleanups.reverse()) await cleanup();
    }
  }

  async open(context, query = '') {
    const page = await context.newPage();
    page.on('pageerror', (error) => report(this.client, 'error in the page', error.message, false));
    const { origin } = this.proxy.url;
    await page.goto(`${this.pages.url}/${this.client}?gateway=${encodeURIComponent(origin)}&gig=${this.gig}${query}`);
    await page.waitForFunction(() => 'state' in globalThis);
    return page;
  }

  // A page of the seller, who has signed in, and which follows the gig.
  async openOwn() {
    const context = await this.browser.newContext();
    this.after(() => context.close());
    const refreshes = [];
    context.on('request', (request) => {
      if (request.postData()?.includes('refreshSession')) refreshes.push(request.frame());
    });
    const visitor = await this.open(context);
    await visitor.evaluate(({ email, password }) => state.signIn(email, password), this.seller);
    await visitor.close();
    const page = await this.open(context, '&own');
    await this.expectVersions(page, [this.version]);
    return { context, page, refreshes };
  }

  async change() {
    const [name, status] = this.version % 2 ? ['resumeGig', 'ACTIVE'] : ['pauseGig', 'PAUSED'];
    this.version += 1;
    await this.gateway.mutate(
      this.seller, `mutation ($id: ID!) { ${name}(id: $id) { gig { status } errors { message } } }`, { id: this.gig });
    return status;
  }

  versions(page) {
    return page.evaluate(() => state.received.map(({ version }) => version));
  }

  async expectVersions(page, expected) {
    await until(`the events ${expected}`, async () => (await this.versions(page)).includes(expected.at(-1)));
  }

  // Reports how long it took until the page had all events, and whether it has each once.
  async expectResumed(page, scenario, start, from, detail = '') {
    await this.expectVersions(page, [this.version]);
    const after = seconds(start);
    await setTimeout(500);
    const seen = (await this.versions(page)).filter((version) => version >= from);
    const expected = Array.from({ length: this.version - from + 1 }, (_, index) => from + index);
    const lost = expected.filter((version) => !seen.includes(version)).length;
    const doubled = seen.length - new Set(seen).size;
    const errors = await page.evaluate(() => state.errors);
    const text = `${detail}resumed after ${after} s; ${expected.length} events, ${lost} lost, ${doubled} doubled`;
    report(this.client, scenario, [text, ...errors].join('; '), lost + doubled + errors.length === 0);
  }

  // Every packet is dropped for 40 seconds, and nothing tells the browser.
  async silentNetwork() {
    const { page } = await this.openOwn();
    const from = this.version + 1;
    const { accepted } = this.proxy;
    this.proxy.swallow();
    const start = Date.now();
    await this.change();
    await this.change();
    await until('the page gives the connection up', () => this.proxy.accepted > accepted);
    const noticed = seconds(start);
    await setTimeout(Math.max(0, 40_000 - (Date.now() - start)));
    this.proxy.restore();
    await this.expectResumed(page, 'silent network, 40 s', Date.now(), from, `noticed after ${noticed} s; `);
    await page.context().close();
  }

  // Every connection is refused for 46 seconds.
  async refusedConnections() {
    const { page } = await this.openOwn();
    const from = this.version + 1;
    this.proxy.cut();
    await this.change();
    await setTimeout(46_000);
    await this.change();
    this.proxy.restore();
    await this.expectResumed(page, 'connections refused, 46 s', Date.now(), from);
    await page.context().close();
  }

  // The browser knows that it is offline, and that it is online again.
  async networkThatComesBack() {
    const { context, page } = await this.openOwn();
    const from = this.version + 1;
    this.proxy.swallow();
    await context.setOffline(true);
    await this.change();
    await setTimeout(20_000);
    this.proxy.restore();
    await context.setOffline(false);
    await this.expectResumed(page, 'offline and online again, 20 s', Date.now(), from);
    await context.close();
  }

  // Three lifetimes of an access token.
  async expiringToken() {
    const { context, page, refreshes } = await this.openOwn();
    const from = this.version + 1;
    for (const end = Date.now() + 3 * TOKEN_SECONDS * 1000; Date.now() < end; await setTimeout(2_000)) await this.change();
    const connections = await page.evaluate(() => state.connections);
    const detail = `${refreshes.length} refreshes, ${connections} connection(s); `;
    await this.expectResumed(page, `access token expires, ${3 * TOKEN_SECONDS} s`, Date.now(), from, detail);
    await context.close();
  }

  // Two tabs need another access token at the same moment. Then one signs out.
  async twoTabs() {
    const { context, page, refreshes } = await this.openOwn();
    const other = await this.open(context, '&own');
    const tabs = [page, other];
    const before = refreshes.length;
    await setTimeout(TOKEN_SECONDS * 800 + 100);
    const tokens = await Promise.all(tabs.map((tab) => tab.evaluate(() => state.freshAccessToken())));
    const requests = refreshes.slice(before);
    const senders = new Set(requests).size;
    const isShared = tokens[0] === tokens[1];
    const text = `${senders} of them sends ${requests.length} request(s), both have ${isShared ? 'the same token' : 'different tokens'}`;
    report(this.client, 'two tabs need a token', text, senders === 1 && isShared);
    const start = Date.now();
    await page.evaluate(() => state.signOut());
    await until('the other tab signs out', () => other.evaluate(() => state.isSignedOut));
    report(this.client, 'one of two tabs signs out', `the other one after ${seconds(start)} s`);
    await context.close();
  }

  // The list of the seller and the page of the gig while it is paused and resumed elsewhere.
  async ownGigIsPaused() {
    const { context, page } = await this.openOwn();
    const shown = (selector) => page.locator(selector).textContent();
    const times = [];
    for (let round = 0; round < 2; round += 1) {
      const status = await this.change();
      const start = Date.now();
      await until('the page of the gig', async () => (await shown('h1')) === status, 20);
      await until('the list', async () => (await shown(`#${this.gig}`)) === status, 20);
      times.push(`${status} after ${seconds(start)} s`);
    }
    report(this.client, 'the list and the page of a seller, whose gig is paused and resumed', times.join(', '));
    await context.close();
  }

  // A visitor sees a gig in the list and on its page while it is paused and resumed.
  async listedGigIsPaused() {
    if (this.version % 2) await this.change();
    const context = await this.browser.newContext();
    const page = await this.open(context);
    const isListed = () => page.locator(`#${this.gig}`).count().then((count) => count === 1);
    const title = () => page.locator('h1').textContent();
    const total = () => page.locator('#total').textContent();
    await until('the list', isListed);
    await setTimeout(1_000);
    const before = await total();
    const times = [];
    for (const isPaused of [true, false]) {
      await this.change();
      const start = Date.now();
      await until(isPaused ? 'the gig is gone' : 'the gig is back', async () => (await isListed()) !== isPaused, 20);
      await until('the page of the gig', async () => ((await title()) === 'not available') === isPaused, 20);
      times.push(seconds(start));
    }
    const errors = await page.evaluate(() => state.errors);
    const text = `gone after ${times[0]} s, back after ${times[1]} s; total ${before}, then ${await total()}`;
    report(this.client, 'the list and the page of a visitor, the same', [text, ...errors].join('; '), errors.length === 0);
    await context.close();
  }

  async photograph() {
    const { context, page } = await this.openOwn();
    const { original, scaled, image, errors, progress } = await page.evaluate(() => state.upload());
    const text = `${original} bytes scaled down to ${scaled}, stored with ${image?.width} x ${image?.height} pixels`;
    const isExpected = original > 3 * 1024 * 1024 && scaled <= 3 * 1024 * 1024 && progress.at(-1) === 1 && errors.length === 0;
    report(this.client, 'a large photograph', text, isExpected);
    await context.close();
  }
}

await bundle();
const gateway = await Gateway.start(process.env.GIGWAY, {
  GIGWAY_ACCESS_TOKEN_SECONDS: String(TOKEN_SECONDS),
  GIGWAY_TOKEN_GRACE_SECONDS: '5',
  // A debug build decodes photographs slowly.
  GIGWAY_OPERATION_LIMITS: '{"mutationSeconds":120}',
});
const pages = await servePages();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
try {
  const reviewer = gateway.addUser('reviewer@example.com', 'REVIEWER');
  console.log(`Chromium ${browser.version()}, access tokens of ${TOKEN_SECONDS} s`);
  // At the same time, each in its own session.
  await Promise.all(clients.map((client) => new Run(client, { gateway, pages, browser, reviewer }).all()));
} finally {
  await browser.close();
  pages.close();
  gateway.stop();
}
console.log('\n| client | scenario | seen |\n|---|---|---|');
for (const row of rows.sort(([, a], [, b]) => a.localeCompare(b))) console.log(`| ${row.join(' | ')} |`);
process.exitCode = hasFailed ? 1 : 0;
