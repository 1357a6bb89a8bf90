// How mutations and events move the viewer's own gigs between the lists in the cache, and what is shown before the
// gateway has answered.

import type { Cache, OptimisticMutationConfig, UpdatesConfig } from '@urql/exchange-graphcache';

import type { CacheRules } from '../data/cache';
import { OwnGigFragmentDoc, type OwnGigFragment } from '../data/fragments.generated';
import { OwnGigsDocument, type GigAction, type GigStatus, type OwnGigsQueryVariables } from './sell.generated';

type OwnGig = OwnGigFragment & { __typename?: 'Gig' };

/** Puts the gig into each list to which its status belongs, and takes it out of the others. */
export function placeOwnGig(gig: OwnGig, cache: Cache): void {
  const viewer = cache.resolve('Query', 'viewer') as string | null | undefined;
  if (!viewer) return;
  for (const { fieldName, arguments: args } of cache.inspectFields(viewer)) {
    const variables = args as OwnGigsQueryVariables | null;
    if (fieldName !== 'gigs' || !variables?.first) continue; // without `first`, or with 0, it is a count
    const belongs = !variables.status || variables.status.includes(gig.status);
    cache.updateQuery({ query: OwnGigsDocument, variables: { status: null, after: null, ...variables } }, (data) => {
      const list = data?.viewer?.gigs;
      if (!data?.viewer || !list) return data;
      const others = list.edges.filter(({ node }) => node.id !== gig.id);
      const isListed = others.length < list.edges.length;
      if (belongs === isListed) return data;
      const edges = belongs ? inserted(list, gig, !variables.after) : others;
      return { ...data, viewer: { ...data.viewer, gigs: { ...list, edges } } };
    });
  }
}

type List = { edges: { cursor: string; node: OwnGigFragment }[]; pageInfo: { hasNextPage: boolean } };

/** The list is sorted by the time of creation, newest first. On a later page, or behind the end of one, it is not needed. */
function inserted({ edges, pageInfo }: List, gig: OwnGig, isFirstPage: boolean): List['edges'] {
  const place = edges.findIndex(({ node }) => node.createdAt < gig.createdAt);
  if ((place < 0 && pageInfo.hasNextPage) || (place <= 0 && !isFirstPage)) return edges;
  const edge = { __typename: 'GigEdge' as const, cursor: '', node: gig };
  return place < 0 ? [...edges, edge] : edges.toSpliced(place, 0, edge);
}

interface Payload {
  gig?: OwnGig | null;
}

const place = (field: string) => (result: Record<string, unknown>, _args: unknown, cache: Cache) => {
  const { gig } = (result[field] ?? {}) as Payload;
  if (gig) placeOwnGig(gig, cache);
};

const MUTATIONS = ['pauseGig', 'resumeGig', 'archiveGig', 'saveGigDraft', 'postGig', 'editGig'];

/** What a pause or a resumption will most probably answer. If it fails, the cache takes it back. */
const optimistic = (status: GigStatus, replaced: GigAction, by: GigAction) => (args: unknown, cache: Cache) => {
  const { id } = args as { id: string };
  const gig = cache.readFragment(OwnGigFragmentDoc, { __typename: 'Gig', id } as never) as OwnGig | null;
  if (!gig) return null;
  const viewerActions = gig.viewerActions.map((action) => (action === replaced ? by : action));
  return { __typename: 'GigPayload', errors: [], gig: { ...gig, __typename: 'Gig', status, viewerActions } };
};

export const sellRules: CacheRules = {
  updates: {
    Mutation: Object.fromEntries(MUTATIONS.map((field) => [field, place(field)])),
    Subscription: { gigStatusChanged: place('gigStatusChanged') },
  } as unknown as UpdatesConfig,
  optimistic: {
    pauseGig: optimistic('PAUSED', 'PAUSE', 'RESUME'),
    resumeGig: optimistic('ACTIVE', 'RESUME', 'PAUSE'),
  } as unknown as OptimisticMutationConfig,
};
