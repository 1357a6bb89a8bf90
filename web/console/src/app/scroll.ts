// Where the user was on each page: back goes there, and a new page starts at its top.

import { useEffect, useLayoutEffect, useRef } from 'react';

const positions = new Map<string, number>();

// Here, and not in an effect: browsers call the listeners of the window in the order in which they were added, and the
// router renders in its own.
let isBack = false;
addEventListener('popstate', () => (isBack = true));
history.scrollRestoration = 'manual';

/** `address` is the path of the page with its query. */
export function useScrollPositions(address: string): void {
  const path = address.split('?')[0] ?? address;
  const current = useRef(address);

  useEffect(() => {
    const onScroll = () => positions.set(current.current, scrollY);
    addEventListener('scroll', onScroll, { passive: true });
    return () => removeEventListener('scroll', onScroll);
  }, []);

  useLayoutEffect(() => {
    current.current = address;
  }, [address]);
  // Other filters on the same page are no other page.
  useLayoutEffect(() => {
    const top = isBack ? (positions.get(current.current) ?? 0) : 0;
    scrollTo(0, top);
    // The content of the page can come a moment later.
    const frame = requestAnimationFrame(() => scrollTo(0, top));
    return () => cancelAnimationFrame(frame);
  }, [path]);
  useLayoutEffect(() => {
    isBack = false;
  }, [address]);
}
