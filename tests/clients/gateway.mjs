// The gateways under test, from environment variables that the Rust test sets, and the users of the tests.

import assert from 'node:assert/strict';
import { after } from 'node:test';

// A script that hangs fails.
setTimeout(() => {
  console.error('not done within 100 seconds');
  process.exit(1);
}, 100_000).unref();

// A script ends after its tests, even if a client library keeps connections open.
after(() => void setTimeout(() => process.exit(), 5_000).unref());

function requiredEnv(variable) {
  const value = process.env[variable];
  assert.ok(value, `${variable} is not set: run the tests with \`make test\``);
  return value;
}

// Mutations go to one gateway and subscriptions to the other, if there are two.
const mutations = new URL('/graphql', requiredEnv('GATEWAY_FOR_MUTATIONS'));
export const streams = new URL('/graphql', requiredEnv('GATEWAY_FOR_STREAMS'));

class User {
  constructor(token, email, password) {
    this.authorization = `Bearer ${token}`;
    this.email = email;
    this.password = password;
  }

  // Executes an operation that must succeed. Returns its data.
  async run(query, variables = {}) {
    const response = await fetch(mutations, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: this.authorization },
      body: JSON.stringify({ query, variables }),
    });
    const body = await response.json();
    assert.equal(body.errors, undefined, JSON.stringify(body));
    return body.data;
  }

  // Executes a mutation that must succeed without user errors. Returns its payload.
  async mutate(mutation, variables) {
    const [payload] = Object.values(await this.run(mutation, variables));
    assert.deepEqual(payload.errors, []);
    return payload;
  }
}

export const seller = new User(requiredEnv('SELLER_TOKEN'), process.env.SELLER_EMAIL, process.env.SELLER_PASSWORD);
export const reviewer = new User(requiredEnv('REVIEWER_TOKEN'), process.env.REVIEWER_EMAIL, process.env.REVIEWER_PASSWORD);

export const GIG_STATUS_CHANGED = `subscription($id: ID, $after: String) {
  gigStatusChanged(gigId: $id, after: $after) { cursor delivery gigId version previousStatus status } }`;

export const PAUSE_GIG = `mutation($id: ID!) {
  pauseGig(id: $id) { gig { status version } errors { code message } } }`;

const RESUME_GIG = `mutation($id: ID!) {
  resumeGig(id: $id) { gig { status version } errors { code message } } }`;

const ARCHIVE_GIG = `mutation($id: ID!) {
  archiveGig(id: $id) { gig { status version } errors { code message } } }`;

const POST_GIG = `mutation($input: PostGigInput!) {
  postGig(input: $input) { gig { id version } errors { code message } } }`;

const DECIDE_GIG = `mutation($input: DecideGigInput!) {
  decideGig(input: $input) { gig { status version } errors { code message } } }`;

// A gig of the seller. Its version is 1 in review, 2 after approval, and increases by 1 with each pause and
// resume.
export class Gig {
  constructor(id) {
    this.id = id;
  }

  // Creates a gig that is in review.
  static async post() {
    const { categories } = await seller.run('{ categories { id } }');
    const input = {
      title: 'I will write a song for you',
      description: 'Three minutes of music, made for you alone.',
      category: categories[0].id,
      price: '100.00',
      deliveryDays: 3,
      revisions: 1,
    };
    const { gig } = await seller.mutate(POST_GIG, { input });
    assert.equal(gig.version, 1);
    return new Gig(gig.id);
  }

  // Creates a gig that is approved.
  static async publish() {
    const gig = await Gig.post();
    await gig.approve();
    return gig;
  }

  approve() {
    return reviewer.mutate(DECIDE_GIG, { input: { gigId: this.id, decision: 'APPROVE', expectedVersion: 1 } });
  }

  pause() {
    return seller.mutate(PAUSE_GIG, { id: this.id });
  }

  resume() {
    return seller.mutate(RESUME_GIG, { id: this.id });
  }

  archive() {
    return seller.mutate(ARCHIVE_GIG, { id: this.id });
  }
}
