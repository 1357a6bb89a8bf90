import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { newAccount, PASSWORD, signIn, start } from './setup.mjs';

let stage;
before(async () => (stage = await start()));
after(() => stage.close());

test('a wrong password is an error of the form, and what was typed stays', async () => {
  const { page, close } = await stage.person();
  await page.goto('/sign-in');
  await page.getByLabel('Email').fill('sofia@example.com');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await page.getByLabel('Email').inputValue(), 'sofia@example.com');
  await close();
});

test('a new account is signed in, and errors come to their fields', async () => {
  const { page, close } = await stage.person();
  await page.goto('/sign-up?next=/sell');
  await page.getByRole('button', { name: 'Sign up' }).click();
  const name = page.getByLabel('Display name');
  await page.locator('[aria-invalid=true]').first().waitFor();
  await assert.doesNotReject(name.and(page.locator(':focus')).waitFor(), 'the first field with an error has the focus');
  assert.equal(await page.locator('[aria-invalid=true]').count(), 3);

  await name.fill('Nora New');
  await page.getByLabel('Email').fill(`nora-${Date.now()}@example.com`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'My posted gigs' }).waitFor();
  await page.getByText('You have not posted a gig yet').waitFor();
  await close();
});

test('a page that needs a session comes back after the sign-in', async () => {
  const { page, close } = await stage.person();
  await page.goto('/sell/new');
  await page.getByText('Sign in to see this page.').waitFor();
  await page.getByLabel('Email').fill(await newAccount(stage));
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Post new gig' }).waitFor();
  await close();
});

test('another site cannot be the next page', async () => {
  const { page, close } = await stage.person();
  await page.goto('/sign-in?next=//example.com/');
  await page.getByLabel('Email').fill(await newAccount(stage));
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Browse gigs' }).waitFor();
  await close();
});

test('a session that was ended elsewhere says so', async () => {
  const email = await newAccount(stage);
  const { page, close } = await stage.person({ email });
  await page.goto('/sell');
  await page.getByText('You have not posted a gig yet').waitFor();
  await stage.api('mutation { signOut(everywhere: true) { sessionsEnded } }', {}, await signIn(stage, email));
  await page.getByText('Your session was ended').waitFor();
  assert.match(page.url(), /\/sign-in\?next=%2Fsell$/);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'My posted gigs' }).waitFor();
  await close();
});

test('a sign-out in one tab is one in all tabs', async () => {
  const { page, context, close } = await stage.person({ email: await newAccount(stage) });
  const other = await context.newPage();
  await other.goto('/');
  await other.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await other.getByText('You have signed out in another tab.').waitFor();
  assert.equal(await other.getByRole('link', { name: 'My posted gigs' }).count(), 0);
  await close();
});

test('the colours are chosen on this device', async () => {
  const { page, close } = await stage.person();
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.goto('/');
  const light = await background();
  await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
  assert.notEqual(await background(), light);
  await page.reload();
  await page.getByRole('heading', { name: 'Browse gigs' }).waitFor();
  assert.notEqual(await background(), light);
  await close();
});
