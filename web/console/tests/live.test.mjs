// Two people side by side: what the seller and the reviewer do, everybody else sees without a reload.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { newAccount, signIn, start } from './setup.mjs';

let stage;
let reviewer;
before(async () => {
  stage = await start();
  reviewer = await signIn(stage, 'miriam@example.com');
});
after(() => stage.close());

const DECIDE = `mutation ($input: DecideGigInput!) { decideGig(input: $input) { gig { status } errors { message } } }`;

/** The reviewer decides about the gig with this title. */
async function decide(title, decision, reasons) {
  const { reviewQueue } = await stage.api(
    '{ reviewQueue(kind: GIG, state: OPEN, first: 100) { nodes { subject { ... on Gig { id title version } } } } }', {}, reviewer);
  const { id: gigId, version } = reviewQueue.nodes.map(({ subject }) => subject).find((gig) => gig.title === title);
  const input = { gigId, decision, expectedVersion: version, reasons };
  const { decideGig } = await stage.api(DECIDE, { input }, reviewer);
  assert.deepEqual(decideGig.errors, []);
  return gigId;
}

async function post(page, title) {
  await page.goto('/sell/new');
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('Description', { exact: true }).fill('What you get, in plain words.');
  await page.getByLabel('Category').selectOption({ label: 'Web Design' });
  await page.getByLabel('Price (USD)').fill('45.50');
  await page.getByRole('button', { name: 'Post gig' }).click();
  await page.waitForURL('**/sell');
}

const row = (page, title) => page.getByRole('listitem').filter({ hasText: title });

test('a gig is posted, approved, announced, paused and resumed, and everybody sees it', async () => {
  const seller = await stage.person({ email: await newAccount(stage) });
  const visitor = await stage.person();
  const title = `Live test of a landing page ${Date.now()}`;
  await visitor.page.goto('/');
  await visitor.page.locator('[data-gig]').first().waitFor();
  const before = await visitor.page.locator('[data-gig] h2').first().textContent();

  await post(seller.page, title);
  await row(seller.page, title).getByText('In review').waitFor();

  const id = await decide(title, 'APPROVE');
  await row(seller.page, title).getByText('Active', { exact: true }).waitFor();
  const pill = visitor.page.getByRole('button', { name: 'Show 1 new gig' });
  await pill.waitFor();
  assert.equal(await visitor.page.locator('[data-gig] h2').first().textContent(), before, 'nothing has moved');

  await pill.click();
  await visitor.page.getByRole('link', { name: title }).waitFor();
  assert.equal(await visitor.page.locator('[data-gig] h2').first().textContent(), title);
  assert.equal(await pill.count(), 0);

  // One visitor looks at the list, and another one at the gig.
  const other = await stage.person();
  await other.page.goto(`/gigs/${id}`);
  await other.page.getByRole('heading', { name: title }).waitFor();
  await seller.page.getByRole('button', { name: `Pause: ${title}` }).click();
  await row(seller.page, title).getByText('Paused', { exact: true }).waitFor();
  await visitor.page.getByRole('link', { name: title }).waitFor({ state: 'detached' });
  await other.page.getByText('This gig is no longer offered.').waitFor();

  await seller.page.getByRole('button', { name: `Resume: ${title}` }).click();
  await row(seller.page, title).getByText('Active', { exact: true }).waitFor();
  await pill.waitFor();
  await other.page.getByText('This gig is no longer offered.').waitFor({ state: 'detached' });

  await seller.close();
  await visitor.close();
  await other.close();
});

test('the list continues where it was when the user comes back to it', async () => {
  const seller = await stage.person({ email: await newAccount(stage) });
  const visitor = await stage.person();
  const title = `Away from the list ${Date.now()}`;
  await post(seller.page, title);
  await visitor.page.goto('/');
  await visitor.page.locator('[data-gig] a').first().click();
  await visitor.page.getByRole('heading', { name: 'Description' }).waitFor();
  await decide(title, 'APPROVE');
  await visitor.page.goBack();
  await visitor.page.getByRole('button', { name: 'Show 1 new gig' }).waitFor();
  await seller.close();
  await visitor.close();
});

test('a search announces only the new gigs that match', async () => {
  const seller = await stage.person({ email: await newAccount(stage) });
  const visitor = await stage.person();
  const word = `xylophon${Date.now() % 1000}`;
  const first = `Lessons for the ${word} in plain words`;
  await post(seller.page, first);
  await decide(first, 'APPROVE');
  await visitor.page.goto(`/?q=${word}`);
  await visitor.page.getByRole('link', { name: first }).waitFor();

  const unrelated = `Something else entirely ${Date.now()}`;
  const second = `More about the ${word} for beginners`;
  await post(seller.page, unrelated);
  await post(seller.page, second);
  await decide(unrelated, 'APPROVE');
  await decide(second, 'APPROVE');
  await visitor.page.getByRole('button', { name: 'Show 1 new gig' }).click();
  await visitor.page.getByRole('link', { name: second }).waitFor();
  assert.equal(await visitor.page.getByRole('link', { name: unrelated }).count(), 0);
  await seller.close();
  await visitor.close();
});

test('a rejected gig shows each reason beside its field, and can be corrected', async () => {
  const seller = await stage.person({ email: await newAccount(stage) });
  const title = `To be rejected first ${Date.now()}`;
  await post(seller.page, title);
  const message = 'Please take the telephone number out.';
  await decide(title, 'REJECT', [{ code: 'CONTACT_DETAILS', field: ['description'], message }]);
  await row(seller.page, title).getByText('Rejected', { exact: true }).waitFor();
  await row(seller.page, title).getByText(message).waitFor();

  await seller.page.getByRole('link', { name: `Edit: ${title}` }).click();
  await seller.page.getByRole('heading', { name: 'Edit gig' }).waitFor();
  const description = seller.page.getByLabel('Description', { exact: true });
  const described = (await description.getAttribute('aria-describedby')).split(' ')[0];
  assert.match(await seller.page.locator(`[id="${described}"]`).textContent(), /Please take the telephone number out/);
  await description.fill('What you get, without a number.');
  await seller.page.getByRole('button', { name: 'Submit changes' }).click();
  await seller.page.waitForURL('**/sell');
  await row(seller.page, title).getByText('In review').waitFor();
  await seller.close();
});
