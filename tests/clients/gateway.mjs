// The gateway under test, by the environment that the Rust test sets, and what its people do there.

import assert from 'node:assert/strict';
import { after } from 'node:test';

// A script that hangs fails, whatever holds it up.
setTimeout(() => {
  console.error('not done within 100 seconds');
  process.exit(1);
}, 100_000).unref();

// And one that is through ends: what a client library keeps open behind its tests is the library's own affair.
after(() => void setTimeout(() => process.exit(), 5_000).unref());

function given(variable) {
  const value = process.env[variable];
  assert.ok(value, `${variable} is not set: run the tests by \`make test\``);
  return value;
}

// Acts go to one gateway and streams to another, where there are two.
const acts = new URL('/graphql', given('GATEWAY_FOR_ACTS'));
export const streams = new URL('/graphql', given('GATEWAY_FOR_STREAMS'));

class Person {
  constructor(token) {
    this.authorization = `Bearer ${token}`;
  }

  // The data, where nothing went wrong.
  async run(query, variables = {}) {
    const response = await fetch(acts, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: this.authorization },
      body: JSON.stringify({ query, variables }),
    });
    const answer = await response.json();
    assert.equal(answer.errors, undefined, JSON.stringify(answer));
    return answer.data;
  }

  // The payload of the one mutation, where nobody got anything wrong.
  async done(mutation, variables) {
    const [payload] = Object.values(await this.run(mutation, variables));
    assert.deepEqual(payload.errors, []);
    return payload;
  }
}

export const seller = new Person(given('SELLER_TOKEN'));
export const reviewer = new Person(given('REVIEWER_TOKEN'));

export const GIG_STATUS_CHANGED = `subscription($id: ID, $after: String) {
  gigStatusChanged(gigId: $id, after: $after) { cursor delivery gigId version previousStatus status } }`;

export const PAUSE_GIG = `mutation($id: ID!) {
  pauseGig(id: $id) { gig { status version } errors { code message } } }`;

const RESUME_GIG = `mutation($id: ID!) {
  resumeGig(id: $id) { gig { status version } errors { code message } } }`;

const POST_GIG = `mutation($input: PostGigInput!) {
  postGig(input: $input) { gig { id version } errors { code message } } }`;

const DECIDE_GIG = `mutation($input: DecideGigInput!) {
  decideGig(input: $input) { gig { status version } errors { code message } } }`;

// One of the seller's gigs. Its version is 1 while it is in review, 2 once it is approved, and goes up by one
// with each pause and resume.
export class Gig {
  constructor(id) {
    this.id = id;
  }

  // A new one, in review.
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
    const { gig } = await seller.done(POST_GIG, { input });
    assert.equal(gig.version, 1);
    return new Gig(gig.id);
  }

  // A new one, approved.
  static async publish() {
    const gig = await Gig.post();
    await gig.approve();
    return gig;
  }

  approve() {
    return reviewer.done(DECIDE_GIG, { input: { gigId: this.id, decision: 'APPROVE', expectedVersion: 1 } });
  }

  pause() {
    return seller.done(PAUSE_GIG, { id: this.id });
  }

  resume() {
    return seller.done(RESUME_GIG, { id: this.id });
  }
}
