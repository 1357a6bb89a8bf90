import { useId, type ComponentProps, type ReactNode } from 'react';

import { texts } from '../texts';
import { codePoints } from './codePoints';
import { cx } from './cx';
import styles from './Field.module.css';
import { FieldError } from './FieldError';

type Native = Pick<
  ComponentProps<'input'>,
  'autoComplete' | 'inputMode' | 'placeholder' | 'onBlur' | 'onKeyDown' | 'type' | 'required' | 'spellCheck' | 'disabled' | 'enterKeyHint'
>;

interface TextFieldProps extends Native {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  error?: string | undefined;
  /** Shows how many characters remain. A longer text can be typed, and the counter says so. */
  maxChars?: number | undefined;
  isMultiline?: boolean;
  /** The label is for screen readers alone. */
  isLabelHidden?: boolean;
  /** The path of the field in the errors of the gateway. */
  name?: string;
}

export function TextField(props: TextFieldProps) {
  const { label, value, onChange, hint, error, maxChars, isMultiline = false, isLabelHidden = false, name, ...native } = props;
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`, maxChars !== undefined && `${id}-count`];
  const control = {
    ...native,
    id,
    name,
    value,
    className: styles.control,
    dir: 'auto' as const,
    'aria-invalid': error ? true : undefined,
    'aria-describedby': cx(...described) || undefined,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
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
      {isMultiline ? <textarea {...(control as ComponentProps<'textarea'>)} rows={7} /> : <input {...control} />}
      {(error || maxChars !== undefined) && (
        <div className={styles.below}>
          <FieldError id={`${id}-error`} message={error} />
          {maxChars !== undefined && <Counter id={`${id}-count`} remaining={maxChars - codePoints(value)} />}
        </div>
      )}
    </div>
  );
}

const Counter = ({ id, remaining }: { id: string; remaining: number }) => (
  <span id={id} className={cx(styles.counter, remaining < 0 && styles.over)}>
    {texts.common.remaining(remaining)}
  </span>
);
