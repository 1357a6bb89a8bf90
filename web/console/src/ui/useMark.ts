import { useEffect, useState } from 'react';

const MARKED_MS = 2000;

/** True for two seconds after `isChanged` has become true. */
export function useMark(isChanged: boolean): boolean {
  const [isMarked, setIsMarked] = useState(isChanged);
  useEffect(() => {
    setIsMarked(isChanged);
    if (!isChanged) return undefined;
    const timer = setTimeout(() => setIsMarked(false), MARKED_MS);
    return () => clearTimeout(timer);
  }, [isChanged]);
  return isMarked;
}
