import { summarize } from '../data/errors';
import { texts } from '../texts';
import styles from './account.module.css';

/** An error of the whole form. */
export function FormError({ error, message }: { error: Error | undefined; message: string | undefined }) {
  if (!error && !message) return null;
  const summary = error && summarize(error);
  return (
    <div role="alert" className={styles.error}>
      <p>{message ?? summary?.message}</p>
      {summary?.requestId && (
        <p>
          {texts.errors.requestId}: <code>{summary.requestId}</code>
        </p>
      )}
    </div>
  );
}
