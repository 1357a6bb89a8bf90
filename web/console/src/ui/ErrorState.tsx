import { Copy } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

import { summarize } from '../data/errors';
import { texts } from '../texts';
import { Button } from './Button';
import styles from './States.module.css';

/** What went wrong, what to do, and the id for whoever looks into it. */
export function ErrorState({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const { message, requestId, isTemporary } = summarize(error);
  useRetry(isTemporary ? onRetry : undefined, error);
  const [isCopied, setIsCopied] = useState(false);
  return (
    <div className={styles.state} role="alert">
      <h2>{texts.errors.title}</h2>
      <p dir="auto">{message}</p>
      {requestId && (
        <p className={styles.requestId}>
          {texts.errors.requestId}: <code>{requestId}</code>
          <Button
            look="plain"
            isSmall
            onPress={() => void navigator.clipboard?.writeText(requestId).then(() => setIsCopied(true))}
          >
            <Copy size={14} aria-hidden />
            {isCopied ? texts.common.copied : texts.common.copy}
          </Button>
        </p>
      )}
      {onRetry && <Button onPress={onRetry}>{texts.common.retry}</Button>}
    </div>
  );
}

const RETRY_MS = 5000;

/** What the network has made fail is tried again: after five seconds, and when the browser says that it is back. */
function useRetry(onRetry: (() => void) | undefined, error: Error): void {
  const latest = useRef(onRetry);
  useEffect(() => {
    latest.current = onRetry;
  });
  const isWanted = onRetry !== undefined;
  useEffect(() => {
    if (!isWanted) return undefined;
    const retry = () => latest.current?.();
    const timer = setTimeout(retry, RETRY_MS);
    addEventListener('online', retry);
    return () => {
      clearTimeout(timer);
      removeEventListener('online', retry);
    };
  }, [isWanted, error]);
}
