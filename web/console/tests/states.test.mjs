// What a page shows when something is missing: the network, a response, a translation of left and right, space.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertAccessible, assertNoSidewaysScroll, newAccount, PASSWORD, signIn, start } from './setup.mjs';

let stage;
before(async () => (stage = await start()));
after(() => stage.close());

const INTERNET = [/ERR_INTERNET_DISCONNECTED/, /WebSocket connection/];

test('without a connection a bar says so, and what was loaded stays', async () => {
  const { page, context, close } = await stage.person({ expects: INTERNET });
  await page.goto('/');
  await page.locator('[data-gig]').first().waitFor();
  await context.setOffline(true);
  await page.getByText('No connection. What you see is the last known state.').waitFor();
  assert.ok((await page.locator('[data-gig]').count()) > 0);
  await assertAccessible(page, 'the bar');
  await context.setOffline(false);
  await page.getByText('The connection is back').waitFor();
  await page.getByText('The connection is back').waitFor({ state: 'detached' });
  await close();
});

test('what is typed without a connection is saved on the device, and later in the account', async () => {
  const { page, context, close } = await stage.person({ email: await newAccount(stage), expects: INTERNET });
  await page.goto('/sell/new');
  await page.getByLabel('Title').waitFor();
  await context.setOffline(true);
  await page.getByLabel('Title').fill('Typed in the underground');
  await page.waitForFunction(() => Object.values(localStorage).some((value) => value.includes('Typed in the underground')));
  await context.setOffline(false);
  await page.getByText(/^Draft saved at/).waitFor();
  await close();
});

test('an error of the gateway shows its request id, and another attempt', async () => {
  const { page, context, close } = await stage.person();
  const errors = [{ message: 'Internal error', extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: '01a22d-request' } }];
  await context.route('**/graphql', (route) => route.fulfill({ json: { data: null, errors } }));
  await page.goto('/');
  await page.getByRole('alert').getByText('01a22d-request').waitFor();
  await assertAccessible(page, 'the error');
  await context.unroute('**/graphql');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('[data-gig]').first().waitFor();
  await close();
});

test('a page that could not be loaded goes on by itself when the gateway is back', async () => {
  const { page, context, close } = await stage.person({ expects: [/ERR_FAILED/] });
  await context.route('**/graphql', (route) => route.abort());
  await page.goto('/');
  await page.getByRole('alert').getByText('The gateway cannot be reached.').waitFor({ timeout: 60_000 });
  await context.unroute('**/graphql');
  await page.locator('[data-gig]').first().waitFor();
  await close();
});

test('skeletons have the places of what is loaded', async () => {
  const { page, context, close } = await stage.person();
  let release;
  const isReleased = new Promise((resolve) => (release = resolve));
  await context.route('**/graphql', async (route) => {
    await isReleased;
    await route.continue();
  });
  await page.goto('/');
  const list = page.locator('main ul[aria-busy=true]');
  await list.waitFor();
  const box = await list.boundingBox();
  await assertAccessible(page, 'the skeletons');
  release();
  await page.locator('[data-gig]').first().waitFor();
  const { x, y, width } = await page.locator('main ul').filter({ has: page.locator('[data-gig]') }).boundingBox();
  assert.deepEqual({ x, y, width }, { x: box.x, y: box.y, width: box.width });
  await close();
});

test('very long words and right-to-left texts stay in their places', async () => {
  const email = await newAccount(stage, 'نورا-العربية-باسم-طويل-جدا-بلا-مسافات');
  const token = await signIn(stage, email);
  const titles = ['W'.repeat(120), 'سأصمم لك شعارا بسيطا وواضحا لمتجرك الصغير في ثلاثة أيام فقط'];
  const { categories } = await stage.api('{ categories { id } }');
  for (const title of titles) {
    const input = { title, description: title, tags: ['x'.repeat(30)], category: categories[0].id, price: '9999.99', deliveryDays: 90, revisions: 20 };
    const { saveGigDraft } = await stage.api(
      'mutation ($input: SaveGigDraftInput!) { saveGigDraft(input: $input) { gig { id } errors { message } } }', { input }, token);
    assert.deepEqual(saveGigDraft.errors, []);
  }
  for (const width of [1280, 390]) {
    const { page, close } = await stage.person({ email, width });
    await page.goto('/sell');
    await page.getByText(titles[1]).waitFor();
    await assertNoSidewaysScroll(page, 'My posted gigs');
    await page.getByRole('link', { name: `Continue: ${titles[0]}` }).click();
    await page.getByLabel('Title').waitFor();
    await assertNoSidewaysScroll(page, 'the form');
    await close();
  }
});

test('nothing is animated for people who do not want it', async () => {
  const { page, close } = await stage.person({ reducedMotion: 'reduce' });
  await page.goto('/');
  await page.locator('[data-gig]').first().waitFor();
  const durations = await page.evaluate(() =>
    [...document.querySelectorAll('*')].map((element) => Number.parseFloat(getComputedStyle(element).transitionDuration)));
  assert.ok(Math.max(...durations) < 0.001);
  await close();
});

test('an idle page sends nothing', async () => {
  const { page, close } = await stage.person({ email: await newAccount(stage) });
  for (const path of ['/', '/sell', '/sell/new']) {
    await page.goto(path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(3000);
    const requests = [];
    const note = (request) => requests.push(request.url());
    page.on('request', note);
    await page.waitForTimeout(10_000);
    page.off('request', note);
    assert.deepEqual(requests, [], path);
  }
  await close();
});

test('a session that ends while a gig is being written loses nothing', async () => {
  const email = await newAccount(stage);
  const { page, close } = await stage.person({ email });
  await page.goto('/sell/new');
  await page.getByLabel('Title').fill('Written before the session ended');
  await page.getByText(/^Draft saved at/).waitFor();
  await page.getByLabel('Description', { exact: true }).fill('And a description.');
  await stage.api('mutation { signOut(everywhere: true) { sessionsEnded } }', {}, await signIn(stage, email));
  await page.getByText('Your session').waitFor();
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Post new gig' }).waitFor();
  assert.equal(await page.getByLabel('Title').inputValue(), 'Written before the session ended');
  assert.equal(await page.getByLabel('Description', { exact: true }).inputValue(), 'And a description.');
  await close();
});
