import { useState } from 'react';

import { texts } from '../texts';
import { Button } from '../ui/Button';
import { formatMoney } from '../ui/Money';
import { Skeleton } from '../ui/Skeleton';
import type { BrowseCountsQuery } from './browse.generated';
import { FacetGroup, type FacetOption } from './FacetGroup';
import styles from './FilterPanel.module.css';
import { countChoices, toggled, type Filters } from './filters';

interface FilterPanelProps {
  filters: Filters;
  counts: BrowseCountsQuery | undefined;
  onChange: (changes: Partial<Filters>) => void;
}

const SHOWN_CATEGORIES = 8;

export function FilterPanel({ filters, counts, onChange }: FilterPanelProps) {
  const [showsAll, setShowsAll] = useState(false);
  if (!counts) return <FilterSkeleton />;
  const categories = withChosen(
    counts.byCategory.facets.categories.map(({ category, count }) => ({ value: category.slug, label: category.name, count })),
    filters.categories,
  );
  const shown = showsAll ? categories : categories.filter(({ value }, index) => index < SHOWN_CATEGORIES || filters.categories.includes(value));
  const prices = counts.byPrice.facets.priceRanges.map(({ minimum, maximum, count }) => ({
    value: `${minimum.amount}-${maximum?.amount ?? ''}`,
    label: maximum ? `${formatMoney(minimum)} – ${formatMoney(maximum)}` : `${formatMoney(minimum)} +`,
    count,
  }));
  const tags = withChosen(
    counts.gigs.facets.tags.map(({ tag, count }) => ({ value: tag, label: tag, count })),
    filters.tags,
  );
  return (
    <div className={styles.panel}>
      <FacetGroup
        label={texts.browse.category}
        options={shown}
        chosen={filters.categories}
        onToggle={(slug) => onChange({ categories: toggled(filters.categories, slug) })}
      >
        {categories.length > SHOWN_CATEGORIES && (
          <Button look="plain" isSmall aria-expanded={showsAll} onPress={() => setShowsAll(!showsAll)}>
            {showsAll ? texts.browse.fewerCategories : texts.browse.moreCategories(categories.length)}
          </Button>
        )}
      </FacetGroup>
      <FacetGroup
        label={texts.browse.price}
        options={prices}
        chosen={filters.prices}
        onToggle={(range) => onChange({ prices: toggled(filters.prices, range) })}
      />
      <FacetGroup
        label={texts.browse.tags}
        options={tags}
        chosen={filters.tags}
        onToggle={(tag) => onChange({ tags: toggled(filters.tags, tag) })}
        look="chips"
      />
      {countChoices(filters) > 0 && (
        <Button onPress={() => onChange({ categories: [], prices: [], tags: [] })}>{texts.browse.clearFilters}</Button>
      )}
    </div>
  );
}

/** What is chosen stays in the list, even if it finds nothing now. */
const withChosen = (options: FacetOption[], chosen: readonly string[]): FacetOption[] => [
  ...options,
  ...chosen.filter((value) => !options.some((option) => option.value === value)).map((value) => ({ value, label: value, count: 0 })),
];

const FilterSkeleton = () => (
  <div className={styles.panel} aria-busy>
    {Array.from({ length: 16 }, (_, index) => (
      <Skeleton key={index} width={index % 3 === 0 ? 'half' : 'full'} />
    ))}
  </div>
);
