// Mutations and uploads with a gateway, over a network that loses responses.

import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { validated, type Client } from '../../src/index.js';
import { GIG, Gateway, mutateGig, postGig } from '../support/gateway.js';
import { Proxy } from '../support/proxy.js';

const IMAGE = new URL('../../../../examples/curl/image.png', import.meta.url);
const OWN_GIGS = '{ viewer { gigs(first: 100) { totalCount nodes { id title } } } }';
const UPLOAD = `mutation UploadGigImage($file: Upload!) {
  uploadGigImage(file: $file, altText: "A picture") { image { id width } errors { code message field } } }`;

let gateway: Gateway;
let proxy: Proxy;
let seller: Client;

beforeAll(async () => {
  gateway = await Gateway.start();
  proxy = await Proxy.open(gateway.url);
  seller = await gateway.signedIn(gateway.addUser('seller@example.com'), { url: proxy.url });
});

afterAll(async () => {
  proxy.close();
  await gateway.remove();
});

const ownGigs = async () => ((await seller.request(OWN_GIGS)) as { viewer: { gigs: { totalCount: number; nodes: { title: string }[] } } }).viewer.gigs;

test('a gig whose response is lost is posted once', async () => {
  proxy.loseResponseTo('postGig');
  const gig = await postGig(seller, 'I will write a waltz for you');
  expect(proxy.lost).toBe(1);
  expect(gig).toMatchObject({ status: 'IN_REVIEW', version: 1 });
  expect((await ownGigs()).nodes.filter(({ title }) => title.includes('waltz'))).toHaveLength(1);
});

test('a key of the application works after a reload of the page, too', async () => {
  const { categories } = (await seller.request('{ categories { id } }')) as { categories: { id: string }[] };
  const document = 'mutation Post($input: PostGigInput!) { postGig(input: $input) { gig { id } errors { code } } }';
  const input = { ...GIG, category: categories[0]?.id };
  const post = async (client: Client) =>
    ((await client.request(document, { input }, { idempotencyKey: 'form-7' })) as { postGig: { gig: { id: string } } }).postGig.gig.id;
  const reloaded = await gateway.signedIn({ email: 'seller@example.com', password: 'a password of the test' });
  expect(await post(seller)).toBe(await post(reloaded));
  await expect(seller.request(document, { input: { ...input, title: 'Another title of a gig' } }, { idempotencyKey: 'form-7' }))
    .rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', status: 422, retryable: false });
});

test('a connection that breaks before the request arrives is no loss', async () => {
  const { totalCount } = await ownGigs();
  proxy.cut();
  const posting = postGig(seller);
  setTimeout(() => proxy.restore(), 1_000);
  await posting;
  expect((await ownGigs()).totalCount).toBe(totalCount + 1);
});

test('an upload whose response is lost is stored once', async () => {
  const file = new File([readFileSync(IMAGE)], 'picture.png', { type: 'image/png' });
  const fractions: number[] = [];
  const lost = proxy.lost;
  proxy.loseResponseTo('UploadGigImage');
  const data = (await seller.request(UPLOAD, { file }, { onUploadProgress: ({ fraction }) => fractions.push(fraction) })) as {
    uploadGigImage: { image: { id: string }; errors: [] };
  };
  expect(proxy.lost).toBe(lost + 1);
  expect(validated(data.uploadGigImage).image.id).toMatch(/^img_/);
  expect(fractions).toEqual([1]);
});

test('validation errors are data, and one call makes them an error', async () => {
  const input = { ...GIG, title: 'x', category: 'cat_unknown', links: ['https://example.com', 'nonsense'] };
  const error = await mutateGig(seller, 'postGig', { input }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: 'GigwayError', retryable: false });
  const fields = (error as { errors: { field: string[] }[] }).errors.map(({ field }) => field.join('.'));
  expect(fields).toEqual(expect.arrayContaining(['title', 'category', 'links.1']));
});

test('a nullable field that is refused throws with the rest of the data, or is reported', async () => {
  const document = '{ reviewSummary { openCount } categories { id } }';
  await expect(seller.request(document)).rejects.toMatchObject({ code: 'FORBIDDEN', data: { reviewSummary: null } });
  const codes: string[] = [];
  const data = (await seller.request(document, {}, { onPartial: ({ code }) => codes.push(code) })) as { categories: unknown[] };
  expect(data.categories.length).toBeGreaterThan(10);
  expect(codes).toEqual(['FORBIDDEN']);
});

test('an operation that is too complex names the limit', async () => {
  const nested = (depth: number): string => (depth === 0 ? 'id' : `seller { gigs(first: 1) { nodes { ${nested(depth - 1)} } } }`);
  await expect(seller.request(`{ gigs(first: 1) { nodes { ${nested(6)} } } }`)).rejects.toMatchObject({
    code: 'QUERY_TOO_COMPLEX', limit: 'depth',
  });
});

test('a mutation while the gateway restarts is executed once', async () => {
  const { totalCount } = await ownGigs();
  await gateway.down();
  const posting = postGig(seller);
  await gateway.up();
  await posting;
  expect((await ownGigs()).totalCount).toBe(totalCount + 1);
});
