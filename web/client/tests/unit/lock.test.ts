import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createChannel } from '../../src/channel.js';
import * as environment from '../../src/environment.js';
import { oneTabAtATime } from '../../src/lock.js';
import { fakeTabs } from '../support/fake-browser.js';

beforeEach(() => {
  vi.useFakeTimers();
  fakeTabs({ hasLocks: false });
});

afterEach(() => void vi.useRealTimers());

/** A tab that holds the lock for some time. Its id decides between tabs that want it at once. */
function openTab(id: string, log: string[]): () => Promise<string> {
  const channel = createChannel('tabs');
  channel.listen(() => {}); // opens it
  return () => {
    vi.spyOn(environment, 'randomId').mockReturnValueOnce(id);
    const task = async () => {
      log.push(`${id} begins`);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      log.push(`${id} ends`);
      return id;
    };
    return oneTabAtATime('lock', channel, task, async () => {});
  };
}

test.each([
  ['the lower id first', 'a', 'b', 20],
  ['the higher id first', 'b', 'a', 20],
  ['at the same moment', 'a', 'b', 0],
])('without Web Locks, tabs that want a lock have it one after the other: %s', async (_, first, second, ms) => {
  const log: string[] = [];
  const tabs = [openTab(first, log), openTab(second, log)];
  const results = [tabs[0]?.()];
  if (ms > 0) await vi.advanceTimersByTimeAsync(ms);
  results.push(tabs[1]?.());
  await vi.advanceTimersByTimeAsync(5_000);
  expect(log).toHaveLength(4);
  expect((await Promise.all(results)).sort()).toEqual(['a', 'b']);
  for (const index of [0, 2]) expect(log[index + 1]).toBe(log[index]?.replace('begins', 'ends'));
});

test('a tab that comes while another one has the lock waits', async () => {
  const log: string[] = [];
  const [first, second] = [openTab('b', log), openTab('a', log)];
  const results = [first()];
  await vi.advanceTimersByTimeAsync(500);
  results.push(second());
  await vi.advanceTimersByTimeAsync(5_000);
  await Promise.all(results);
  expect(log).toEqual(['b begins', 'b ends', 'a begins', 'a ends']);
});

test('the error of a task is that of the caller, and the next tab has its turn', async () => {
  const channel = createChannel('tabs');
  const failing = oneTabAtATime('lock', channel, () => Promise.reject(new Error('no')), async () => {});
  const outcome = failing.catch((error: Error) => error.message);
  await vi.advanceTimersByTimeAsync(100);
  expect(await outcome).toBe('no');
  const log: string[] = [];
  const result = openTab('a', log)();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await result).toBe('a');
});
