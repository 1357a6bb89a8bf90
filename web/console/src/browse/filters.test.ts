import { expect, test } from 'vitest';

import { countChoices, orderOf, readFilters, requestOf, toggled, whereOf, writeFilters } from './filters';

test('filters survive the way into the address and back', () => {
  const filters = {
    search: 'logo & more',
    categories: ['web-design', 'music'],
    prices: ['25.00-49.99', '1000.00-'],
    tags: ['c++', 'ux'],
    order: 'PRICE_LOWEST' as const,
  };
  expect(readFilters(writeFilters(filters))).toEqual(filters);
  expect(countChoices(filters)).toBe(6);
});

test('what is not a filter in the address is ignored', () => {
  expect(readFilters('price=cheap&order=RANDOM&other=1')).toEqual({
    search: '', categories: [], prices: [], tags: [], order: undefined,
  });
});

test('the order is the best match while there is a search, and never without one', () => {
  const filters = readFilters('');
  expect(orderOf(filters)).toBe('NEWEST');
  expect(orderOf({ ...filters, search: ' logo' })).toBe('RELEVANCE');
  expect(orderOf({ ...filters, search: ' ', order: 'RELEVANCE' })).toBe('NEWEST');
  expect(orderOf({ ...filters, search: 'logo', order: 'OLDEST' })).toBe('OLDEST');
});

test('the same choices in another order are the same request', () => {
  const one = requestOf(readFilters('category=a&category=b&tag=x&tag=y'));
  const other = requestOf(readFilters('tag=y&tag=x&category=b&category=a'));
  expect(one).toEqual(other);
  expect(requestOf(readFilters('')).where).toBeNull();
});

test('a range without an end has no upper bound', () => {
  expect(whereOf({ prices: ['1000.00-', '0.00-24.99'] })).toEqual({
    priceRanges: [{ min: '1000.00' }, { min: '0.00', max: '24.99' }],
  });
});

test('a choice is added, and taken back', () => {
  expect(toggled(['a'], 'b')).toEqual(['a', 'b']);
  expect(toggled(['a', 'b'], 'a')).toEqual(['b']);
});
