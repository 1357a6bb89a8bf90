import type { ReactNode } from 'react';

import styles from './States.module.css';

/** What a list shows if it is empty: what belongs there, and the first step. */
export const EmptyState = ({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) => (
  <div className={styles.state}>
    <h2>{title}</h2>
    {children && <p>{children}</p>}
    {action}
  </div>
);
