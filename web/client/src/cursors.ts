// How far each subscription has come.

import type { Operation } from './document.js';
import type { KeyValueStorage } from './storage.js';
import { readJson, writeJson } from './storage.js';

/** The stored cursor of a subscription. Each user has their own. */
export class StoredCursor {
  readonly #storage: KeyValueStorage;
  readonly #key: string;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(storage: KeyValueStorage, prefix: string, userId: string | undefined, name: string) {
    this.#storage = storage;
    this.#key = `${prefix}:cursor:${userId ?? 'anonymous'}:${name}`;
  }

  read(): Promise<string | undefined> {
    return readJson<string>(this.#storage, this.#key);
  }

  /** Stores the cursor, after those before it. Undefined removes it. */
  write(cursor: string | undefined): void {
    this.#writing = this.#writing.then(() => writeJson(this.#storage, this.#key, cursor));
  }
}

/** Recognizes events that arrive again. */
export class SeenCursors {
  static readonly #CAPACITY = 256;
  readonly #seen = new Set<string>();

  /** Returns whether the cursor is new, and remembers it. */
  add(cursor: string): boolean {
    if (this.#seen.has(cursor)) return false;
    this.#seen.add(cursor);
    const [oldest] = this.#seen;
    if (this.#seen.size > SeenCursors.#CAPACITY && oldest !== undefined) this.#seen.delete(oldest);
    return true;
  }

  clear(): void {
    this.#seen.clear();
  }
}

/** The cursor of an event, if the subscription selects it. */
export function cursorOf(data: unknown): string | undefined {
  const [event] = Object.values((data ?? {}) as Record<string, unknown>);
  const { cursor } = (event ?? {}) as { cursor?: unknown };
  return typeof cursor === 'string' ? cursor : undefined;
}

/** Whether the operation can resume: it has the variable `$after`, and selects `cursor`. */
export const canResume = ({ text }: Operation): boolean => /\$after\s*:/.test(text) && /\bcursor\b/.test(text);

/** Whether the subscription starts with the current state of its subject, if it starts without a cursor. */
export function hasSnapshot({ text }: Operation, variables: Readonly<Record<string, unknown>>): boolean {
  if (/\bverificationStatusChanged\b/.test(text)) return true;
  const gigId = /\bgigStatusChanged\s*\([^)]*\bgigId\s*:\s*(\$(\w+)|")/.exec(text);
  return gigId !== null && (gigId[2] === undefined || variables[gigId[2]] != null);
}
