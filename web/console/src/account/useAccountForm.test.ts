import { expect, test } from 'vitest';

import { nextAddress } from './useAccountForm';

test.each([
  ['', '/'],
  ['next=/sell', '/sell'],
  ['next=%2Fsell%2Fnew%3Fgig%3Dgig_1', '/sell/new?gig=gig_1'],
  ['next=https://example.com/', '/'],
  ['next=//example.com/', '/'],
  ['next=/\\example.com/', '/'],
])('after a sign-in with "%s" comes %s', (search, address) => {
  expect(nextAddress(search)).toBe(address);
});
