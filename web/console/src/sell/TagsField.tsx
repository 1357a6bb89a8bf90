import { X } from 'lucide-react';
import { useId, useState, type KeyboardEvent } from 'react';

import { texts } from '../texts';
import { Button } from '../ui/Button';
import { FieldError } from '../ui/FieldError';
import { TextField } from '../ui/TextField';
import { ReasonNote } from './ReasonNote';
import styles from './TagsField.module.css';

interface TagsFieldProps {
  tags: readonly string[];
  max: number;
  maxChars: number;
  errors: Readonly<Record<string, string>>;
  reason: string | undefined;
  onChange: (tags: readonly string[]) => void;
}

const isSame = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

export function TagsField({ tags, max, maxChars, errors, reason, onChange }: TagsFieldProps) {
  const [text, setText] = useState('');
  const id = useId();

  const add = (typed: string) => {
    const added = typed.split(',').map((tag) => tag.trim()).filter(Boolean);
    const news = added.filter((tag, index) => ![...tags, ...added.slice(0, index)].some((other) => isSame(other, tag)));
    if (news.length > 0) onChange([...tags, ...news]);
    setText('');
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault();
      add(text);
    } else if (event.key === 'Backspace' && text === '' && tags.length > 0) {
      onChange(tags.slice(0, -1));
    }
  };
  return (
    <fieldset className={styles.field}>
      <legend>{texts.form.tags(max)}</legend>
      <ReasonNote message={reason} />
      {tags.length > 0 && (
        <ul className={styles.tags}>
          {tags.map((tag, index) => {
            const error = errors[`tags.${index}`];
            return (
              <li key={tag} className={styles.tag} data-invalid={error ? true : undefined}>
                <span dir="auto">{tag}</span>
                <button
                  type="button"
                  aria-label={texts.form.removeTag(tag)}
                  aria-invalid={error ? true : undefined}
                  aria-describedby={error && `${id}-${index}`}
                  onClick={() => onChange(tags.toSpliced(index, 1))}
                >
                  <X size={14} aria-hidden />
                </button>
                <FieldError id={`${id}-${index}`} message={error} />
              </li>
            );
          })}
        </ul>
      )}
      <div className={styles.row}>
        <TextField
          label={texts.form.tagsName}
          isLabelHidden
          name="tags"
          hint={texts.form.tagsHint}
          value={text}
          error={errors.tags}
          enterKeyHint="enter"
          onChange={(typed) => (typed.includes(',') ? add(typed) : setText([...typed].slice(0, maxChars + 20).join('')))}
          onKeyDown={onKeyDown}
          onBlur={() => text.trim() && add(text)}
        />
        <Button onPress={() => add(text)} isDisabled={!text.trim()}>
          {texts.form.addTag}
        </Button>
      </div>
    </fieldset>
  );
}
