import { useQuery } from 'urql';

import { useStable } from '../ui/useStable';
import { useThrottled } from '../ui/useThrottled';
import { BrowseCountsDocument } from './browse.generated';
import { whereOf, type Filters } from './filters';

const INTERVAL_MS = 2000;

/** The counts of the filters. Reads them again when the list has changed, at most every two seconds. */
export function useCounts({ search, categories, prices, tags }: Filters) {
  const variables = useStable({
    search: search.trim() || null,
    where: whereOf({ categories, prices, tags }),
    whereAnyCategory: whereOf({ prices, tags }),
    whereAnyPrice: whereOf({ categories, tags }),
  });
  const [{ data }, reexecute] = useQuery({ query: BrowseCountsDocument, variables, requestPolicy: 'cache-and-network' });
  const refresh = useThrottled(() => reexecute({ requestPolicy: 'network-only' }), INTERVAL_MS);
  return { counts: data, refresh };
}
