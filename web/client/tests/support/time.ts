// Fake time.

import { vi } from 'vitest';

/** Lets the fake time pass while the promise is pending, at most this many milliseconds. */
export async function during<T>(promise: Promise<T>, ms = 120_000): Promise<T> {
  let isSettled = false;
  promise.then(() => (isSettled = true), () => (isSettled = true));
  for (let passed = 0; !isSettled && passed < ms; passed += 10) await vi.advanceTimersByTimeAsync(10);
  if (!isSettled) throw new Error(`still pending after ${ms} ms`);
  return promise;
}

/** The fake time that the promise takes, in milliseconds. */
export async function duration(promise: Promise<unknown>): Promise<number> {
  const start = Date.now();
  await during(promise).catch(() => {});
  return Date.now() - start;
}
