import { Plus, X } from 'lucide-react';

import { texts } from '../texts';
import { Button, IconButton } from '../ui/Button';
import { FieldError } from '../ui/FieldError';
import { TextField } from '../ui/TextField';
import styles from './LinksField.module.css';
import { ReasonNote } from './ReasonNote';

interface LinksFieldProps {
  links: readonly string[];
  max: number;
  errors: Readonly<Record<string, string>>;
  reasons: Readonly<Record<string, string>>;
  onChange: (links: readonly string[]) => void;
}

export const LinksField = ({ links, max, errors, reasons, onChange }: LinksFieldProps) => (
  <fieldset className={styles.field}>
    <legend>{texts.form.links(max)}</legend>
    <p className={styles.hint}>{texts.form.linksHint}</p>
    <ReasonNote message={reasons.links} />
    <FieldError id="links-error" message={errors.links} />
    {links.map((link, index) => (
      <div key={index} className={styles.row}>
        <TextField
          label={texts.form.link(index + 1)}
          isLabelHidden
          name={`links.${index}`}
          type="url"
          inputMode="url"
          placeholder="https://"
          spellCheck={false}
          value={link}
          error={errors[`links.${index}`]}
          hint={reasons[`links.${index}`] && <ReasonNote message={reasons[`links.${index}`]} />}
          onChange={(value) => onChange(links.with(index, value))}
        />
        {links.length > 1 && (
          <IconButton label={texts.form.removeLink(index + 1)} onPress={() => onChange(links.toSpliced(index, 1))}>
            <X size={18} aria-hidden />
          </IconButton>
        )}
      </div>
    ))}
    {links.length < max && (
      <div>
        <Button isSmall onPress={() => onChange([...links, ''])}>
          <Plus size={16} aria-hidden />
          {texts.form.addLink}
        </Button>
      </div>
    )}
  </fieldset>
);
