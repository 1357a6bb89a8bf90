// Short messages about what has happened, which disappear by themselves. Screen readers read them, too.

import { X } from 'lucide-react';
import { useEffect, useState, useSyncExternalStore } from 'react';

import { texts } from '../texts';
import { Button, IconButton } from './Button';
import { cx } from './cx';
import styles from './toasts.module.css';

interface Toast {
  id: number;
  message: string;
  tone: 'plain' | 'error';
  action?: { label: string; onPress: () => void } | undefined;
}

const SECONDS = 6;
const MAX_SHOWN = 3;

let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  listeners.forEach((listener) => listener());
}

const dismiss = (id: number) => set(toasts.filter((toast) => toast.id !== id));

/** Shows a message for some seconds. */
export function toast(message: string, options: Partial<Pick<Toast, 'tone' | 'action'>> = {}): void {
  lastId += 1;
  set([...toasts.slice(1 - MAX_SHOWN), { id: lastId, message, tone: 'plain', ...options }]);
}

/** Reads a message to people who use a screen reader. */
export function announce(message: string): void {
  announcement = message;
  listeners.forEach((listener) => listener());
}

let announcement = '';

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** The place of the messages: once in the page. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  const announced = useSyncExternalStore(subscribe, () => announcement);
  return (
    <>
      <div aria-live="polite" className="visually-hidden" data-announcements>
        {announced}
      </div>
      <div role="status" className={styles.list}>
        {shown.map((item) => (
          <ToastMessage key={item.id} {...item} />
        ))}
      </div>
    </>
  );
}

function ToastMessage({ id, message, tone, action }: Toast) {
  const [isHeld, setIsHeld] = useState(false);
  useEffect(() => {
    if (isHeld) return undefined;
    const timer = setTimeout(() => dismiss(id), SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [id, isHeld]);
  const hold = (value: boolean) => () => setIsHeld(value);
  return (
    <div
      className={cx(styles.toast, styles[tone])}
      onMouseEnter={hold(true)}
      onMouseLeave={hold(false)}
      onFocus={hold(true)}
      onBlur={hold(false)}
    >
      <span dir="auto">{message}</span>
      {action && (
        <Button
          look="plain"
          isSmall
          onPress={() => {
            dismiss(id);
            action.onPress();
          }}
        >
          {action.label}
        </Button>
      )}
      <IconButton label={texts.common.close} onPress={() => dismiss(id)}>
        <X size={16} aria-hidden />
      </IconButton>
    </div>
  );
}
