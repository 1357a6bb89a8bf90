import { BadgeCheck } from 'lucide-react';
import { Link } from 'wouter';

import type { GigCardFragment } from '../data/fragments.generated';
import { texts } from '../texts';
import { cx } from '../ui/cx';
import { Money } from '../ui/Money';
import { Picture } from '../ui/Picture';
import { Skeleton } from '../ui/Skeleton';
import styles from './GigCard.module.css';

export const CARD_SIZES = '(width < 560px) 50vw, (width < 800px) 33vw, 260px';

interface GigCardProps {
  gig: GigCardFragment;
  /** Whether it is in view at first. */
  isFirst: boolean;
  /** Whether it is new or has just changed. */
  isMarked: boolean;
}

export const GigCard = ({ gig, isFirst, isMarked }: GigCardProps) => (
  <li className={cx(styles.card, isMarked && styles.marked)} data-gig={gig.id}>
    <Picture picture={gig.images[0]} sizes={CARD_SIZES} isFirst={isFirst} />
    <div className={styles.body}>
      <h2 className={styles.title} dir="auto">
        <Link href={`/gigs/${gig.id}`} state={{ fromList: true }} className={styles.link ?? ''}>
          {gig.title}
        </Link>
      </h2>
      <p className={styles.seller}>
        <bdi>{gig.seller.displayName}</bdi>
        {gig.seller.verified && <BadgeCheck size={14} role="img" aria-label={texts.common.verified} />}
        <span>{texts.common.level(gig.seller.level)}</span>
      </p>
      <p className={styles.facts}>
        <strong>
          <Money value={gig.price} />
        </strong>
        <span>{texts.browse.delivery(gig.deliveryDays)}</span>
      </p>
    </div>
  </li>
);

/** The place of a gig that has just left. */
export const GoneCard = () => (
  <li className={cx(styles.card, styles.gone)}>
    <p>{texts.browse.gone}</p>
  </li>
);

export const CardSkeleton = () => (
  <li className={styles.card} aria-hidden>
    <Skeleton shape="picture" />
    <div className={styles.body}>
      <div className={styles.title}>
        <Skeleton width="full" />
        <Skeleton width="half" />
      </div>
      <Skeleton width="half" />
      <Skeleton width="short" />
    </div>
  </li>
);
