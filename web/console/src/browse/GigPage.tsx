import { ArrowLeft } from 'lucide-react';
import type { MouseEvent } from 'react';
import { Link } from 'wouter';

import type { PageProps } from '../app/feature';
import { PageHeading } from '../app/PageHeading';
import { texts } from '../texts';
import { ButtonLink } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { Panel } from '../ui/Panel';
import { Skeleton } from '../ui/Skeleton';
import { StatusChip } from '../ui/StatusChip';
import { GigFacts } from './GigFacts';
import { GigGallery } from './GigGallery';
import styles from './GigPage.module.css';
import { GigText } from './GigText';
import { useGig } from './useGig';

export default function GigPage({ params: { id = '' } }: PageProps) {
  const { gig, preview, isGone, isMissing, isOwn, error, hasFailed, reload } = useGig(id);
  if (error) return <ErrorState error={error} onRetry={reload} />;
  if (isMissing) {
    return (
      <>
        <Back />
        <PageHeading title={texts.gig.missingTitle} />
        <EmptyState title={texts.gig.missingHint} action={<ButtonLink href="/">{texts.gig.back}</ButtonLink>} />
      </>
    );
  }
  return (
    <>
      <Back />
      {isGone && (
        <Panel tone="warning">
          <p role="status">{texts.gig.gone}</p>
        </Panel>
      )}
      {hasFailed && (
        <Panel tone="warning">
          <p role="alert">{texts.errors.live}</p>
        </Panel>
      )}
      {isOwn && gig && (
        <div className={styles.own}>
          <span>{texts.gig.own}</span>
          <StatusChip status={gig.status} />
          <Link href="/sell">{texts.gig.toOwn}</Link>
        </div>
      )}
      {preview ? (
        <article className={styles.gig} data-gone={isGone || undefined}>
          <GigGallery pictures={gig?.images ?? preview.images} title={preview.title} />
          <div className={styles.head}>
            <PageHeading key={id} title={preview.title} />
          </div>
          <GigFacts gig={preview} full={gig} />
          {gig ? <GigText gig={gig} /> : <Skeleton shape="block" />}
        </article>
      ) : (
        <GigSkeleton />
      )}
    </>
  );
}

const Back = () => (
  <p className={styles.back}>
    <Link href="/" onClick={goBack}>
      <ArrowLeft size={16} aria-hidden />
      {texts.gig.back}
    </Link>
  </p>
);

/** Back to the list as it was, if the user came from there. */
function goBack(event: MouseEvent): void {
  const isPlain = !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0;
  if (!isPlain || !(history.state as { fromList?: boolean } | null)?.fromList) return;
  event.preventDefault();
  history.back();
}

const GigSkeleton = () => (
  <div className={styles.gig} aria-busy>
    <Skeleton shape="picture" />
    <div className={styles.head}>
      <Skeleton shape="title" width="full" />
    </div>
    <div className={styles.facts}>
      <Skeleton shape="block" />
    </div>
    <Skeleton shape="block" />
  </div>
);
