// When to try again.

import { listen } from './environment.js';

const FIRST_MS = 500;

/**
 * Milliseconds before the next attempt: half a second, doubled with each failure up to a cap, less a random part of up
 * to a half. All clients of a gateway that restarts try again.
 */
export const backoff = (failures: number, capMs: number): number =>
  Math.min(FIRST_MS * 2 ** failures, capMs) * (1 - Math.random() / 2);

/** Milliseconds to wait if the gateway asks for seconds: up to one more, so that clients do not all come at once. */
export const afterSeconds = (seconds: number): number => (seconds + Math.random()) * 1000;

export interface WaitOptions {
  signal?: AbortSignal | undefined;
  /** Whether the browser's event `online` ends the wait. */
  untilOnline?: boolean;
}

/** Waits. Rejects with the reason of the signal if it is aborted. */
export function wait(ms: number, { signal, untilOnline }: WaitOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const end = () => {
      clearTimeout(timer);
      stopListening();
      signal?.removeEventListener('abort', abort);
    };
    const done = () => {
      end();
      resolve();
    };
    const abort = () => {
      end();
      reject(signal?.reason);
    };
    const timer = setTimeout(done, ms);
    const stopListening = untilOnline ? listen('online', done) : () => {};
    signal?.addEventListener('abort', abort);
  });
}
