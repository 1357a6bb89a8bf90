import { pipe, subscribe } from 'wonka';
import { expect, test, vi } from 'vitest';

import { fakeGateway, gigOf, pageOf } from '../test/fakeGateway';
import { browseRules } from './cache';
import { BrowseGigsDocument, CatalogueChangedDocument, type BrowseGigsQueryVariables } from './browse.generated';

const MUSIC = { categorySlug: ['music'] };

async function openLists() {
  const gateway = fakeGateway([browseRules], () => ({
    data: { __typename: 'Query', eventCursor: 'c1', gigs: pageOf([gigOf('gig_2'), gigOf('gig_1')]) },
  }));
  const shown: Record<string, string[]> = {};
  for (const where of [null, MUSIC]) {
    const variables: BrowseGigsQueryVariables = { where, search: null, orderBy: 'NEWEST', first: 24, after: null };
    pipe(
      gateway.client.query(BrowseGigsDocument, variables),
      subscribe(({ data }) => {
        shown[where ? 'music' : 'all'] = data?.gigs.edges.map(({ node }) => node.title) ?? [];
      }),
    );
  }
  await vi.waitFor(() => expect(Object.keys(shown)).toHaveLength(2));
  pipe(gateway.client.subscription(CatalogueChangedDocument, { where: MUSIC, after: 'c1' }), subscribe(() => {}));
  const push = (change: string, gigId: string, gig: object | null) =>
    gateway.push({ data: { catalogueChanged: { __typename: 'CatalogueEvent', cursor: 'c2', change, gigId, gig } } });
  return { shown, push };
}

test('a gig that is no longer listed leaves every list', async () => {
  const { shown, push } = await openLists();
  push('DELISTED', 'gig_2', null);
  await vi.waitFor(() => expect(shown).toEqual({ all: ['Title of gig_1'], music: ['Title of gig_1'] }));
});

test('a gig that no longer matches leaves only the list with this filter', async () => {
  const { shown, push } = await openLists();
  push('UPDATED', 'gig_2', null);
  await vi.waitFor(() => expect(shown).toEqual({ all: ['Title of gig_2', 'Title of gig_1'], music: ['Title of gig_1'] }));
});

test('a gig that changes does so in every list, and a new one waits', async () => {
  const { shown, push } = await openLists();
  push('UPDATED', 'gig_2', gigOf('gig_2', { title: 'Another title' }));
  await vi.waitFor(() => expect(shown).toEqual({ all: ['Another title', 'Title of gig_1'], music: ['Another title', 'Title of gig_1'] }));
  push('LISTED', 'gig_3', gigOf('gig_3'));
  expect(shown.all).toHaveLength(2);
});
