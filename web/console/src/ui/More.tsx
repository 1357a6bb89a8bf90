import { useEffect, useRef } from 'react';

import { texts } from '../texts';
import { Button } from './Button';
import styles from './More.module.css';

/** Calls `onMore` when the end of the list comes near, or when the button is pressed. */
export function More({ onMore, isLoading = false }: { onMore: () => void; isLoading?: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(onMore);
  useEffect(() => {
    latest.current = onMore;
  });
  useEffect(() => {
    if (!place.current || isLoading) return undefined;
    // A busy page gets several entries at a time, the newest one last.
    const onChange = (entries: IntersectionObserverEntry[]) => entries.at(-1)?.isIntersecting && latest.current();
    const observer = new IntersectionObserver(onChange, { rootMargin: '800px' });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [isLoading]);
  return (
    <div ref={place} className={styles.more}>
      <Button onPress={onMore} isDisabled={isLoading}>
        {texts.common.more}
      </Button>
    </div>
  );
}
