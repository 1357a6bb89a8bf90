import { Search, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

import { texts } from '../texts';
import { IconButton } from '../ui/Button';
import styles from './SearchBox.module.css';

const PAUSE_MS = 180;

/** Searches as the user types. `value` is the search of the page, which can also change by going back. */
export function SearchBox({ value, onSearch }: { value: string; onSearch: (search: string) => void }) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (value !== sent.current) setText(value);
    sent.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const send = (search: string) => {
    clearTimeout(timer.current);
    sent.current = search;
    onSearch(search);
  };
  const type = (search: string) => {
    setText(search);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => send(search), PAUSE_MS);
  };
  const clear = () => {
    setText('');
    send('');
    input.current?.focus();
  };
  return (
    <form
      role="search"
      className={styles.search}
      onSubmit={(event) => {
        event.preventDefault();
        send(text);
      }}
    >
      <Search size={18} aria-hidden className={styles.icon} />
      <input
        ref={input}
        type="search"
        dir="auto"
        className={styles.input}
        aria-label={texts.browse.search}
        placeholder={texts.browse.searchPlaceholder}
        enterKeyHint="search"
        value={text}
        onChange={(event) => type(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && text && clear()}
      />
      {text && (
        <IconButton label={texts.browse.clearSearch} onPress={clear}>
          <X size={18} aria-hidden />
        </IconButton>
      )}
    </form>
  );
}
