import styles from './Skeleton.module.css';
import { cx } from './cx';

/** The place of a text or a picture that is being loaded. */
export const Skeleton = ({ shape = 'line', width }: { shape?: 'line' | 'title' | 'picture' | 'block'; width?: 'short' | 'half' | 'full' }) => (
  <span className={cx(styles.skeleton, styles[shape], width && styles[width])} aria-hidden />
);
