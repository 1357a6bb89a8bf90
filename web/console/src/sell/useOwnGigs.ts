// The viewer's own gigs in one tab, live.

import { useState } from 'react';
import { useQuery } from 'urql';

import { GigStatusChangedDocument, type GigStatusChangedSubscription } from '../data/gigStatus.generated';
import { useLive } from '../data/useLive';
import { texts } from '../texts';
import { announce } from '../ui/toasts';
import { useThrottled } from '../ui/useThrottled';
import { OwnGigCountsDocument, OwnGigsDocument, type OwnGigCountsQuery } from './sell.generated';
import { PAGE_SIZE, statusesOf, type TabId } from './statuses';

const COUNTS_INTERVAL_MS = 500;

export function useOwnGigs(tab: TabId) {
  const [result, reexecute] = useQuery({
    query: OwnGigsDocument,
    variables: { status: statusesOf(tab), first: PAGE_SIZE, after: null },
  });
  const [counts, readCounts] = useQuery({ query: OwnGigCountsDocument, requestPolicy: 'cache-and-network' });
  const refreshCounts = useThrottled(() => readCounts({ requestPolicy: 'network-only' }), COUNTS_INTERVAL_MS);
  const [changed, setChanged] = useState<string>();

  function onEvent({ gigStatusChanged: { gigId, gig, status } }: GigStatusChangedSubscription) {
    refreshCounts();
    if (!gig) return;
    setChanged(`${gigId} ${gig.version}`);
    announce(texts.sell.becameStatus(gig.title, texts.sell.statuses[status]));
  }

  const reload = () => {
    reexecute({ requestPolicy: 'network-only' });
    refreshCounts();
  };
  const hasFailed = useLive({
    query: result.data ? result.operation : undefined,
    document: GigStatusChangedDocument,
    variables: {},
    onEvent,
    reload,
  });
  return { result, counts: toCounts(counts.data), refreshCounts, changed, reload, hasFailed };
}

function toCounts(data: OwnGigCountsQuery | undefined): Partial<Record<TabId, number>> {
  const viewer = data?.viewer;
  if (!viewer) return {};
  return {
    ALL: viewer.all.totalCount,
    DRAFT: viewer.draft.totalCount,
    IN_REVIEW: viewer.inReview.totalCount,
    ACTIVE: viewer.active.totalCount,
    PAUSED: viewer.paused.totalCount,
    REJECTED: viewer.rejected.totalCount,
    SUSPENDED: viewer.suspended.totalCount,
    ARCHIVED: viewer.archived.totalCount,
  };
}
