// The one client of the page: its session, its requests and its subscriptions.

import { createClient, type KeyValueStorage } from 'gigway-client';

/** A browser can forbid the storage: then the session lasts until the page is reloaded. */
function availableStorage(): KeyValueStorage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

export const gigway = createClient({
  storage: availableStorage(),
  onSignedOut: (reason) => listeners.forEach((listener) => listener(reason)),
});

const listeners = new Set<(reason: string) => void>();

/** Calls back with the reason when a session has ended. Returns a function to stop. */
export function onSignedOut(listener: (reason: string) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
