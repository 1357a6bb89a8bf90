// The filters of the list of gigs, as they are in the address of the page, and as the gateway takes them.

import type { BrowseGigsQueryVariables, GigOrder } from './browse.generated';

export interface Filters {
  search: string;
  /** Slugs. */
  categories: readonly string[];
  /** Ranges such as "25.00-49.99"; the last one has no end. */
  prices: readonly string[];
  tags: readonly string[];
  /** Undefined: the best match if there is a search, otherwise the newest. */
  order: GigOrder | undefined;
}

export type ListRequest = Pick<BrowseGigsQueryVariables, 'where' | 'search' | 'orderBy'>;

const ORDERS: readonly GigOrder[] = ['RELEVANCE', 'NEWEST', 'OLDEST', 'PRICE_LOWEST', 'PRICE_HIGHEST'];

export function readFilters(query: string): Filters {
  const parameters = new URLSearchParams(query);
  const order = parameters.get('order') as GigOrder | null;
  return {
    search: parameters.get('q') ?? '',
    categories: parameters.getAll('category'),
    prices: parameters.getAll('price').filter((range) => /^\d+(\.\d+)?-(\d+(\.\d+)?)?$/.test(range)),
    tags: parameters.getAll('tag'),
    order: order && ORDERS.includes(order) ? order : undefined,
  };
}

export function writeFilters({ search, categories, prices, tags, order }: Filters): string {
  const parameters = new URLSearchParams();
  if (search) parameters.set('q', search);
  categories.forEach((slug) => parameters.append('category', slug));
  prices.forEach((range) => parameters.append('price', range));
  tags.forEach((tag) => parameters.append('tag', tag));
  if (order) parameters.set('order', order);
  return parameters.toString();
}

/** The order that is used. */
export const orderOf = ({ search, order }: Filters): GigOrder => {
  const isSearch = search.trim() !== '';
  if (order === 'RELEVANCE' && !isSearch) return 'NEWEST';
  return order ?? (isSearch ? 'RELEVANCE' : 'NEWEST');
};

export function whereOf({ categories, prices, tags }: Partial<Filters>): ListRequest['where'] {
  const ranges = prices?.map((range) => {
    const [min = '0', max] = range.split('-');
    return max ? { min, max } : { min };
  });
  const where = {
    ...(categories?.length && { categorySlug: [...categories].sort() }),
    ...(ranges?.length && { priceRanges: ranges }),
    ...(tags?.length && { tagsAll: [...tags].sort() }),
  };
  return Object.keys(where).length > 0 ? where : null;
}

export const requestOf = (filters: Filters): ListRequest => ({
  where: whereOf(filters),
  search: filters.search.trim() || null,
  orderBy: orderOf(filters),
});

/** Whether a choice is made beside the search. */
export const countChoices = ({ categories, prices, tags }: Filters): number => categories.length + prices.length + tags.length;

export const toggled = (list: readonly string[], item: string): string[] =>
  list.includes(item) ? list.filter((other) => other !== item) : [...list, item];
