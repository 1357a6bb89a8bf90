import { expect, test } from 'vitest';

import { canResume, cursorOf, hasSnapshot, SeenCursors } from '../../src/cursors.js';
import { parseDocument } from '../../src/document.js';

test.each([
  ['{ gigs { totalCount } }', 'query', undefined],
  ['query Gigs($first: Int = 3) { gigs(first: $first) { totalCount } }', 'query', 'Gigs'],
  ['mutation { signOut { sessionsEnded } }', 'mutation', undefined],
  ['subscription Status($id: ID!) @live { gigStatusChanged(gigId: $id) { cursor } }', 'subscription', 'Status'],
  ['fragment query on Query { gigs { totalCount } } mutation Post { postGig { gig { id } } }', 'mutation', 'Post'],
  ['# mutation Old { }\nquery New { gig(id: "subscription {") { id } }', 'query', 'New'],
  ['query Q($where: GigFilter = { tags: ["mutation M"] }) { gigs(where: $where) { totalCount } }', 'query', 'Q'],
  ['fragment A on Gig { id }\nsubscription S { gigPublished { gig { ...A } } }\nfragment B on Gig { id }', 'subscription', 'S'],
])('the kind and the name of %s', (text, kind, name) => {
  expect(parseDocument(text)).toMatchObject({ text, kind, name });
});

test('a subscription can resume if it has $after and selects cursor', () => {
  const can = (text: string) => canResume(parseDocument(text));
  expect(can('subscription ($after: String) { gigPublished(after: $after) { cursor } }')).toBe(true);
  expect(can('subscription ($after : String) { gigPublished(after: $after) { ...A } } fragment A on Event { cursor }')).toBe(true);
  expect(can('subscription { gigPublished { cursor } }')).toBe(false);
  expect(can('subscription ($after: String) { gigPublished(after: $after) { gigId } }')).toBe(false);
});

test('only a subscription to one subject starts with a snapshot', () => {
  const has = (text: string, variables = {}) => hasSnapshot(parseDocument(text), variables);
  expect(has('subscription { verificationStatusChanged { cursor } }')).toBe(true);
  expect(has('subscription { gigStatusChanged(gigId: "gig_1") { cursor } }')).toBe(true);
  const byVariable = 'subscription ($id: ID, $after: String) { gigStatusChanged(after: $after, gigId: $id) { cursor gigId } }';
  expect(has(byVariable, { id: 'gig_1' })).toBe(true);
  expect(has(byVariable, { id: null })).toBe(false);
  expect(has('subscription { gigStatusChanged { cursor gigId } }')).toBe(false);
  expect(has('subscription { catalogueChanged { cursor gigId } }')).toBe(false);
});

test('the cursor of an event is that of its only field', () => {
  expect(cursorOf({ gigPublished: { cursor: 'A' } })).toBe('A');
  expect(cursorOf({ gigPublished: { gigId: 'gig_1' } })).toBeUndefined();
  expect(cursorOf(null)).toBeUndefined();
});

test('the last 256 cursors are recognized', () => {
  const seen = new SeenCursors();
  expect(seen.add('0')).toBe(true);
  expect(seen.add('0')).toBe(false);
  for (let index = 1; index <= 256; index += 1) seen.add(String(index));
  expect(seen.add('256')).toBe(false);
  expect(seen.add('0')).toBe(true);
});
