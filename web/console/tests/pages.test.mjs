// Every page, wide and on a phone, light and dark: no serious finding of axe-core, no sideways scrolling, no error.

import { after, before, test } from 'node:test';

import { assertAccessible, assertNoSidewaysScroll, start } from './setup.mjs';

let stage;
before(async () => (stage = await start()));
after(() => stage.close());

const PAGES = [
  { path: '/', ready: 'h2 a' },
  { path: '/?q=zzqqxxyy', ready: 'text=No gig matches' },
  { path: '/gigs/gig_unknown', ready: 'text=This gig is not available' },
  { path: '/sign-in', ready: 'h1' },
  { path: '/sign-up', ready: 'h1' },
  { path: '/sell', ready: 'h2', email: 'sofia@example.com' },
  { path: '/sell/new', ready: 'text=2048 remaining chars', email: 'sofia@example.com' },
];

for (const { path, ready, email } of PAGES) {
  for (const [width, scheme] of [[1280, 'light'], [1280, 'dark'], [390, 'light'], [390, 'dark']]) {
    test(`${path} at ${width} pixels, ${scheme}`, async () => {
      const { page, close } = await stage.person({ width, scheme, email });
      await page.goto(path);
      await page.locator(ready).first().waitFor();
      await assertAccessible(page, path);
      await assertNoSidewaysScroll(page, path);
      await close();
    });
  }
}

test('the page of a gig, wide and on a phone', async () => {
  for (const width of [1280, 390]) {
    const { page, close } = await stage.person({ width });
    await page.goto('/');
    await page.locator('[data-gig] a').first().click();
    await page.getByRole('heading', { name: 'Description' }).waitFor();
    await assertAccessible(page, 'gig');
    await assertNoSidewaysScroll(page, 'gig');
    await close();
  }
});
