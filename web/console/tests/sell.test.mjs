import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { assertAccessible, newAccount, start } from './setup.mjs';

let stage;
before(async () => (stage = await start()));
after(() => stage.close());

/** A photograph of this many pixels, as the file of a phone. */
const photograph = (page, width, height, colour, name = 'photo.jpg') =>
  page
    .evaluate(
      async ([w, h, fill]) => {
        const canvas = new OffscreenCanvas(w, h);
        const context = canvas.getContext('2d');
        context.fillStyle = fill;
        context.fillRect(0, 0, w, h);
        context.fillStyle = 'white';
        context.fillRect(w / 4, h / 4, w / 2, h / 2);
        const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
        return [...new Uint8Array(await blob.arrayBuffer())];
      },
      [width, height, colour],
    )
    .then((bytes) => ({ name, mimeType: 'image/jpeg', buffer: Buffer.from(bytes) }));

async function openForm() {
  const person = await stage.person({ email: await newAccount(stage) });
  await person.page.goto('/sell/new');
  await person.page.getByRole('heading', { name: 'Post new gig' }).waitFor();
  return person;
}

const choose = async (page, files) => {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose images' }).click();
  await (await chooser).setFiles(files);
};

test('names the limits of the gateway, and counts code points as it does', async () => {
  const { page, close } = await openForm();
  for (const text of ['2048 remaining chars', 'Images (maximum 5, 1 MB each)', 'Max. file size: 3 MB', 'Links (maximum 5)', 'Tags (maximum 15)']) {
    await page.getByText(text).first().waitFor();
  }
  const description = page.getByLabel('Description', { exact: true });
  await description.fill('👩‍👩‍👧 e\u0301 x'); // five code points of a family, and one of é
  await page.getByText('2039 remaining chars').waitFor();
  await description.fill('x'.repeat(2050));
  await page.getByText('2 chars too many').waitFor();
  await close();
});

test('every error of the gateway comes to its field, and the first one gets the focus', async () => {
  const { page, close } = await openForm();
  await page.getByLabel('Title').fill('Too short');
  await page.getByLabel('Price (USD)').fill('a lot');
  await page.getByLabel('Link 1').fill('http://localhost/');
  await page.getByRole('button', { name: 'Post gig' }).click();
  await page.getByText(/fields to correct/).waitFor();
  await page.getByLabel('Title').and(page.locator(':focus')).waitFor();
  for (const label of ['Title', 'Description', 'Category', 'Price (USD)', 'Link 1']) {
    const field = page.getByLabel(label, { exact: true });
    assert.equal(await field.getAttribute('aria-invalid'), 'true', label);
    const ids = (await field.getAttribute('aria-describedby')).split(' ');
    const error = ids.find((id) => id.endsWith('-error'));
    assert.notEqual(await page.locator(`[id="${error}"]`).textContent(), '', label);
  }
  await assertAccessible(page, 'the form with errors');
  assert.equal(await page.getByLabel('Price (USD)').inputValue(), 'a lot', 'what was typed stays');
  await page.getByLabel('Title').fill('Long enough for a title');
  assert.equal(await page.getByLabel('Title').getAttribute('aria-invalid'), null);
  await close();
});

test('images are sent at once, and put into another order with the keyboard', async () => {
  const { page, close } = await openForm();
  await choose(page, [await photograph(page, 900, 600, 'crimson', 'a.jpg'), await photograph(page, 800, 800, 'teal', 'b.jpg')]);
  const pictures = page.locator('[data-image] img');
  await pictures.nth(1).waitFor();
  const [first, second] = await pictures.evaluateAll((images) => images.map(({ src }) => src));
  await page.getByRole('button', { name: /^Image 1 of 2/ }).press('ArrowRight');
  assert.deepEqual(await pictures.evaluateAll((images) => images.map(({ src }) => src)), [second, first]);
  await page.locator('[data-announcements]', { hasText: 'Moved to place 2 of 2.' }).waitFor({ state: 'attached' });
  await assertAccessible(page, 'the form with images');
  await page.getByRole('button', { name: 'Remove image 1' }).click();
  assert.equal(await pictures.count(), 1);
  await close();
});

test('images are dragged to another place', async () => {
  const { page, close } = await openForm();
  await choose(page, [await photograph(page, 900, 600, 'crimson'), await photograph(page, 800, 800, 'teal'), await photograph(page, 700, 500, 'navy')]);
  const pictures = page.locator('[data-image] img');
  await pictures.nth(2).waitFor();
  const sources = await pictures.evaluateAll((images) => images.map(({ src }) => src));
  await page.getByRole('button', { name: /^Image 1 of 3/ }).hover();
  await page.mouse.down();
  const target = await page.locator('[data-image="2"]').boundingBox();
  await page.mouse.move(target.x + target.width / 2, target.y + target.height / 2, { steps: 12 });
  await page.mouse.up();
  assert.equal((await pictures.evaluateAll((images) => images.map(({ src }) => src))).at(-1), sources[0]);
  await close();
});

test('files are dropped, and at most five are taken', async () => {
  const { page, close } = await openForm();
  const directory = mkdtempSync(join(tmpdir(), 'gigway-console-'));
  const { buffer } = await photograph(page, 400, 300, 'olive');
  const files = Array.from({ length: 6 }, (_, index) => join(directory, `${index}.jpg`));
  files.forEach((file) => writeFileSync(file, buffer));
  const box = await page.getByText('Drop images here, or').boundingBox();
  const devtools = await page.context().newCDPSession(page);
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    const data = { items: [], files, dragOperationsMask: 1 };
    await devtools.send('Input.dispatchDragEvent', { type, x: box.x + 5, y: box.y + 5, data });
  }
  await page.getByText('At most 5 images. The others were not added.').waitFor();
  await page.locator('[data-image] img').nth(4).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Choose images' }).count(), 0);
  rmSync(directory, { recursive: true });
  await close();
});

test('a photograph above the limit is made smaller first', async () => {
  const { page, close } = await openForm();
  const file = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(2600, 2000);
    const context = canvas.getContext('2d');
    const noise = context.createImageData(2600, 2000);
    for (let index = 0; index < noise.data.length; index += 4096) crypto.getRandomValues(noise.data.subarray(index, index + 4096));
    for (let index = 3; index < noise.data.length; index += 4) noise.data[index] = 255;
    context.putImageData(noise, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = '';
    for (let index = 0; index < bytes.length; index += 8192) text += String.fromCharCode(...bytes.subarray(index, index + 8192));
    return btoa(text);
  });
  const buffer = Buffer.from(file, 'base64');
  assert.ok(buffer.length > 3 * 1024 * 1024);
  await choose(page, [{ name: 'noise.jpg', mimeType: 'image/jpeg', buffer }]);
  await page.locator('[data-image] img').waitFor({ timeout: 60_000 });
  await close();
});

test('a file that is no picture says so at its place', async () => {
  const { page, close } = await openForm();
  await choose(page, [{ name: 'broken.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('not a picture') }]);
  await page.locator('[data-image="0"]').getByText(/JPEG/).waitFor();
  await page.getByRole('button', { name: 'Upload again' }).waitFor();
  await close();
});

test('a draft saves itself, and is there after a reload and on the list', async () => {
  const { page, close } = await openForm();
  await page.getByLabel('Description', { exact: true }).fill('Only a description so far.');
  await page.getByText('Give it a title to save it to your account.').waitFor();
  await page.reload();
  await page.getByLabel('Description', { exact: true }).and(page.locator('textarea')).waitFor();
  assert.equal(await page.getByLabel('Description', { exact: true }).inputValue(), 'Only a description so far.');

  await page.getByLabel('Title').fill('A draft that saves itself');
  await page.getByLabel('Tags', { exact: true }).fill('one, two,');
  await page.getByText(/^Draft saved at/).waitFor();
  await page.reload();
  await page.getByLabel('Title').waitFor();
  assert.equal(await page.getByLabel('Title').inputValue(), 'A draft that saves itself');
  await page.getByRole('button', { name: 'Remove the tag two' }).waitFor();

  await page.goto('/sell');
  await page.getByRole('tab', { name: /^Draft/ }).click();
  await page.getByRole('link', { name: 'Continue: A draft that saves itself' }).click();
  assert.equal(await page.getByLabel('Title').inputValue(), 'A draft that saves itself');
  await page.goto('/sell/new');
  await page.getByLabel('Title').waitFor();
  await page.getByRole('button', { name: 'Start over' }).click();
  await page.waitForFunction(() => document.querySelector('input[name=title]')?.value === '');
  await close();
});

test('tabs have counts, a pause is shown at once, and an archived gig is gone for good', async () => {
  const { page, close } = await stage.person({ email: 'sofia@example.com' });
  await page.goto('/sell');
  const active = page.getByRole('tab', { name: /^Active/ });
  const paused = page.getByRole('tab', { name: /^Paused/ });
  await active.getByText(/\d/).waitFor();
  const numberOf = async (tab) => Number((await tab.textContent()).replace(/\D/g, ''));
  const [activeBefore, pausedBefore] = [await numberOf(active), await numberOf(paused)];
  await active.click();
  const button = page.getByRole('button', { name: /^Pause: / }).first();
  const title = (await button.getAttribute('aria-label')).replace('Pause: ', '');
  await button.click();
  await page.getByRole('listitem').filter({ hasText: title }).waitFor({ state: 'detached' });
  await page.waitForFunction((number) => document.querySelectorAll('[role=tab]')[3].textContent === `Active${number}`, activeBefore - 1);
  assert.equal(await numberOf(paused), pausedBefore + 1);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('listitem').filter({ hasText: title }).waitFor();
  await close();
});

test('a refused pause is taken back, with the reason', async () => {
  const { page, context, close } = await stage.person({ email: 'sofia@example.com' });
  await page.goto('/sell?status=ACTIVE');
  const button = page.getByRole('button', { name: /^Pause: / }).first();
  const name = await button.getAttribute('aria-label');
  const errors = [{ __typename: 'UserError', code: 'NOT_ALLOWED', message: 'Not now.', field: null }];
  await context.route('**/graphql', async (route) =>
    route.request().postData()?.includes('pauseGig')
      ? route.fulfill({ json: { data: { pauseGig: { __typename: 'GigPayload', gig: null, errors } } } })
      : route.continue(),
  );
  await button.click();
  await page.getByText('Not now.').waitFor();
  await page.getByRole('button', { name }).waitFor();
  await close();
});
