// A list of the user's gigs that stays up to date, without a GraphQL library other than graphql-ws.

import type { Client } from 'graphql-ws';

import { RequestFailed, request } from './gateway';
import { resume } from './resume';
import { freshAccessToken } from './session';

export interface GigStatus {
  id: string;
  title: string;
  status: string;
  version: number;
}

// #region follow-gigs
const START = `{
  eventCursor
  viewer { gigs(first: 50) { nodes { id title status version } } } }`;

const CHANGES = `subscription ($after: String) {
  gigStatusChanged(after: $after) { cursor gig { id title status version } } }`;

interface Start {
  eventCursor: string;
  viewer: { gigs: { nodes: GigStatus[] } };
}

/** Shows the gigs, and each change. Returns a function that ends the subscription. */
export async function followGigs(
  socket: Client,
  show: (gigs: Map<string, GigStatus>) => void,
  onError: (error: Error) => void,
): Promise<() => void> {
  const { eventCursor, viewer } = await request<Start>(START, {}, await freshAccessToken());
  const gigs = new Map(viewer.gigs.nodes.map((gig) => [gig.id, gig]));
  show(gigs);
  let end = resume(socket, { query: CHANGES, variables: { after: eventCursor } }, {
    next({ data, errors }) {
      if (errors) onError(new RequestFailed(errors)); // a field failed; the subscription continues
      const { gig } = data?.gigStatusChanged as { gig: GigStatus | null };
      if (gig) gigs.set(gig.id, gig); // by the id, because the list can contain the change already
      show(gigs);
    },
    error(error) {
      if (error instanceof RequestFailed && error.has('CURSOR_EXPIRED')) {
        followGigs(socket, show, onError).then((again) => (end = again), onError);
      } else {
        onError(error); // by the table of errors
      }
    },
    complete() {},
  });
  return () => end();
}
// #endregion
