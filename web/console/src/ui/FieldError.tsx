import { CircleAlert } from 'lucide-react';

import styles from './Field.module.css';

/** The error of a field. The field names it in `aria-describedby`. */
export const FieldError = ({ id, message }: { id: string; message: string | undefined }) =>
  message ? (
    <p id={id} className={styles.error}>
      <CircleAlert size={14} aria-hidden />
      <span dir="auto">{message}</span>
    </p>
  ) : null;
