// Subscribes by either library's client, in the way that resumes.

import { GIG_STATUS_CHANGED } from './gateway.mjs';
import { Inbox } from './inbox.mjs';

// Follows one gig. Both clients write the variables into their request anew whenever they connect, so that an
// `after` which keeps up with the events makes each later connection begin where the one before it broke off.
// It must keep up within `next`: an iterator hands on events later, and one that it still holds would come twice.
export function followGig(client, id, after) {
  const variables = { id, after };
  const [inbox, end] = subscribe(client, { query: GIG_STATUS_CHANGED, variables }, ({ data }) => {
    if (data?.gigStatusChanged) variables.after = data.gigStatusChanged.cursor;
  });
  return { inbox, end };
}

// Its inbox, and the function that ends it.
export function subscribe(client, request, look = () => {}) {
  const inbox = new Inbox();
  const end = client.subscribe(request, {
    next(result) {
      look(result);
      inbox.put('next', result);
    },
    error: (error) => inbox.put('error', error),
    complete: () => inbox.put('complete'),
  });
  return [inbox, end];
}
