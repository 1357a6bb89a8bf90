import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';

import { readFilters, writeFilters, type Filters } from './filters';

/** The filters in the address of the page, and a function that changes some of them. */
export function useFilters(): [Filters, (changes: Partial<Filters>) => void] {
  const query = useSearch();
  const [, navigate] = useLocation();
  const filters = useMemo(() => readFilters(query), [query]);
  const change = (changes: Partial<Filters>) => {
    // The address, and not `filters`: another change may have come in between.
    const next = writeFilters({ ...readFilters(location.search), ...changes });
    navigate(next ? `/?${next}` : '/', { replace: true });
  };
  return [filters, change];
}
