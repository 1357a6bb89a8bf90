import { CloudOff, Wifi } from 'lucide-react';
import { useEffect, useState, useSyncExternalStore } from 'react';

import { gigway } from '../data/gigway';
import { texts } from '../texts';
import { cx } from './cx';
import styles from './ConnectionBar.module.css';

/** A connection that is lost for a moment is not worth a message. */
const PATIENCE_MS = 1500;
const BACK_MS = 3000;

type State = 'good' | 'lost' | 'back';

function subscribe(listener: () => void): () => void {
  const stop = gigway.onConnection(listener);
  addEventListener('online', listener);
  addEventListener('offline', listener);
  return () => {
    stop();
    removeEventListener('online', listener);
    removeEventListener('offline', listener);
  };
}

const useConnection = () =>
  useSyncExternalStore(subscribe, () => (navigator.onLine ? gigway.connection : ('offline' as const)));

/** Says when the connection is away, and when it is back. */
export function ConnectionBar() {
  const connection = useConnection();
  const [wasOpen, setWasOpen] = useState(false);
  const [state, setState] = useState<State>('good');
  if (connection === 'open' && !wasOpen) setWasOpen(true);
  const isLost = connection === 'offline' || connection === 'waiting' || (connection === 'connecting' && state === 'lost');
  useEffect(() => {
    if (isLost) {
      const timer = setTimeout(() => setState('lost'), connection === 'offline' ? 0 : PATIENCE_MS);
      return () => clearTimeout(timer);
    }
    if (connection === 'connecting') return undefined;
    setState((current) => (current === 'lost' ? 'back' : current));
    const timer = setTimeout(() => setState('good'), BACK_MS);
    return () => clearTimeout(timer);
  }, [connection, isLost]);
  const isShown = state === 'lost' || (state === 'back' && wasOpen);
  const message = state === 'back' ? texts.app.online : connection === 'offline' ? texts.app.offline : texts.app.reconnecting;
  return (
    <div role="status" className={cx(styles.bar, state === 'back' && styles.back)} data-connection={state}>
      {isShown && (
        <span>
          {state === 'back' ? <Wifi size={16} aria-hidden /> : <CloudOff size={16} aria-hidden />}
          {message}
        </span>
      )}
    </div>
  );
}
