import type { ReactNode } from 'react';

import { cx } from './cx';
import styles from './Panel.module.css';

/** A part of a page with a border. `tone` is for messages. */
export const Panel = ({ children, tone = 'plain', label }: { children: ReactNode; tone?: 'plain' | 'notice' | 'warning'; label?: string }) => (
  <section className={cx(styles.panel, styles[tone])} aria-label={label}>
    {children}
  </section>
);
