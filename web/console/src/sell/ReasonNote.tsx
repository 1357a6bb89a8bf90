import { MessageSquareWarning } from 'lucide-react';

import { texts } from '../texts';
import styles from './ReasonNote.module.css';

/** What the reviewer has said about a field. */
export const ReasonNote = ({ message }: { message: string | undefined }) =>
  message ? (
    <p className={styles.note}>
      <MessageSquareWarning size={14} aria-hidden />
      <span dir="auto">
        {texts.form.reason}: {message}
      </span>
    </p>
  ) : null;
