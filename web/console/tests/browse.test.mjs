import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { start } from './setup.mjs';

let stage;
before(async () => (stage = await start()));
after(() => stage.close());

const cards = (page) => page.locator('[data-gig]');
const count = async (page) => Number((await page.getByText(/^[\d,]+ gigs?$/).textContent()).replace(/\D/g, ''));

test('searches as the user types, and forgives mistakes', async () => {
  const { page, close } = await stage.person();
  await page.goto('/');
  await cards(page).first().waitFor();
  await page.getByRole('searchbox').pressSequentially('squarespce', { delay: 20 });
  await page.waitForURL('**/?q=squarespce');
  await page.locator('[data-gig]', { hasText: /squarespace/i }).first().waitFor();
  assert.equal(await page.getByLabel('Order').inputValue(), 'RELEVANCE');
  await page.getByRole('button', { name: 'Clear the search' }).click();
  await page.waitForURL(`${stage.url}/`);
  await close();
});

test('filters by category, price and tag, with counts that are right', async () => {
  const { page, close } = await stage.person();
  await page.goto('/');
  const option = page.locator('label', { hasText: 'Mobile Apps' });
  const expected = Number(await option.locator('span').last().textContent());
  await option.click();
  await page.waitForURL('**/?category=mobile-apps');
  await page.getByText(`${expected} gigs`, { exact: true }).waitFor();
  await page.waitForFunction((number) => document.querySelectorAll('[data-gig]').length === number, expected);

  // The other categories keep their counts, so that a second one can be chosen.
  assert.ok(Number(await page.locator('label', { hasText: 'Legal Consulting' }).locator('span').last().textContent()) > 0);
  const price = page.locator('label', { hasText: '$50 – $99.99' });
  const cheaper = Number(await price.locator('span').last().textContent());
  await price.click();
  await page.getByText(new RegExp(`^${cheaper} gigs?$`)).waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).first().click();
  await page.waitForURL(`${stage.url}/`);

  await page.locator('label', { hasText: 'squarespace' }).click();
  await page.waitForURL('**/?tag=squarespace');
  await close();
});

test('sorts by price', async () => {
  const { page, close } = await stage.person();
  await page.goto('/');
  await page.getByLabel('Order').selectOption('Lowest price');
  await page.waitForURL('**/?order=PRICE_LOWEST');
  await page.waitForFunction(() => {
    const prices = [...document.querySelectorAll('[data-gig] strong')].map(({ textContent }) => Number(textContent.replace(/[^\d.]/g, '')));
    return prices.length > 5 && prices.every((price, index) => index === 0 || price >= prices[index - 1]);
  });
  await close();
});

test('loads the whole list while it is scrolled, each gig once', async () => {
  const { page, close } = await stage.person();
  await page.goto('/?price=50.00-99.99');
  await cards(page).first().waitFor();
  const total = await count(page);
  assert.ok(total > 48, 'more than two pages');
  for (let step = 0; step < 300 && (await page.getByText('That is all.').count()) === 0; step += 1) {
    await page.mouse.wheel(0, 2000);
    await page.waitForTimeout(100);
  }
  await page.getByText('That is all.').waitFor();
  const ids = await cards(page).evaluateAll((items) => items.map(({ dataset }) => dataset.gig));
  assert.equal(ids.length, total);
  assert.equal(new Set(ids).size, total);
  await close();
});

test('goes back to the same place of the list', async () => {
  const { page, close } = await stage.person();
  await page.goto('/');
  await cards(page).first().waitFor();
  await page.mouse.wheel(0, 2600);
  await page.waitForFunction(() => document.querySelectorAll('[data-gig]').length > 24);
  const card = page.locator('[data-gig] a').nth(25);
  await card.scrollIntoViewIfNeeded();
  await page.waitForTimeout(500); // the wheel has come to rest
  const top = await page.evaluate(() => scrollY);
  assert.ok(top > 1000);
  await card.click();
  await page.getByRole('heading', { name: 'Description' }).waitFor();
  assert.equal(await page.evaluate(() => scrollY), 0);
  const from = await page.evaluate(() => history.length);
  await page.getByRole('link', { name: 'Browse gigs' }).last().click();
  await cards(page).nth(25).waitFor();
  assert.equal(await page.evaluate(() => history.length), from, 'the way back adds nothing to the history');
  await page.waitForFunction((expected) => Math.abs(scrollY - expected) < 400, top);
  await close();
});

test('shows what the list has at once on the page of a gig', async () => {
  const { page, context, close } = await stage.person();
  await page.goto('/');
  const link = page.locator('[data-gig] a').first();
  const title = await link.textContent();
  await context.route('**/graphql', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await route.continue();
  });
  await link.click();
  await page.getByRole('heading', { level: 1, name: title }).waitFor({ timeout: 1500 });
  await page.getByRole('heading', { name: 'Description' }).waitFor();
  await close();
});

test('works with the keyboard alone', async () => {
  const { page, close } = await stage.person();
  await page.goto('/');
  await cards(page).first().waitFor();
  await page.keyboard.press('Tab');
  await page.getByRole('link', { name: 'Skip to the content' }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.getByRole('searchbox').and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Tab');
  await page.locator('input[type=checkbox]:focus').waitFor();
  const expected = Number(await page.locator('label:has(:focus) span').last().textContent());
  await page.keyboard.press('Space');
  await page.waitForURL('**/?category=*');
  await page.waitForFunction((number) => document.querySelectorAll('[data-gig]').length === number, expected);
  await page.locator('[data-gig] a').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/gigs/*');
  await page.locator('h1:focus').waitFor();
  await close();
});

test('on a phone, the filters open above the list', async () => {
  const { page, close } = await stage.person({ width: 390 });
  await page.goto('/');
  assert.equal(await page.getByText('Mobile Apps').isVisible(), false);
  await page.getByRole('button', { name: 'Filters' }).tap();
  await page.locator('label', { hasText: 'Legal Consulting' }).tap();
  await page.getByRole('button', { name: /^Show \d+ gigs?$/ }).tap();
  await page.getByRole('button', { name: 'Filters (1)' }).waitFor();
  await close();
});

test('nothing moves while the page is loaded', async () => {
  for (const width of [1280, 390]) {
    const { page, context, close } = await stage.person({ width });
    await context.addInitScript(() => {
      globalThis.shift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto('/');
    await cards(page).first().waitFor();
    await page.waitForLoadState('networkidle');
    await page.waitForTimeout(500);
    const shift = await page.evaluate(() => globalThis.shift);
    assert.ok(shift < 0.05, `layout shift ${shift} at ${width} pixels`);
    await close();
  }
});
