// What a browser has, and other programs may not have.

/** An event of the window or the document. Returns a function that removes the listener. */
export function listen(event: 'online' | 'offline' | 'pageshow' | 'visibilitychange', listener: () => void): () => void {
  const target = event === 'visibilitychange' ? globalThis.document : globalThis;
  if (!target?.addEventListener) return () => {};
  target.addEventListener(event, listener);
  return () => target.removeEventListener(event, listener);
}

export const isVisible = (): boolean => globalThis.document?.visibilityState !== 'hidden';

/** Whether the browser knows that it has no network. */
export const isOffline = (): boolean => globalThis.navigator?.onLine === false;

/** 128 random bits. Unlike `crypto.randomUUID`, also for pages without HTTPS. */
export const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Reports an error of the application's callback like any uncaught error, without stopping the caller. */
export function reportUncaught(error: unknown): void {
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error);
  else setTimeout(() => { throw error; });
}

/** Calls every listener, even if one of them throws. */
export function notify<Args extends unknown[]>(listeners: Iterable<(...args: Args) => void>, ...args: Args): void {
  for (const listener of [...listeners]) {
    try {
      listener(...args);
    } catch (error) {
      reportUncaught(error);
    }
  }
}
