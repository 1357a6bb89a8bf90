// A subscription by the browser's EventSource, without a library.

import { RequestFailed, request, gatewayUrl } from './gateway';
import { freshAccessToken, SessionEnded } from './session';

export interface GigStatusChanged {
  gigStatusChanged: { cursor: string; gigId: string; status: string; version: number };
}

interface StreamTicketPayload {
  createStreamTicket: { streamTicket: { ticket: string } };
}

// #region event-source
const SUBSCRIPTION = `subscription ($after: String) {
  gigStatusChanged(after: $after) { cursor gigId status version } }`;

/** Reports each event after the cursor. Returns a function that ends the subscription. */
export function followStatus(
  after: string | undefined,
  show: (event: GigStatusChanged['gigStatusChanged']) => void,
  onError: (error: Error) => void, // by the table of errors
): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout>;
  let failures = 0;
  const ending = new AbortController();

  const open = async () => {
    source?.close();
    clearTimeout(timer);
    try {
      const { createStreamTicket } = await request<StreamTicketPayload>(
        'mutation { createStreamTicket { streamTicket { ticket } } }', {}, await freshAccessToken());
      if (ending.signal.aborted) return;
      const url = new URL(gatewayUrl);
      url.searchParams.set('query', SUBSCRIPTION);
      url.searchParams.set('variables', JSON.stringify({ after }));
      url.searchParams.set('ticket', createStreamTicket.streamTicket.ticket);
      source = new EventSource(url.href);
    } catch (error) {
      if (error instanceof SessionEnded) onError(error);
      else retry();
      return;
    }
    source.addEventListener('next', ({ data, lastEventId, target }) => {
      if (target !== source) return; // replaced
      failures = 0;
      const result = JSON.parse(data);
      if (!result.data) return onError(new RequestFailed(result.errors)); // `complete` follows
      after = lastEventId;
      show(result.data.gigStatusChanged);
    });
    source.addEventListener('complete', () => source?.close()); // otherwise it opens the stream again and again
    source.addEventListener('error', () => {
      if (source?.readyState === EventSource.CLOSED) retry(); // the ticket was refused; otherwise it retries by itself
    });
  };
  const retry = () => {
    clearTimeout(timer);
    if (ending.signal.aborted) return;
    timer = setTimeout(open, Math.min(500 * 2 ** failures, 10_000) * (1 - Math.random() / 2));
    failures += 1;
  };
  // An EventSource notices a dead connection late.
  addEventListener('online', open, { signal: ending.signal });
  open();
  return () => {
    ending.abort();
    clearTimeout(timer);
    source?.close();
  };
}
// #endregion
