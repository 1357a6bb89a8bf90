import { useRef } from 'react';

import { texts } from '../texts';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { Panel } from '../ui/Panel';
import { Pill } from '../ui/Pill';
import { announce } from '../ui/toasts';
import { CardSkeleton } from './GigCard';
import styles from './GigList.module.css';
import { Cards, NextPage } from './pages';
import { keyOf } from './listState';
import { More } from '../ui/More';
import { PAGE_SIZE, type useList } from './useList';

interface GigListProps {
  list: ReturnType<typeof useList>;
  /** Whether the user has made choices that could have excluded every gig. */
  isFiltered: boolean;
  onClear: () => void;
}

export function GigList({ list, isFiltered, onClear }: GigListProps) {
  const { result, shown, state, change, showNew, reload, hasFailed } = list;
  const { data, error, fetching } = result;
  const grid = useRef<HTMLUListElement>(null);
  if (!data) return error ? <ErrorState error={error} onRetry={reload} /> : <ListSkeleton />;

  const { edges, pageInfo } = data.gigs;
  const shownIds = new Set(edges.map(({ node }) => node.id));
  const waiting = [...state.waiting].filter((id) => !shownIds.has(id)).length;
  const isOnePage = state.starts.length === 1;
  const addPage = (after: string | null | undefined) =>
    change(({ starts }) => (after && !starts.includes(after) ? { starts: [...starts, after] } : {}));
  const onPill = () =>
    void showNew().then(() => {
      announce(texts.browse.newGigs(waiting));
      scrollTo({ top: 0 });
    });

  return (
    <div aria-busy={fetching}>
      {hasFailed && (
        <Panel tone="warning">
          <p role="alert">{texts.errors.live}</p>
        </Panel>
      )}
      <div role="status" className={styles.announced}>
        {waiting > 0 && (
          <Pill label={texts.browse.showNew(waiting)} onPress={onPill}>
            {texts.browse.newGigs(waiting)}
          </Pill>
        )}
      </div>
      <ul ref={grid} className={styles.grid} data-stale={fetching || undefined}>
        <Cards edges={edges} resetKey={`${keyOf(shown)} ${pageInfo.endCursor}`} marked={state.marked} grid={grid} isFirst />
        {state.starts.slice(1).map((after) => (
          <NextPage key={after} request={shown} after={after} marked={state.marked} grid={grid} onMore={after === state.starts.at(-1) ? addPage : undefined} />
        ))}
      </ul>
      {isOnePage && edges.length === 0 && !fetching && <Nothing isFiltered={isFiltered} onClear={onClear} />}
      {isOnePage && pageInfo.hasNextPage && <More onMore={() => addPage(pageInfo.endCursor)} />}
    </div>
  );
}

const Nothing = ({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) =>
  isFiltered ? (
    <EmptyState title={texts.browse.emptyTitle} action={<Button onPress={onClear}>{texts.browse.clearFilters}</Button>}>
      {texts.browse.emptyHint}
    </EmptyState>
  ) : (
    <EmptyState title={texts.browse.noneTitle}>{texts.browse.noneHint}</EmptyState>
  );

const ListSkeleton = () => (
  <ul className={styles.grid} aria-busy aria-label={texts.common.loading}>
    {Array.from({ length: PAGE_SIZE }, (_, index) => (
      <CardSkeleton key={index} />
    ))}
  </ul>
);
