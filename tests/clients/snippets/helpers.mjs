// Helpers of the tests of snippets.

import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';

import { signIn } from '../../../examples/clients/session';
import { seller, streams } from '../gateway.mjs';

export const webSocketUrl = (url = streams) => new URL(url).href.replace('http', 'ws');

// Signs the seller in, in the page.
export const signInSeller = () => signIn(seller.email, seller.password);

// Waits until the function returns something true, and returns it.
export async function until(what, condition, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await setTimeout(20)) {
    const result = await condition();
    if (result) return result;
  }
  assert.fail(`not within ${seconds} seconds: ${what}`);
}

// Counts the requests whose body contains a text.
export function countRequests(t, text) {
  const { fetch } = globalThis;
  const counter = { count: 0, fail: false };
  globalThis.fetch = async (url, options) => {
    if (String(options?.body).includes(text)) {
      counter.count += 1;
      if (counter.fail) throw new TypeError('no network');
    }
    return fetch(url, options);
  };
  t.after(() => {
    globalThis.fetch = fetch;
  });
  return counter;
}
