// Tests of examples/clients/upload.ts. The canvas and XMLHttpRequest are replaced; ../browser has real ones.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { beforeEach } from 'node:test';

import './browser.mjs';
import { request } from '../../../examples/clients/gateway';
import { forgetSession, SessionEnded } from '../../../examples/clients/session';
import { scaleDown, uploadGigImage } from '../../../examples/clients/upload';
import { signInSeller } from './helpers.mjs';

beforeEach(signInSeller);

globalThis.XMLHttpRequest = class {
  upload = {};
  #headers = {};

  open(method, url) {
    Object.assign(this, { method, url });
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  send(body) {
    fetch(this.url, { method: this.method, headers: this.#headers, body })
      .then(async (response) => {
        this.upload.onprogress({ loaded: 1, total: 1 });
        this.response = await response.json();
        this.onload();
      })
      .catch(() => this.onerror());
  }
};

// A bitmap whose JPEG has one byte for each pixel.
globalThis.createImageBitmap = async () => ({ width: 4000, height: 3000 });
document.createElement = () => ({
  getContext: () => ({ fillRect() {}, drawImage() {} }),
  toBlob(callback, type) {
    callback(new Blob([new Uint8Array(this.width * this.height)], { type }));
  },
});

test('an image is uploaded, and its progress is reported', async () => {
  const image = new Blob([readFileSync(new URL('../../../examples/curl/image.png', import.meta.url))], { type: 'image/png' });
  const { limits } = await request('{ limits { gig { imageUploadMaxBytes } } }');
  const accepted = await scaleDown(image, limits.gig.imageUploadMaxBytes);
  assert.equal(accepted, image);
  const progress = [];
  const payload = await uploadGigImage(accepted, (part) => progress.push(part));
  assert.deepEqual(payload.errors, []);
  assert.deepEqual([payload.image.width, payload.image.height], [480, 320]);
  assert.deepEqual(progress, [1]);
  const broken = await uploadGigImage(new Blob(['text']), () => {});
  assert.equal(broken.image, null);
  assert.equal(broken.errors[0].code, 'UNSUPPORTED_MEDIA');
});

test('nothing is uploaded if nobody is signed in', async () => {
  forgetSession();
  await assert.rejects(uploadGigImage(new Blob(['text']), () => {}), SessionEnded);
});

test('the error page of a proxy is reported by its status', async (t) => {
  const { fetch } = globalThis;
  t.after(() => {
    globalThis.fetch = fetch;
  });
  globalThis.fetch = async () =>
    new Response('<h1>Bad Gateway</h1>', { status: 502, headers: { 'content-type': 'text/html' } });
  await assert.rejects(request('{ __typename }'), /Status 502/);
});

test('a photograph is scaled down until it is small enough', async () => {
  const photograph = new Blob([new Uint8Array(8_000_000)], { type: 'image/jpeg' });
  const scaled = await scaleDown(photograph, 3 * 1024 * 1024);
  assert.ok(scaled.size <= 3 * 1024 * 1024 && scaled.size > 1024 * 1024, scaled.size);
  assert.equal(scaled.type, 'image/jpeg');
  const heic = await scaleDown(new Blob(['x'], { type: 'image/heic' }), 3 * 1024 * 1024);
  assert.equal(heic.type, 'image/jpeg');
  await assert.rejects(scaleDown(photograph, 10), /10 bytes/);
});
