import { SlidersHorizontal } from 'lucide-react';
import { useMemo, useState } from 'react';

import { PageHeading } from '../app/PageHeading';
import { texts } from '../texts';
import { Button } from '../ui/Button';
import { Select } from '../ui/Select';
import styles from './BrowsePage.module.css';
import type { GigOrder } from './browse.generated';
import { FilterPanel } from './FilterPanel';
import { countChoices, orderOf, requestOf } from './filters';
import { GigList } from './GigList';
import { SearchBox } from './SearchBox';
import { useCounts } from './useCounts';
import { useFilters } from './useFilters';
import { useList } from './useList';

export default function BrowsePage() {
  const [filters, change] = useFilters();
  const [isOpen, setIsOpen] = useState(false);
  const { counts, refresh } = useCounts(filters);
  const request = useMemo(() => requestOf(filters), [filters]);
  const list = useList(request, refresh);
  const choices = countChoices(filters);
  const total = counts?.gigs.totalCount;

  const orders = (['RELEVANCE', 'NEWEST', 'OLDEST', 'PRICE_LOWEST', 'PRICE_HIGHEST'] as const)
    .filter((order) => order !== 'RELEVANCE' || filters.search.trim())
    .map((value) => ({ value, label: texts.browse.orders[value] }));

  return (
    <>
      <div className={styles.head}>
        <PageHeading title={texts.browse.title} />
        <SearchBox value={filters.search} onSearch={(search) => change({ search })} />
      </div>
      <div className={styles.columns}>
        <aside className={styles.filters} aria-label={texts.browse.filters} data-open={isOpen || undefined} id="filters">
          <FilterPanel filters={filters} counts={counts} onChange={change} />
          <Button look="main" onPress={() => setIsOpen(false)}>
            {texts.browse.showResults(total ?? 0)}
          </Button>
        </aside>
        <section className={styles.results} aria-label={texts.browse.title}>
          <div className={styles.tools}>
            <p className={styles.total} role="status">
              {total === undefined ? '\u00a0' : texts.browse.gigs(total)}
            </p>
            <div className={styles.toggle}>
              <Button aria-expanded={isOpen} aria-controls="filters" onPress={() => setIsOpen(!isOpen)}>
                <SlidersHorizontal size={16} aria-hidden />
                {choices > 0 ? texts.browse.filtersChosen(choices) : texts.browse.filters}
              </Button>
            </div>
            <div className={styles.order}>
              <Select<GigOrder>
                label={texts.browse.order}
                value={orderOf(filters)}
                options={orders}
                onChange={(order) => change({ order })}
                isLabelHidden
              />
            </div>
          </div>
          <GigList list={list} isFiltered={choices > 0 || filters.search !== ''} onClear={() => change({ search: '', categories: [], prices: [], tags: [] })} />
        </section>
      </div>
    </>
  );
}
