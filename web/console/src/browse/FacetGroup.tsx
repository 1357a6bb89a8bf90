import type { ReactNode } from 'react';

import { texts } from '../texts';
import { cx } from '../ui/cx';
import styles from './FacetGroup.module.css';

export interface FacetOption {
  value: string;
  label: string;
  count: number;
}

interface FacetGroupProps {
  label: string;
  options: readonly FacetOption[];
  chosen: readonly string[];
  onToggle: (value: string) => void;
  look?: 'list' | 'chips';
  children?: ReactNode;
}

/** Check boxes, each with the number of gigs that it finds. */
export const FacetGroup = ({ label, options, chosen, onToggle, look = 'list', children }: FacetGroupProps) => (
  <fieldset className={cx(styles.group, styles[look])}>
    <legend>{label}</legend>
    {options.map((option) => {
      const isChosen = chosen.includes(option.value);
      return (
        <label key={option.value} className={styles.option} data-empty={option.count === 0 || undefined}>
          <input type="checkbox" checked={isChosen} onChange={() => onToggle(option.value)} />
          <span className={styles.name} dir="auto">
            {option.label}
          </span>
          <span className={styles.count}>{texts.number(option.count)}</span>
        </label>
      );
    })}
    {children}
  </fieldset>
);
