import { BadgeCheck } from 'lucide-react';

import type { GigCardFragment } from '../data/fragments.generated';
import { locale, texts } from '../texts';
import { Money } from '../ui/Money';
import { Skeleton } from '../ui/Skeleton';
import styles from './GigPage.module.css';
import type { FullGig } from './useGig';

const month = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'long' });

/** The price and the seller. `full` comes a moment after the rest. */
export const GigFacts = ({ gig, full }: { gig: GigCardFragment; full: FullGig | undefined }) => (
  <aside className={styles.facts}>
    <p className={styles.price}>
      <Money value={gig.price} />
    </p>
    <dl>
      <dt>{texts.gig.delivery}</dt>
      <dd>{texts.gig.days(gig.deliveryDays)}</dd>
      <dt>{texts.gig.revisions}</dt>
      <dd>{full ? texts.gig.revisionCount(full.revisions) : <Skeleton width="half" />}</dd>
      <dt>{texts.browse.category}</dt>
      <dd>{gig.category.name}</dd>
    </dl>
    <div className={styles.seller}>
      <strong dir="auto">{gig.seller.displayName}</strong>
      <span>{texts.common.level(gig.seller.level)}</span>
      {gig.seller.verified && (
        <span className={styles.verified}>
          <BadgeCheck size={16} aria-hidden />
          {texts.common.verified}
        </span>
      )}
      <span>{full ? texts.gig.memberSince(month.format(new Date(full.seller.memberSince))) : '\u00a0'}</span>
    </div>
  </aside>
);
