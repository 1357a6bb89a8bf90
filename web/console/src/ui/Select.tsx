import { ChevronDown } from 'lucide-react';
import { useId, type ReactNode } from 'react';

import { cx } from './cx';
import styles from './Field.module.css';
import { FieldError } from './FieldError';

interface SelectProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly { value: Value; label: string }[];
  onChange: (value: Value) => void;
  hint?: ReactNode;
  error?: string | undefined;
  name?: string;
  isLabelHidden?: boolean;
}

/** The browser's own list: the one that phones and screen readers know best, and it needs no code. */
export function Select<Value extends string>(props: SelectProps<Value>) {
  const { label, value, options, onChange, hint, error, name, isLabelHidden = false } = props;
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={isLabelHidden ? 'visually-hidden' : styles.label}>
        {label}
      </label>
      {hint && (
        <div id={`${id}-hint`} className={styles.hint}>
          {hint}
        </div>
      )}
      <div className={styles.selectBox}>
        <select
          id={id}
          name={name}
          value={value}
          className={cx(styles.control, styles.select)}
          aria-invalid={error ? true : undefined}
          aria-describedby={cx(hint && `${id}-hint`, error && `${id}-error`) || undefined}
          onChange={(event) => onChange(event.target.value as Value)}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
        <ChevronDown size={16} aria-hidden />
      </div>
      <FieldError id={`${id}-error`} message={error} />
    </div>
  );
}
