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
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && latest.current(), { rootMargin: '800px' });
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
