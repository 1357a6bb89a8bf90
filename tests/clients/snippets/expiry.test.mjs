// Subscriptions of the snippets while access tokens expire. The gateway gives tokens that live for a few seconds.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';

import './browser.mjs';
import { followStatus } from '../../../examples/clients/event-source';
import { request } from '../../../examples/clients/gateway';
import { resume } from '../../../examples/clients/resume';
import { createSocket } from '../../../examples/clients/socket';
import { createSse } from '../../../examples/clients/sse';
import { Gig, GIG_STATUS_CHANGED, reviewer, seller } from '../gateway.mjs';
import { countRequests, signInSeller, until } from './helpers.mjs';

const SIGN_IN = 'mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } } }';
const ROUNDS = 20;

// The users of the test itself sign in again whenever they do something.
async function signInAgain(...users) {
  for (const user of users) {
    const { email, password } = user;
    const { signIn } = await request(SIGN_IN, { input: { email, password } });
    user.authorization = `Bearer ${signIn.session.accessToken}`;
  }
}

test('every subscription gets each event once while access tokens expire', { timeout: 90_000 }, async (t) => {
  await signInSeller();
  await signInAgain(seller, reviewer);
  const gig = await Gig.publish();
  const { eventCursor } = await request('{ eventCursor }');
  const refreshes = countRequests(t, 'refreshSession');
  const versions = { socket: [], sse: [], eventSource: [] };
  const [socket, sse] = [createSocket(), createSse()];
  for (const [name, client] of Object.entries({ socket, sse })) {
    t.after(() => client.dispose());
    const variables = { id: gig.id, after: eventCursor };
    t.after(resume(client, { query: GIG_STATUS_CHANGED, variables }, {
      next: ({ data }) => versions[name].push(data.gigStatusChanged.version),
      error: assert.fail,
      complete() {},
    }));
  }
  const show = ({ gigId, version }) => gigId === gig.id && versions.eventSource.push(version);
  t.after(followStatus(eventCursor, show, assert.fail));
  const expected = [];
  for (let version = 3; version < 3 + ROUNDS; version += 1) {
    await signInAgain(seller);
    await (version % 2 ? gig.pause() : gig.resume());
    expected.push(version);
    await setTimeout(500);
  }
  for (const [name, received] of Object.entries(versions)) {
    // The cursor can be from before the gig was approved.
    const after = () => received.filter((version) => version > 2);
    await until(`${name} has every event`, () => after().length >= expected.length);
    assert.deepEqual(after(), expected, name);
  }
  assert.ok(refreshes.count > 1, refreshes.count);
});
