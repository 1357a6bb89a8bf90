// The pages of a list. Each reads its own part of the list, and all are in one grid.

import { useMemo, type RefObject } from 'react';
import { useQuery } from 'urql';

import { texts } from '../texts';
import { ErrorState } from '../ui/ErrorState';
import { BrowseGigsDocument, type BrowseGigsQuery } from './browse.generated';
import type { ListRequest } from './filters';
import { CardSkeleton, GigCard, GoneCard } from './GigCard';
import styles from './GigList.module.css';
import { More } from '../ui/More';
import { useDepartures } from './useDepartures';
import { PAGE_SIZE } from './useList';

const FIRST_IN_VIEW = 8;

interface CardsProps {
  edges: BrowseGigsQuery['gigs']['edges'];
  /** Another one if the page was read again. */
  resetKey: string;
  marked: ReadonlySet<string>;
  grid: RefObject<HTMLElement | null>;
  isFirst?: boolean;
}

export function Cards({ edges, resetKey, marked, grid, isFirst = false }: CardsProps) {
  const gigs = useMemo(() => edges.map(({ node }) => node), [edges]);
  const shown = useDepartures(gigs, resetKey, grid);
  return shown.map((item, index) =>
    'isGone' in item ? (
      <GoneCard key={item.id} />
    ) : (
      <GigCard key={item.id} gig={item} isFirst={isFirst && index < FIRST_IN_VIEW} isMarked={marked.has(item.id)} />
    ),
  );
}

interface NextPageProps extends Pick<CardsProps, 'marked' | 'grid'> {
  request: ListRequest;
  after: string | null;
  /** Undefined if this is not the last page. */
  onMore: ((after: string | null | undefined) => void) | undefined;
}

export function NextPage({ request, after, onMore, ...cards }: NextPageProps) {
  const variables = { ...request, first: PAGE_SIZE, after };
  const [{ data, error, fetching }, reload] = useQuery({ query: BrowseGigsDocument, variables });
  if (!data && error) {
    return (
      <li className={styles.whole}>
        <ErrorState error={error} onRetry={() => reload({ requestPolicy: 'network-only' })} />
      </li>
    );
  }
  if (!data) return Array.from({ length: 8 }, (_, index) => <CardSkeleton key={index} />);
  const { edges, pageInfo } = data.gigs;
  return (
    <>
      <Cards {...cards} edges={edges} resetKey={pageInfo.endCursor ?? ''} />
      {onMore && (
        <li className={styles.whole}>
          {pageInfo.hasNextPage ? (
            <More onMore={() => onMore(pageInfo.endCursor)} isLoading={fetching} />
          ) : (
            <p className={styles.end}>{texts.browse.end}</p>
          )}
        </li>
      )}
    </>
  );
}
