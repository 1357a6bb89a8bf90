// One gig, live: for everybody while it is listed, and for its seller in every status.

import { useState } from 'react';
import { useQuery } from 'urql';

import { useSession } from '../app/session';
import { GigStatusChangedDocument } from '../data/gigStatus.generated';
import { useLive } from '../data/useLive';
import { useThrottled } from '../ui/useThrottled';
import { CatalogueChangedDocument, GigDocument, GigPreviewDocument, type GigQuery } from './browse.generated';

export type FullGig = NonNullable<GigQuery['gig']>;

export function useGig(id: string) {
  const { user } = useSession();
  const [{ data, error, fetching, operation }, reexecute] = useQuery({
    query: GigDocument,
    variables: { id },
    requestPolicy: 'cache-and-network',
  });
  const [preview] = useQuery({ query: GigPreviewDocument, variables: { id }, requestPolicy: 'cache-only' });
  const [last, setLast] = useState<FullGig>();
  const current = data?.gig?.id === id ? data.gig : undefined;
  if (current && current !== last) setLast(current);

  const reload = () => reexecute({ requestPolicy: 'network-only' });
  const reloadSoon = useThrottled(reload, 1000);
  const query = data ? operation : undefined;
  const isOwn = current !== undefined && current.seller.id === user?.id;
  const hasFailed = useLive({
    query,
    document: CatalogueChangedDocument,
    variables: { gigIds: [id] },
    // An event has what a card shows. The rest can have changed, too, and what the viewer may see.
    onEvent: ({ catalogueChanged }) => catalogueChanged.change !== 'UPDATED' && reloadSoon(),
    reload,
  });
  useLive({
    query,
    document: GigStatusChangedDocument,
    variables: { gigId: id },
    onEvent: reloadSoon,
    reload,
    isPaused: !isOwn,
  });

  const shown = current ?? (last?.id === id ? last : undefined);
  return {
    gig: shown,
    preview: shown ?? (data ? undefined : preview.data?.gig) ?? undefined,
    /** It was here, and is not offered any more. */
    isGone: data !== undefined && !current && shown !== undefined,
    isMissing: data !== undefined && !shown && !fetching,
    isOwn,
    error: data ? undefined : error,
    hasFailed,
    reload,
  };
}
