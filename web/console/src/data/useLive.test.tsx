import { act, renderHook, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { Provider, useQuery } from 'urql';
import { expect, test, vi } from 'vitest';

import { OwnGigsDocument } from '../sell/sell.generated';
import { fakeGateway, pageOf } from '../test/fakeGateway';
import { GigStatusChangedDocument } from './gigStatus.generated';
import { useLive } from './useLive';

function stage() {
  let reads = 0;
  const gateway = fakeGateway([], () => {
    reads += 1;
    return { data: { __typename: 'Query', eventCursor: `read ${reads}`, viewer: { __typename: 'Viewer', id: 'vwr_1', gigs: pageOf([]) } } };
  });
  const onEvent = vi.fn();
  const render = () =>
    renderHook(
      () => {
        const [{ data, operation }, reexecute] = useQuery({ query: OwnGigsDocument, variables: { status: null, first: 20, after: null } });
        const reload = () => reexecute({ requestPolicy: 'network-only' });
        const query = data ? operation : undefined;
        return useLive({ query, document: GigStatusChangedDocument, variables: {}, onEvent, reload });
      },
      { wrapper: ({ children }: { children: ReactNode }) => <Provider value={gateway.client}>{children}</Provider> },
    );
  const event = (cursor: string) => ({
    data: { gigStatusChanged: { __typename: 'GigStatusEvent', cursor, gigId: 'gig_1', previousStatus: null, status: 'ACTIVE', gig: null } },
  });
  return { ...gateway, render, onEvent, event, starts: () => gateway.open().map(({ after }) => after), reads: () => reads };
}

test('it starts at the cursor that was read with the list', async () => {
  const { render, starts, push, event, onEvent } = stage();
  render();
  await waitFor(() => expect(starts()).toEqual(['read 1']));
  act(() => push(event('event 1')));
  expect(onEvent).toHaveBeenCalledTimes(1);
});

test('a page that is shown again continues after its last event, without reading the list', async () => {
  const { render, starts, push, event, reads } = stage();
  const { unmount } = render();
  await waitFor(() => expect(starts()).toEqual(['read 1']));
  act(() => push(event('event 1')));
  unmount();
  expect(starts()).toEqual([]);
  render();
  await waitFor(() => expect(starts()).toEqual(['event 1']));
  expect(reads()).toBe(1);
});

test('if the log no longer has the events, the list is read again', async () => {
  const { render, starts, push, reads } = stage();
  const { result } = render();
  await waitFor(() => expect(starts()).toEqual(['read 1']));
  act(() => push({ errors: [{ message: 'x', extensions: { code: 'CURSOR_EXPIRED' } }] }));
  await waitFor(() => expect(starts()).toEqual(['read 2']));
  expect(reads()).toBe(2);
  expect(result.current).toBe(false);
});

test('another error is reported to the page', async () => {
  const { render, starts, push } = stage();
  const { result } = render();
  await waitFor(() => expect(starts()).toEqual(['read 1']));
  act(() => push({ errors: [{ message: 'x', extensions: { code: 'FORBIDDEN' } }] }));
  await waitFor(() => expect(result.current).toBe(true));
});
