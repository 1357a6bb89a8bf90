import { MessageSquareWarning } from 'lucide-react';

import type { ReasonFragment } from '../data/fragments.generated';
import { texts } from '../texts';
import { fieldLabel } from './fieldLabel';
import styles from './Reasons.module.css';

/** The reasons of a decision, each with the field that it is about. */
export function Reasons({ reasons }: { reasons: readonly ReasonFragment[] }) {
  if (reasons.length === 0) return null;
  return (
    <dl className={styles.reasons} aria-label={texts.sell.reasons}>
      {reasons.map(({ code, field, message }) => (
        <div key={`${code} ${field?.join('.')}`} className={styles.reason}>
          <dt>
            <MessageSquareWarning size={14} aria-hidden />
            {fieldLabel(field)}
          </dt>
          <dd dir="auto">{message}</dd>
        </div>
      ))}
    </dl>
  );
}
