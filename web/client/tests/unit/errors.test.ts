import { expect, test } from 'vitest';

import { fromGraphQLErrors } from '../../src/errors.js';
import { GigwayError, messagesByField, validated } from '../../src/index.js';

const ERRORS = [
  { code: 'TOO_LONG' as const, message: 'The title is too long.', field: ['title'], params: [{ name: 'max', value: '120' }, { name: 'actual', value: '121' }] },
  { code: 'INVALID' as const, message: 'Link 4 is invalid.', field: ['links', '3'], params: [] },
  { code: 'LIMIT_REACHED' as const, message: 'Too many gigs.', field: null, params: [] },
];

test('validation errors have the field, the limit and the parameters of the gateway', () => {
  const error = (() => {
    try {
      return validated({ gig: null, errors: ERRORS });
    } catch (thrown) {
      return thrown as GigwayError;
    }
  })();
  expect(error).toBeInstanceOf(GigwayError);
  expect(error).toMatchObject({ code: 'TOO_LONG', field: ['title'], limit: '120', retryable: false });
  expect((error as GigwayError).errors[0]?.params).toEqual({ max: '120', actual: '121' });
  expect((error as GigwayError).has('LIMIT_REACHED')).toBe(true);
});

test('a payload without errors is returned', () => {
  const payload = { gig: { id: 'gig_1' }, errors: [] };
  expect(validated(payload)).toBe(payload);
});

test('messages are found by field', () => {
  expect(messagesByField(ERRORS)).toEqual({
    title: ['The title is too long.'], 'links.3': ['Link 4 is invalid.'], '': ['Too many gigs.'],
  });
});

test('an error is retryable only if each of its errors is', () => {
  const error = (...codes: string[]) => fromGraphQLErrors(codes.map((code) => ({ message: code, extensions: { code } })));
  expect(error('RATE_LIMITED', 'SERVICE_UNAVAILABLE').retryable).toBe(true);
  expect(error('RATE_LIMITED', 'FORBIDDEN').retryable).toBe(false);
  expect(error('IDEMPOTENT_ANSWER_LOST').retryable).toBe(false);
});
