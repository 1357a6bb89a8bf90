import type { ReactNode } from 'react';

import { texts } from '../texts';
import { AccountMenu } from './AccountMenu';
import { EndedSession } from './EndedSession';
import type { Feature } from './feature';
import { Navigation } from './Navigation';
import styles from './Shell.module.css';

/** What is around every page: the navigation at the left, or at the bottom of a phone. */
export const Shell = ({ features, children }: { features: readonly Feature[]; children: ReactNode }) => (
  <div className={styles.shell}>
    <a href="#content" className={styles.skip}>
      {texts.app.skip}
    </a>
    <header className={styles.rail}>
      <p className={styles.brand}>{texts.product}</p>
      <Navigation features={features} />
      <AccountMenu />
    </header>
    <main id="content" className={styles.content} tabIndex={-1}>
      <EndedSession />
      {children}
    </main>
  </div>
);
