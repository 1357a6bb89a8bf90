// Events while the page was closed.

import type { Client } from 'graphql-ws';

import { resume } from './resume';

// #region stored-cursor
/** Reports decisions about the user's gigs, also those that were made while no page was open. */
export function notify(socket: Client, userId: string, report: (event: unknown) => void, onError: (error: Error) => void) {
  // One cursor for each subscription and each user: a cursor says how far this one has come.
  const key = `cursor:decisions:${userId}`;
  const query = `subscription ($after: String) {
    gigStatusChanged(after: $after) { cursor occurredAt gigId status reasons { message } } }`;
  return resume(socket, { query, variables: { after: localStorage.getItem(key) } }, {
    next({ data }) {
      const event = data?.gigStatusChanged as { cursor: string };
      report(event);
      localStorage.setItem(key, event.cursor); // after the report: an event that is reported twice is better than none
    },
    error: onError, // after CURSOR_EXPIRED, remove the item and show the current state
    complete() {},
  });
}
// #endregion
