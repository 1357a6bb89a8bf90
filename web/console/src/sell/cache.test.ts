import { pipe, subscribe } from 'wonka';
import { expect, test, vi } from 'vitest';

import { GigStatusChangedDocument } from '../data/gigStatus.generated';
import { fakeGateway, gigOf, pageOf } from '../test/fakeGateway';
import { sellRules } from './cache';
import { OwnGigsDocument, PauseGigDocument, type GigStatus } from './sell.generated';

type Answer = { data: unknown };
const ALL = ['gig_3', 'gig_2', 'gig_1'];

/** The lists of the tabs ALL, ACTIVE and PAUSED, and the ids that they show. */
async function openLists(answerMutation: () => Promise<Answer> = async () => ({ data: {} })) {
  const gigs = [gigOf('gig_3'), gigOf('gig_2', { status: 'PAUSED' }), gigOf('gig_1')];
  const gateway = fakeGateway([sellRules], (operation) => {
    if (operation.kind === 'mutation') return answerMutation();
    const { status } = operation.variables as { status: GigStatus[] | null };
    const nodes = gigs.filter((gig) => !status || status.includes(gig.status as GigStatus));
    return { data: { __typename: 'Query', eventCursor: 'c1', viewer: { __typename: 'Viewer', id: 'vwr_1', gigs: pageOf(nodes) } } };
  });
  const shown: Record<string, string[]> = {};
  for (const status of [null, ['ACTIVE'], ['PAUSED']] as (GigStatus[] | null)[]) {
    pipe(
      gateway.client.query(OwnGigsDocument, { status, first: 20, after: null }),
      subscribe(({ data }) => {
        shown[String(status)] = data?.viewer?.gigs.edges.map(({ node }) => node.id) ?? [];
      }),
    );
  }
  await vi.waitFor(() => expect(shown).toEqual({ null: ALL, ACTIVE: ['gig_3', 'gig_1'], PAUSED: ['gig_2'] }));
  return { ...gateway, shown };
}

test('an event moves a gig from the list of its status to that of the new one, in the order of creation', async () => {
  const { client, push, shown } = await openLists();
  pipe(client.subscription(GigStatusChangedDocument, { after: 'c1' }), subscribe(() => {}));
  const event = (gig: { id: string; status: string }) => ({
    data: { gigStatusChanged: { __typename: 'GigStatusEvent', cursor: 'c2', gigId: gig.id, previousStatus: null, status: gig.status, gig } },
  });
  push(event(gigOf('gig_1', { status: 'PAUSED' })));
  await vi.waitFor(() => expect(shown).toEqual({ null: ALL, ACTIVE: ['gig_3'], PAUSED: ['gig_2', 'gig_1'] }));
  push(event(gigOf('gig_2', { status: 'ACTIVE' })));
  await vi.waitFor(() => expect(shown).toEqual({ null: ALL, ACTIVE: ['gig_3', 'gig_2'], PAUSED: ['gig_1'] }));
  push(event(gigOf('gig_4', { status: 'ACTIVE' })));
  await vi.waitFor(() => expect(shown.null).toEqual(['gig_4', 'gig_3', 'gig_2', 'gig_1']));
  push(event(gigOf('gig_4', { status: 'ACTIVE' })));
  expect(shown.ACTIVE).toEqual(['gig_4', 'gig_3', 'gig_2']);
});

test('a pause is shown at once, and taken back if it is refused', async () => {
  let refuse = () => {};
  const errors = [{ __typename: 'UserError', code: 'NOT_ALLOWED', message: 'No.', field: null }];
  const refusal = new Promise<Answer>((resolve) => {
    refuse = () => resolve({ data: { pauseGig: { __typename: 'GigPayload', gig: null, errors } } });
  });
  const { client, shown } = await openLists(() => refusal);
  const result = client.mutation(PauseGigDocument, { id: 'gig_3' }).toPromise();
  await vi.waitFor(() => expect(shown).toEqual({ null: ALL, ACTIVE: ['gig_1'], PAUSED: ['gig_3', 'gig_2'] }));
  refuse();
  await result;
  await vi.waitFor(() => expect(shown).toEqual({ null: ALL, ACTIVE: ['gig_3', 'gig_1'], PAUSED: ['gig_2'] }));
});
