import { expect, test } from 'vitest';

import { mergeDepartures } from './useDepartures';

const items = (...ids: string[]) => ids.map((id) => ({ id }));
const gone = (id: string) => ({ id, isGone: true as const });

test('what leaves the list keeps its place', () => {
  expect(mergeDepartures(items('a', 'b', 'c'), items('a', 'c'))).toEqual([{ id: 'a' }, gone('b'), { id: 'c' }]);
  expect(mergeDepartures(items('a', 'b', 'c'), items('b', 'c'))).toEqual([gone('a'), { id: 'b' }, { id: 'c' }]);
});

test('several leave one after the other', () => {
  const once = mergeDepartures(items('a', 'b', 'c', 'd'), items('a', 'c', 'd'));
  expect(mergeDepartures(once, items('a', 'd'))).toEqual([{ id: 'a' }, gone('b'), gone('c'), { id: 'd' }]);
});

test('what comes back takes its place again', () => {
  const once = mergeDepartures(items('a', 'b'), items('a'));
  expect(mergeDepartures(once, items('a', 'b'))).toEqual(items('a', 'b'));
});

test('another list has no departures', () => {
  expect(mergeDepartures(items('a', 'b'), items('x', 'y'))).toEqual(items('x', 'y'));
});
