// Tests with Node's fetch: it can read the response to a body that the gateway refuses.

import assert from 'node:assert/strict';
import test from 'node:test';

import { seller, streams } from './gateway.mjs';

const timeout = 60_000;
const mebibyte = 1024 * 1024;

const UPLOAD = 'mutation($file: Upload!) { uploadGigImage(file: $file) { image { id } errors { code } } }';

async function upload(authorization, bytes) {
  const form = new FormData();
  form.append('operations', JSON.stringify({ query: UPLOAD, variables: { file: null } }));
  form.append('map', JSON.stringify({ 0: ['variables.file'] }));
  form.append('0', new Blob([new Uint8Array(bytes)]), 'a.png');
  const headers = { 'apollo-require-preflight': '1', ...authorization };
  const response = await fetch(streams, { method: 'POST', headers, body: form });
  return { status: response.status, body: await response.json() };
}

function codes({ body }) {
  return body.errors.map((error) => error.extensions.code);
}

test('an upload with an expired token is answered', { timeout }, async () => {
  for (let round = 0; round < 5; round += 1) {
    for (const size of [mebibyte, 3 * mebibyte, 16 * mebibyte]) {
      assert.deepEqual(codes(await upload({ authorization: 'Bearer expired' }, size)), ['UNAUTHENTICATED']);
      assert.deepEqual(codes(await upload({}, size)), ['UNAUTHENTICATED']);
    }
  }
});

test('a too large upload is answered', { timeout }, async () => {
  const response = await upload({ authorization: seller.authorization }, 17 * mebibyte);
  assert.equal(response.status, 413);
  assert.deepEqual(codes(response), ['PAYLOAD_TOO_LARGE']);
});

test('other refused bodies are answered', { timeout }, async () => {
  const body = ' '.repeat(8 * mebibyte);
  const json = { 'content-type': 'application/json' };
  for (const [path, method, headers, status] of [
    ['/graphql', 'POST', json, 413],
    ['/graphql', 'POST', { 'content-type': 'text/plain' }, 415],
    ['/graphql', 'POST', { ...json, accept: 'image/png' }, 406],
    ['/graphql', 'PUT', json, 405],
    ['/nowhere', 'POST', json, 404],
  ]) {
    for (let round = 0; round < 3; round += 1) {
      const response = await fetch(new URL(path, streams), { method, headers, body });
      assert.equal(response.status, status);
      assert.equal(codes({ body: await response.json() }).length, 1);
    }
  }
});
