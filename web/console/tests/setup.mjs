// What the browser tests share: a gateway with demo data, the console, and people with a browser each.
//
// GIGWAY_BIN is the program to start (by default the debug build). GIGWAY_URL is a gateway that runs already; CONSOLE_URL
// is the console that it knows as its GIGWAY_PUBLIC_URL. GIGWAY_DEMO is the option for demo data, `--demo` by default.
// CHROMIUM is the browser.

import axe from 'axe-core';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { serveConsole } from './server.mjs';

const DEMO = process.env.GIGWAY_DEMO ?? '--demo';
const BINARY = process.env.GIGWAY_BIN ?? new URL('../../../target/debug/gigway', import.meta.url).pathname;
const CHROMIUM = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
export const PASSWORD = 'demo-password';

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function startGateway(publicUrl) {
  const data = mkdtempSync(join(tmpdir(), 'gigway-console-'));
  const port = await freePort();
  const gateway = spawn(BINARY, ['serve', DEMO], {
    env: { ...process.env, GIGWAY_DATA_DIR: data, GIGWAY_LISTEN: `127.0.0.1:${port}`, GIGWAY_PUBLIC_URL: publicUrl },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise((resolve, reject) => {
    let output = '';
    gateway.stdout.on('data', (chunk) => {
      output += chunk;
      if (output.includes('Demo accounts')) resolve();
    });
    gateway.on('exit', (code) => reject(new Error(`The gateway has ended with ${code}`)));
  });
  const stop = () =>
    new Promise((resolve) => {
      gateway.removeAllListeners('exit').on('exit', () => resolve(rmSync(data, { recursive: true, force: true })));
      gateway.kill();
    });
  return { url: `http://127.0.0.1:${port}`, stop };
}

/** Starts everything. `close` ends it. */
export async function start() {
  const { GIGWAY_URL, CONSOLE_URL } = process.env;
  const port = await freePort();
  const url = CONSOLE_URL ?? `http://127.0.0.1:${port}`;
  const gateway = GIGWAY_URL ? { url: GIGWAY_URL, stop: async () => {} } : await startGateway(url);
  const server = CONSOLE_URL ? undefined : await serveConsole(gateway.url, port);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  return {
    url,
    browser,
    api: (query, variables, token) => api(gateway.url, query, variables, token),
    /** A person with a browser: see below. */
    person: (options) => person(browser, url, options),
    async close() {
      await browser.close();
      server?.closeAllConnections();
      server?.close();
      await gateway.stop();
    },
  };
}

async function api(gateway, query, variables, token) {
  const response = await fetch(`${gateway}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** The access token of a demo account. */
export async function signIn({ api }, email) {
  const { signIn: payload } = await api(
    'mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { message } } }',
    { input: { email, password: PASSWORD } },
  );
  return payload.session.accessToken;
}

let accounts = 0;

/** A new account, for a seller who has posted nothing. Returns its e-mail address. */
export async function newAccount({ api }, displayName = 'Tess Tester') {
  accounts += 1;
  const email = `tess-${Date.now()}-${accounts}@example.com`;
  const input = { email, password: PASSWORD, displayName };
  const { signUp } = await api('mutation ($input: SignUpInput!) { signUp(input: $input) { errors { message } } }', { input });
  assert.deepEqual(signUp.errors, []);
  return email;
}

/**
 * A page of its own. It collects what must not happen: errors in the console, requests to another origin, and whatever
 * the Content-Security-Policy forbids. `expects` are errors that the test causes.
 */
async function person(browser, url, { email, width = 1280, scheme = 'light', expects = [], ...options } = {}) {
  const isPhone = width < 500;
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width, height: isPhone ? 844 : 900 },
    colorScheme: scheme,
    isMobile: isPhone,
    hasTouch: isPhone,
    ...options,
  });
  const problems = [];
  const note = (problem) => expects.some((expected) => expected.test(problem)) || problems.push(problem);
  await context.addInitScript(() =>
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`),
    ),
  );
  context.on('page', (page) => {
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && note(message.text()));
    page.on('pageerror', (error) => note(String(error.stack)));
    page.on('request', (request) => new URL(request.url()).origin === url || note(`request to ${request.url()}`));
  });
  const page = await context.newPage();
  if (email) {
    await page.goto('/sign-in');
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${url}/`);
  }
  return {
    page,
    context,
    async close() {
      await context.close();
      assert.deepEqual(problems, []);
    },
  };
}

/** Fails if axe-core finds something serious. */
export async function assertAccessible(page, name) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const serious = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join('\n')}`);
  assert.deepEqual(serious, [], name);
}

/** Fails if the page can be scrolled sideways. */
export async function assertNoSidewaysScroll(page, name) {
  const { scrollWidth, clientWidth } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { scrollWidth, clientWidth };
  });
  assert.ok(scrollWidth <= clientWidth, `${name}: ${scrollWidth} > ${clientWidth}`);
}
