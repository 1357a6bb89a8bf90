// One list of gigs: its first page, the changes that arrive, and the new gigs that wait.

import { useEffect } from 'react';
import { useClient, useQuery } from 'urql';

import { useLive } from '../data/useLive';
import { useStable } from '../ui/useStable';
import {
  BrowseGigsDocument, CatalogueChangedDocument, type BrowseGigsQueryVariables, type CatalogueChangedSubscription,
} from './browse.generated';
import type { ListRequest } from './filters';
import { useListState, withId, withoutId } from './listState';
import { useMatches } from './useMatches';

export const PAGE_SIZE = 24;
export const MARKED_MS = 2000;

/**
 * `shown` is the request whose gigs are shown: while another list is being loaded, the previous one stays.
 * `onCounts` is called when counts may have changed.
 */
export function useList(wanted: ListRequest, onCounts: () => void) {
  const client = useClient();
  const variables = useStable<BrowseGigsQueryVariables>({ ...wanted, first: PAGE_SIZE, after: null });
  const [result, reexecute] = useQuery({ query: BrowseGigsDocument, variables });
  const operation = result.data ? result.operation : undefined;
  const { where = null, search = null, orderBy } = (operation?.variables ?? variables) as BrowseGigsQueryVariables;
  const shown = useStable<ListRequest>({ where, search, orderBy });
  const [state, change] = useListState(shown);
  const { marked } = state;

  const reload = () => {
    reexecute({ requestPolicy: 'network-only' });
    onCounts();
  };
  const findMatches = useMatches(shown, (id) => change(({ waiting }) => ({ waiting: withId(waiting, id) })));

  function onEvent({ catalogueChanged }: CatalogueChangedSubscription) {
    const { change: kind, gigId, gig } = catalogueChanged;
    onCounts();
    if (!gig) {
      change(({ waiting }) => ({ waiting: withoutId(waiting, gigId) }));
    } else if (kind === 'UPDATED') {
      change((current) => ({ marked: withId(current.marked, gigId) }));
    } else if (shown.search) {
      findMatches(gig);
    } else {
      change(({ waiting }) => ({ waiting: withId(waiting, gigId) }));
    }
  }

  const hasFailed = useLive({
    query: operation,
    document: CatalogueChangedDocument,
    variables: { where: shown.where ?? null },
    onEvent,
    reload,
  });

  useEffect(() => {
    if (marked.size === 0) return undefined;
    const timer = setTimeout(() => change(() => ({ marked: new Set() })), MARKED_MS);
    return () => clearTimeout(timer);
  }, [marked, change]);

  /** Reads the first page again, with the new gigs. They are marked. */
  async function showNew() {
    const { data } = await client.query(BrowseGigsDocument, variables, { requestPolicy: 'network-only' }).toPromise();
    if (!data) return; // the pill stays
    change(({ waiting }) => ({ starts: [null], waiting: new Set(), marked: waiting }));
  }

  return { result, shown, state, change, showNew, reload, hasFailed };
}
