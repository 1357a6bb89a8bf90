// What a page has and Node does not, and what its tabs share.

import { vi } from 'vitest';

/** Replaces the window and the document by targets of events. Returns a function that sends an event. */
export function fakeWindow(): (event: 'online' | 'offline' | 'pageshow' | 'visibilitychange') => void {
  const target = new EventTarget();
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target));
  vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target));
  vi.stubGlobal('document', page);
  return (event) => void (event === 'visibilitychange' ? page : target).dispatchEvent(new Event(event));
}

/** A BroadcastChannel among the objects of this process. */
export class FakeChannel {
  static open = new Set<FakeChannel>();
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly name: string) {
    FakeChannel.open.add(this);
  }

  postMessage(message: unknown): void {
    for (const channel of FakeChannel.open) {
      if (channel === this || channel.name !== this.name) continue;
      const data = structuredClone(message);
      queueMicrotask(() => channel.onmessage?.({ data }));
    }
  }

  close(): void {
    FakeChannel.open.delete(this);
  }
}

/** The Web Locks of this process. */
export class FakeLocks {
  #last = new Map<string, Promise<unknown>>();

  request(name: string, _options: unknown, task: () => Promise<unknown>): Promise<unknown> {
    const result = (this.#last.get(name) ?? Promise.resolve()).then(task);
    this.#last.set(name, result.catch(() => {}));
    return result;
  }
}

/** Tabs of one browser. `hasLocks`: whether the page is served over HTTPS. */
export function fakeTabs({ hasLocks = true } = {}): void {
  FakeChannel.open.clear();
  vi.stubGlobal('BroadcastChannel', FakeChannel);
  vi.stubGlobal('navigator', { onLine: true, ...(hasLocks && { locks: new FakeLocks() }) });
}
