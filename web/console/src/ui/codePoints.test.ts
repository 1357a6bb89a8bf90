import { expect, test } from 'vitest';

import { codePoints } from './codePoints';

test.each([
  ['', 0],
  ['abc', 3],
  ['  abc \n', 3],
  ['e\u0301', 1],
  ['👩‍👩‍👧', 5],
  ['one\r\ntwo', 7],
  ['𝒳', 1],
])('%j has %i code points', (text, count) => {
  expect(codePoints(text)).toBe(count);
});
