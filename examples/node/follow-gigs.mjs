// Prints the newest gigs, and then each gig when it is published. Misses none: after a lost connection or a restart
// of the gateway, it resumes after the last event that it received.
//
//     npm ci
//     node follow-gigs.mjs [COUNT]
//
// Ends after COUNT published gigs; without COUNT, never. Environment: GATEWAY_URL (http://127.0.0.1:8080). Needs Node
// 20 or newer. Exits with a status other than 0 on failure.

import { setTimeout } from 'node:timers/promises';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { GIG_FIELDS, describe, gateway, line, request } from './request.mjs';

// The cursor is read with the list, so that nothing published between the list and the subscription is missed. A gig
// published at that moment may be both in the list and reported.
const NEWEST = `{ eventCursor gigs(first: 5) { nodes { ${GIG_FIELDS} } } }`;

const PUBLISHED = `subscription ($after: String) {
  gigPublished(after: $after) { cursor gig { ${GIG_FIELDS} } } }`;

const socketUrl = new URL(gateway);
socketUrl.protocol = gateway.protocol.replace('http', 'ws');

const client = createClient({
  url: socketUrl.href,
  webSocketImpl: WebSocket,
  retryAttempts: Infinity,
  // Also if the gateway refuses the connection, but not if the session has ended.
  shouldRetry: (event) => event.code !== 4410,
});

let remaining = Number(process.argv[2] ?? Infinity);

// Prints published gigs until there are enough, or until the subscription fails. `variables` is sent again on each
// reconnect. Update it in `next`: an iterator would receive events later, and receive some of them twice.
function follow(variables) {
  return new Promise((resolve, reject) => {
    const end = client.subscribe(
      { query: PUBLISHED, variables },
      {
        next({ data, errors }) {
          if (errors) {
            reject(errors);
            return;
          }
          const { cursor, gig } = data.gigPublished;
          variables.after = cursor;
          if (gig) console.log(`published ${line(gig)}`); // null if it is no longer listed
          remaining -= 1;
          if (remaining === 0) end();
        },
        error: reject,
        complete: resolve,
      },
    );
  });
}

async function start() {
  const { eventCursor, gigs } = await request(NEWEST);
  for (const gig of gigs.nodes) console.log(line(gig));
  console.log('following');
  return { after: eventCursor };
}

let variables = await start();
while (remaining > 0) {
  try {
    await follow(variables);
  } catch (error) {
    const codes = Array.isArray(error) ? error.map(({ extensions }) => extensions?.code) : [];
    if (codes.includes('CURSOR_EXPIRED')) {
      variables = await start(); // away for longer than the gateway keeps events
    } else if (codes.includes('SERVICE_UNAVAILABLE')) {
      await setTimeout(1000);
    } else {
      // GraphQL errors, the close of the socket, or an error of the network.
      const reason = Array.isArray(error) ? describe(error) : (error.reason ?? error.message);
      throw new Error(reason, { cause: error });
    }
  }
}
await client.dispose();
