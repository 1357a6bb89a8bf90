// Lets one tab at a time do something.

import type { Channel, Message } from './channel.js';
import { randomId } from './environment.js';
import { wait } from './retry.js';

/** After this time, a tab no longer waits for another one, which may have been stopped by the browser. */
const PATIENCE_MS = 15_000;
/** How long a tab listens for others before it takes a lock, if the browser has no locks. */
const LISTEN_MS = 50;

/**
 * Runs the task while no other tab does. `hold` is awaited afterwards, before the next tab may begin; the caller does
 * not wait for it. Browsers have locks only over HTTPS and on localhost. Elsewhere, tabs agree by messages.
 */
export function oneTabAtATime<T>(name: string, channel: Channel, task: () => Promise<T>, hold: () => Promise<void>): Promise<T> {
  return new Promise((resolve, reject) => {
    const run = async () => {
      const result = task();
      result.then(resolve, reject);
      await result.then(hold, () => {});
    };
    const locks = globalThis.navigator?.locks;
    if (!locks) {
      void lockByMessages(name, channel, run);
      return;
    }
    let hasStarted = false;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
    const start = () => {
      hasStarted = true;
      clearTimeout(timer);
      return run();
    };
    locks.request(name, { signal: patience.signal }, start).catch(() => (hasStarted ? undefined : start()));
  });
}

async function lockByMessages(name: string, channel: Channel, run: () => Promise<void>): Promise<void> {
  const tab = randomId();
  const deadline = Date.now() + PATIENCE_MS;
  let isHolding = false;
  let isBusy = false;
  let onRelease = () => {};
  const send = (type: 'claim' | 'held' | 'released') => channel.send({ type, lock: name, tab });
  const stopListening = channel.listen((message: Message) => {
    if (!('lock' in message) || message.lock !== name || message.tab === tab) return;
    if (message.type === 'claim') {
      if (isHolding || tab < message.tab) send('held'); // of two that claim it at once, the lower id gets it
      else isBusy = true;
    } else if (message.type === 'held') {
      isBusy = true;
    } else {
      isBusy = false;
      onRelease();
    }
  });
  try {
    for (;;) {
      isBusy = false;
      send('claim');
      await wait(LISTEN_MS);
      if (!isBusy || Date.now() >= deadline) break;
      await Promise.race([new Promise<void>((resolve) => (onRelease = resolve)), wait(Math.max(0, deadline - Date.now()))]);
    }
    isHolding = true;
    await run();
  } finally {
    stopListening();
    send('released');
  }
}
