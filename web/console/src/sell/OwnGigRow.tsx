import { Link } from 'wouter';

import type { OwnGigFragment } from '../data/fragments.generated';
import { texts } from '../texts';
import { cx } from '../ui/cx';
import { Money } from '../ui/Money';
import { Picture } from '../ui/Picture';
import { RelativeTime } from '../ui/RelativeTime';
import { Skeleton } from '../ui/Skeleton';
import { StatusChip } from '../ui/StatusChip';
import { OwnGigActions } from './OwnGigActions';
import styles from './OwnGigRow.module.css';
import { Reasons } from './Reasons';
import { useMark } from '../ui/useMark';

interface OwnGigRowProps {
  gig: OwnGigFragment;
  /** Whether an event has just changed it. */
  isChanged: boolean;
  onDone: () => void;
}

export function OwnGigRow({ gig, isChanged, onDone }: OwnGigRowProps) {
  const isMarked = useMark(isChanged);
  const title = gig.title || texts.sell.untitled;
  return (
    <li className={cx(styles.row, isMarked && styles.marked)} data-gig={gig.id}>
      <div className={styles.picture}>
        <Picture picture={gig.images[0]} sizes="144px" />
      </div>
      <div className={styles.main}>
        <h2 className={styles.title} dir="auto">
          {gig.status === 'DRAFT' ? title : <Link href={`/gigs/${gig.id}`}>{title}</Link>}
        </h2>
        <p className={styles.facts}>
          <StatusChip status={gig.status} />
          <span>
            <Money value={gig.price} />
          </span>
          <span>{gig.category.name}</span>
          {gig.reviewDueAt && (
            <span>
              {texts.sell.reviewDue} <RelativeTime at={gig.reviewDueAt} />
            </span>
          )}
        </p>
        <Reasons reasons={gig.reviewReasons} />
      </div>
      <OwnGigActions gig={gig} onDone={onDone} />
    </li>
  );
}

export const OwnGigSkeleton = () => (
  <li className={styles.row} aria-hidden>
    <div className={styles.picture}>
      <Skeleton shape="picture" />
    </div>
    <div className={styles.main}>
      <Skeleton shape="title" width="half" />
      <Skeleton width="short" />
    </div>
  </li>
);
