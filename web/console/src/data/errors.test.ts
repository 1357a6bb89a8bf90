import { GigwayError } from 'gigway-client';
import { CombinedError } from 'urql';
import { expect, test } from 'vitest';

import { texts } from '../texts';
import { codeOf, errorsByField, summarize } from './errors';

test('an error of the gateway has its code and its request id', () => {
  const error = new CombinedError({
    graphQLErrors: [{ message: 'x', extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'r1' } }],
  });
  expect(codeOf(error)).toBe('INTERNAL_SERVER_ERROR');
  expect(summarize(error)).toEqual({ message: texts.errors.unknown, requestId: 'r1', isTemporary: false });
});

test('a lost connection is temporary', () => {
  const networkError = new GigwayError([{ code: 'NETWORK_ERROR', message: 'x' }]);
  expect(summarize(new CombinedError({ networkError }))).toEqual({
    message: texts.errors.network, requestId: undefined, isTemporary: true,
  });
  expect(summarize(networkError).isTemporary).toBe(true);
});

test('validation errors are grouped by the path of their field', () => {
  expect(
    errorsByField([
      { field: ['links', '3'], message: 'One.' },
      { field: ['links', '3'], message: 'Two.' },
      { field: null, message: 'All.' },
    ]),
  ).toEqual({ 'links.3': 'One. Two.', '': 'All.' });
});
