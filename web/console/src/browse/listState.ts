// What the page remembers of each list while the user looks at something else: the pages that are shown, and the new
// gigs that wait. The gigs themselves are in the cache.

import { useCallback, useSyncExternalStore } from 'react';
import { useClient, type Client } from 'urql';

import type { ListRequest } from './filters';

export interface ListState {
  /** The cursors after which the pages start. The first page starts with null. */
  readonly starts: readonly (string | null)[];
  /** The ids of new gigs that are not shown yet. */
  readonly waiting: ReadonlySet<string>;
  /** The ids of gigs that have just been added, or have just changed. */
  readonly marked: ReadonlySet<string>;
}

const EMPTY: ListState = { starts: [null], waiting: new Set(), marked: new Set() };

class ListStates {
  readonly #states = new Map<string, ListState>();
  readonly #listeners = new Set<() => void>();

  get = (key: string): ListState => this.#states.get(key) ?? EMPTY;

  set(key: string, change: (state: ListState) => Partial<ListState>): void {
    const state = this.get(key);
    this.#states.set(key, { ...state, ...change(state) });
    this.#listeners.forEach((listener) => listener());
  }

  listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

const states = new WeakMap<Client, ListStates>();

function statesOf(client: Client): ListStates {
  let found = states.get(client);
  if (!found) states.set(client, (found = new ListStates()));
  return found;
}

export const keyOf = ({ where, search, orderBy }: ListRequest): string => JSON.stringify([where ?? null, search ?? null, orderBy]);

type Change = (change: (state: ListState) => Partial<ListState>) => void;

export function useListState(request: ListRequest): [ListState, Change] {
  const list = statesOf(useClient());
  const key = keyOf(request);
  const state = useSyncExternalStore(list.listen, () => list.get(key));
  const change = useCallback<Change>((update) => list.set(key, update), [list, key]);
  return [state, change];
}

export const withId = (ids: ReadonlySet<string>, id: string): ReadonlySet<string> => new Set(ids).add(id);

export function withoutId(ids: ReadonlySet<string>, id: string): ReadonlySet<string> {
  if (!ids.has(id)) return ids;
  const others = new Set(ids);
  others.delete(id);
  return others;
}
