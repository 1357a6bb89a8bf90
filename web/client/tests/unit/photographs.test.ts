import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createClient, type Client } from '../../src/index.js';
import { fitPhotograph, needsScaling, sizesToTry } from '../../src/photographs.js';
import { fakeTabs } from '../support/fake-browser.js';
import { FakeGateway, sessionPayload } from '../support/fake-gateway.js';

const LIMITS = { maxBytes: 1000, minSide: 100 };
const file = (bytes: number, type: string, name = 'IMG_1.HEIC') => new File([new Uint8Array(bytes)], name, { type });

/** The options with which images were read, and what was drawn. */
let reads: unknown[];
let drawn: { width: number; height: number; quality: number }[];

/** A browser in which a photograph has these pixels, and a JPEG this number of bytes for each pixel. */
function fakeImages({ width = 4000, height = 3000, bytesPerPixel = 0.001 } = {}): void {
  reads = [];
  drawn = [];
  vi.stubGlobal('createImageBitmap', async (blob: Blob, options: unknown) => {
    if (blob.type === 'image/heic') throw new DOMException('cannot be decoded', 'InvalidStateError');
    reads.push(options);
    return { width, height, close() {} };
  });
  vi.stubGlobal('OffscreenCanvas', class {
    constructor(readonly width: number, readonly height: number) {}
    getContext() {
      return { fillRect() {}, drawImage() {} };
    }
    async convertToBlob({ type, quality }: { type: string; quality: number }) {
      drawn.push({ width: this.width, height: this.height, quality });
      return new Blob([new Uint8Array(Math.round(this.width * this.height * bytesPerPixel * quality))], { type });
    }
  });
}

describe('which files are scaled', () => {
  test.each([
    ['a JPEG within the limit', file(1000, 'image/jpeg'), false],
    ['a JPEG above the limit', file(1001, 'image/jpeg'), true],
    ['a PNG above the limit', file(1001, 'image/png'), true],
    ['a small picture in a format that the gateway does not read', file(10, 'image/heic'), true],
    ['a large file that is no picture', file(5000, 'application/pdf'), false],
    ['a large file without a type', file(5000, ''), false],
  ])('%s', (_, candidate, expected) => {
    expect(needsScaling(candidate, LIMITS)).toBe(expected);
  });
});

test('the sizes begin with 3072 pixels, keep the proportions, and end with the smallest that the gateway accepts', () => {
  const sizes = sizesToTry(4000, 3000, 500);
  expect(sizes[0]).toEqual({ width: 3072, height: 2304 });
  expect(sizes.every(({ width, height }) => Math.abs(width / height - 4 / 3) < 0.01)).toBe(true);
  expect(sizes.at(-1)?.height).toBeGreaterThanOrEqual(500);
  expect(sizesToTry(3000, 4000, 500)[0]).toEqual({ width: 2304, height: 3072 });
  expect(sizesToTry(200, 100, 500)).toEqual([{ width: 200, height: 100 }]);
});

test('a photograph is scaled down until it is small enough, upright, as a JPEG with its name', async () => {
  fakeImages();
  const scaled = (await fitPhotograph(file(5000, 'image/jpeg', 'My cat.final.JPG'), LIMITS)) as File;
  expect(scaled.size).toBeLessThanOrEqual(1000);
  expect([scaled.type, scaled.name]).toEqual(['image/jpeg', 'My cat.final.jpg']);
  expect(reads).toEqual([{ imageOrientation: 'from-image' }]);
  expect(drawn[0]).toEqual({ width: 3072, height: 2304, quality: 0.85 });
  expect(drawn.at(-1)?.width).toBeLessThan(3072);
  expect(drawn).toHaveLength(2);
});

test('a picture that the browser cannot read, or cannot make small enough, stays as it is: the gateway says what to do', async () => {
  fakeImages({ bytesPerPixel: 0.5 });
  const unreadable = file(5000, 'image/heic');
  expect(await fitPhotograph(unreadable, LIMITS)).toBe(unreadable);
  const noise = file(5000, 'image/png');
  expect(await fitPhotograph(noise, LIMITS)).toBe(noise);
  expect(drawn[0]?.width).toBe(3072);
  vi.stubGlobal('createImageBitmap', undefined);
  expect(await fitPhotograph(noise, LIMITS)).toBe(noise);
});

test('without OffscreenCanvas, a canvas of the page is used', async () => {
  fakeImages();
  vi.stubGlobal('OffscreenCanvas', undefined);
  vi.stubGlobal('document', {
    createElement: () => ({
      getContext: () => ({ fillRect() {}, drawImage() {} }),
      toBlob: (report: (blob: Blob) => void, type: string) => report(new Blob(['small'], { type })),
    }),
  });
  expect((await fitPhotograph(file(5000, 'image/jpeg'), LIMITS)).size).toBe(5);
});

describe('an upload', () => {
  let gateway: FakeGateway;
  let client: Client;
  const GIG_IMAGE = 'mutation Upload($file: Upload!) { uploadGigImage(file: $file) { image { id } } }';
  const DOCUMENT = 'mutation Upload($input: UploadIdentityDocumentInput!) { uploadIdentityDocument(input: $input) { errors { code } } }';
  const OTHER = 'mutation Upload($file: Upload!) { uploadOther(file: $file) { id } }';

  beforeEach(async () => {
    fakeTabs();
    fakeImages();
    gateway = new FakeGateway()
      .on('SignIn', () => ({ data: { signIn: sessionPayload() } }))
      .on('Upload', () => ({ data: {} }))
      .on('UploadLimits', () => ({
        data: { limits: { gig: { imageUploadMaxBytes: 1000 }, verification: { documentMaxBytes: 3000, documentMinPixels: 600 } } },
      }));
    client = createClient({ url: 'https://api.example.com/graphql', fetch: gateway.fetch });
    await client.session.signIn({ email: 'a@example.com', password: 'a password' });
  });

  afterEach(() => client.close());

  const sizes = () => gateway.of('Upload').map(({ body }) => ((body as FormData).get('0') as File).size);

  test('is scaled down to the limit of the gateway, which is read once', async () => {
    await client.request(GIG_IMAGE, { file: file(5000, 'image/jpeg') });
    await client.request(DOCUMENT, { input: { type: 'PASSPORT', file: file(5000, 'image/jpeg') } });
    await client.request(GIG_IMAGE, { file: file(900, 'image/jpeg') });
    const [gig, document, small] = sizes();
    expect(gig).toBeLessThanOrEqual(1000);
    expect(document).toBeLessThanOrEqual(3000);
    expect(document).toBeGreaterThan(1000);
    expect(small).toBe(900);
    expect(gateway.of('UploadLimits')).toHaveLength(1);
  });

  test('stays as it is if the application says so, or it is for another mutation', async () => {
    await client.request(GIG_IMAGE, { file: file(5000, 'image/jpeg') }, { scalePhotographs: false });
    await client.request(OTHER, { file: file(5000, 'image/jpeg') });
    expect(sizes()).toEqual([5000, 5000]);
    expect(gateway.of('UploadLimits')).toHaveLength(0);
  });

  test('reads the limits again if that has failed', async () => {
    gateway.answers('UploadLimits', { data: null, errors: [{ message: 'no', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] }, {
      data: { limits: { gig: { imageUploadMaxBytes: 1000 }, verification: { documentMaxBytes: 3000, documentMinPixels: 600 } } },
    });
    await expect(client.request(GIG_IMAGE, { file: file(5000, 'image/jpeg') })).rejects.toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
    await client.request(GIG_IMAGE, { file: file(5000, 'image/jpeg') });
    expect(sizes()).toHaveLength(1);
  });
});
