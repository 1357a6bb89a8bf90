// Subscribes with the client of either library, so that it resumes after a lost connection.

import { GIG_STATUS_CHANGED } from './gateway.mjs';
import { Inbox } from './inbox.mjs';

// Subscribes to one gig. Both clients serialize the variables again for each connection. Because `next` sets
// `after` to the cursor of each event, a new connection resumes after the last event. An iterator delivers
// events later than `next`, so setting `after` there would repeat the events in between.
export function subscribeToGig(client, id, after) {
  const variables = { id, after };
  const [inbox, end] = subscribe(client, { query: GIG_STATUS_CHANGED, variables }, ({ data }) => {
    if (data?.gigStatusChanged) variables.after = data.gigStatusChanged.cursor;
  });
  return { inbox, end };
}

// Returns the inbox of a subscription, and the function that ends it.
export function subscribe(client, request, onNext = () => {}) {
  const inbox = new Inbox();
  const end = client.subscribe(request, {
    next(result) {
      onNext(result);
      inbox.put('next', result);
    },
    error: (error) => inbox.put('error', error),
    complete: () => inbox.put('complete'),
  });
  return [inbox, end];
}
