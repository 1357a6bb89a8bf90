// Where the session and the cursors are stored.

type MaybePromise<T> = T | Promise<T>;

/** A place to store text, such as `localStorage`, `sessionStorage` or React Native's AsyncStorage. */
export interface KeyValueStorage {
  getItem(key: string): MaybePromise<string | null>;
  setItem(key: string, value: string): MaybePromise<void>;
  removeItem(key: string): MaybePromise<void>;
}

/** Stores text until the page is closed or reloaded. */
export function memoryStorage(): KeyValueStorage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

/** Reads JSON. What cannot be read counts as missing: the page works, and the user may have to sign in. */
export async function readJson<T>(storage: KeyValueStorage, key: string): Promise<T | undefined> {
  try {
    const text = await storage.getItem(key);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/**
 * Writes JSON, or removes it. Returns whether the storage has it now: a full or forbidden storage is no reason to fail,
 * because the page has the value in memory.
 */
export async function writeJson(storage: KeyValueStorage, key: string, value: unknown): Promise<boolean> {
  try {
    if (value === undefined) await storage.removeItem(key);
    else await storage.setItem(key, JSON.stringify(value));
    return value !== undefined;
  } catch {
    return false;
  }
}
