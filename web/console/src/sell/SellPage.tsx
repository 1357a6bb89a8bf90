import { Plus } from 'lucide-react';
import { useLocation, useSearch } from 'wouter';

import { PageHeading } from '../app/PageHeading';
import { texts } from '../texts';
import { ButtonLink } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { Panel } from '../ui/Panel';
import { Tabs } from '../ui/Tabs';
import { NextOwnGigs } from './NextOwnGigs';
import { OwnGigRow, OwnGigSkeleton } from './OwnGigRow';
import styles from './SellPage.module.css';
import { TABS, type TabId } from './statuses';
import { useOwnGigs } from './useOwnGigs';

export default function SellPage() {
  const [tab, selectTab] = useTab();
  const { result, counts, refreshCounts, changed, reload, hasFailed } = useOwnGigs(tab);
  // The gigs of the previous tab are not those of this one.
  const isOfTab = result.operation?.variables?.status?.[0] === (tab === 'ALL' ? undefined : tab);
  const data = isOfTab ? result.data : undefined;
  const list = data?.viewer?.gigs;
  const tabs = TABS.map((id) => ({
    id,
    label: id === 'ALL' ? texts.sell.all : texts.sell.statuses[id],
    count: counts[id],
  }));
  return (
    <>
      <div className={styles.head}>
        <PageHeading title={texts.sell.title} />
        <ButtonLink href="/sell/new" look="main">
          <Plus size={18} aria-hidden />
          {texts.sell.post}
        </ButtonLink>
      </div>
      {hasFailed && (
        <Panel tone="warning">
          <p role="alert">{texts.errors.live}</p>
        </Panel>
      )}
      <Tabs label={texts.sell.tabs} tabs={tabs} selected={tab} onSelect={selectTab}>
        {!list && result.error && <ErrorState error={result.error} onRetry={reload} />}
        {!list && !result.error && (
          <ul className={styles.rows} aria-busy aria-label={texts.common.loading}>
            {[0, 1, 2].map((index) => (
              <OwnGigSkeleton key={index} />
            ))}
          </ul>
        )}
        {list?.edges.length === 0 && <Nothing isAll={tab === 'ALL'} />}
        {list && list.edges.length > 0 && (
          <ul className={styles.rows}>
            {list.edges.map(({ node }) => (
              <OwnGigRow key={node.id} gig={node} isChanged={changed === `${node.id} ${node.version}`} onDone={refreshCounts} />
            ))}
            {list.pageInfo.hasNextPage && list.pageInfo.endCursor && (
              <NextOwnGigs key={`${tab} ${list.pageInfo.endCursor}`} tab={tab} after={list.pageInfo.endCursor} changed={changed} onDone={refreshCounts} />
            )}
          </ul>
        )}
      </Tabs>
    </>
  );
}

const Nothing = ({ isAll }: { isAll: boolean }) =>
  isAll ? (
    <EmptyState title={texts.sell.emptyTitle}>{texts.sell.emptyHint}</EmptyState>
  ) : (
    <p className={styles.none}>{texts.sell.emptyTab}</p>
  );

/** The tab is in the address, so that it is there again after a reload or on the way back. */
function useTab(): [TabId, (tab: TabId) => void] {
  const search = useSearch();
  const [, navigate] = useLocation();
  const status = new URLSearchParams(search).get('status');
  const selected = TABS.find((tab) => tab === status) ?? 'ALL';
  const select = (tab: TabId) => {
    if (tab !== selected) navigate(tab === 'ALL' ? '/sell' : `/sell?status=${tab}`, { replace: true });
  };
  return [selected, select];
}
