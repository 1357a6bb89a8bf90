import { expect, test } from 'vitest';

import { Connection } from '../../src/connection.js';

test('the state is that of all connections together, and each change is reported once', () => {
  const connection = new Connection();
  const states: string[] = [];
  const stop = connection.listen((state) => states.push(state));
  const [first, second] = [{}, {}];
  connection.set(first, 'connecting');
  connection.set(second, 'connecting');
  connection.set(first, 'open');
  connection.set(second, 'open');
  connection.set(second, 'waiting');
  connection.set(first, 'open');
  connection.set(second, 'closed');
  connection.set(first, 'closed');
  expect(states).toEqual(['connecting', 'open', 'waiting', 'open', 'closed']);
  stop();
  connection.set(first, 'open');
  expect(states).toHaveLength(5);
  expect(connection.state).toBe('open');
});
