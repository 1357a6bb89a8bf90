// Gigs that leave the list: the title goes at once, but the place stays for two seconds, and as long as the pointer is
// over the list. So nothing moves under a finger or an eye.

import { useEffect, useRef, useState, type RefObject } from 'react';

export interface Departed {
  id: string;
  isGone: true;
}

const STAYS_MS = 2000;
const RETRY_MS = 500;

const isGone = <Item extends { id: string }>(item: Item | Departed): item is Departed => 'isGone' in item;

/** Puts what has left back to its place. What is new comes where it is in `next`. */
export function mergeDepartures<Item extends { id: string }>(
  previous: readonly (Item | Departed)[],
  next: readonly Item[],
): (Item | Departed)[] {
  const ids = new Set(next.map(({ id }) => id));
  // Another list, rather than one from which something has left.
  if (!previous.some(({ id }) => ids.has(id))) return [...next];
  const merged: (Item | Departed)[] = [...next];
  previous.forEach((item, index) => {
    if (ids.has(item.id)) return;
    const before = previous.slice(0, index).reverse().find(({ id }) => merged.some((other) => other.id === id));
    const place = before ? merged.findIndex(({ id }) => id === before.id) + 1 : 0;
    merged.splice(place, 0, { id: item.id, isGone: true });
  });
  return merged;
}

/** `resetKey` is another one if the list was read again, and so may have other items. */
export function useDepartures<Item extends { id: string }>(
  items: readonly Item[],
  resetKey: unknown,
  list: RefObject<HTMLElement | null>,
): (Item | Departed)[] {
  const [state, setState] = useState<{ items: readonly Item[]; resetKey: unknown; shown: (Item | Departed)[] }>(() => ({
    items,
    resetKey,
    shown: [...items],
  }));
  let { shown } = state;
  if (state.items !== items || state.resetKey !== resetKey) {
    shown = state.resetKey === resetKey ? mergeDepartures(shown, items) : [...items];
    setState({ items, resetKey, shown });
  }
  const departed = shown.filter(isGone).map(({ id }) => id).join();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (!departed) return undefined;
    const leave = () => {
      if (list.current?.matches(':hover, :focus-within')) timer.current = setTimeout(leave, RETRY_MS);
      else setState((current) => ({ ...current, shown: current.shown.filter((item) => !isGone(item)) }));
    };
    timer.current = setTimeout(leave, STAYS_MS);
    return () => clearTimeout(timer.current);
  }, [departed, list]);
  return shown;
}
