import { expect, test } from 'vitest';

import { megabytes } from '../sell/megabytes';
import { formatMoney } from './Money';
import { formatRelative } from './RelativeTime';

test.each([
  ['135.00', '$135'],
  ['45.50', '$45.50'],
  ['10000.00', '$10,000'],
  ['0.05', '$0.05'],
])('a price of %s is %s', (amount, expected) => {
  expect(formatMoney({ amount, currencyCode: 'USD' })).toBe(expected);
});

test('times are relative to now, in the largest unit that fits', () => {
  const now = Date.UTC(2026, 10, 30, 12);
  const after = (seconds: number) => formatRelative(new Date(now + seconds * 1000), now);
  expect(after(10)).toBe('now');
  expect(after(-60)).toBe('1 minute ago');
  expect(after(7200)).toBe('in 2 hours');
  expect(after(86_400)).toBe('tomorrow');
  expect(after(-15 * 86_400)).toBe('2 weeks ago');
});

test('sizes of files are in megabytes', () => {
  expect(megabytes(1_048_576)).toBe('1 MB');
  expect(megabytes(3_145_728)).toBe('3 MB');
  expect(megabytes(1_572_864)).toBe('1.5 MB');
});
