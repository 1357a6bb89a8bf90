import { useCallback, useEffect, useRef } from 'react';

/** A function that calls `task` at once or, if the last call is too recent, once after the interval. */
export function useThrottled(task: () => void, intervalMs: number): () => void {
  const latest = useRef(task);
  const lastCall = useRef(-Infinity);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    latest.current = task;
  });
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return useCallback(() => {
    if (timer.current !== undefined) return;
    const wait = Math.max(0, lastCall.current + intervalMs - performance.now());
    timer.current = setTimeout(() => {
      timer.current = undefined;
      lastCall.current = performance.now();
      latest.current();
    }, wait);
  }, [intervalMs]);
}
