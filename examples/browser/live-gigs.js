// Lists the newest gigs, and adds each gig when it is published. Misses none: an EventSource resumes by itself, with
// the id of the last event in the header Last-Event-ID. index.html shows the result.

const GIG_FIELDS = 'id title price { amount currencyCode } seller { displayName } images { url }';

// The cursor is read with the list, so that nothing published between the list and the subscription is missed. A gig
// published at that moment may be both in the list and added, so `addGig` replaces a gig that is already shown.
const NEWEST = `{ eventCursor gigs(first: 20) { nodes { ${GIG_FIELDS} } } }`;

const PUBLISHED = `subscription ($after: String) {
  gigPublished(after: $after) { gig { ${GIG_FIELDS} } } }`;

// Starts, and returns a function that stops. `view` has three functions: `showList(gigs)`, `addGig(gig)` and
// `showStatus(text)`. Tests pass other implementations of `fetch` and `EventSource`.
export function start({
  gateway,
  view,
  fetch = globalThis.fetch,
  EventSource = globalThis.EventSource,
  retryAfter = 1000, // milliseconds
}) {
  let source;
  let timer;
  let stopped = false;

  function retry(step) {
    if (!stopped) timer = setTimeout(step, retryAfter);
  }

  async function list() {
    try {
      const response = await fetch(new URL('/graphql', gateway), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: NEWEST }),
        signal: AbortSignal.timeout(30_000),
      });
      const { data, errors } = await response.json();
      if (errors) throw new Error(errors[0].message);
      if (stopped) return;
      view.showList(data.gigs.nodes);
      follow(data.eventCursor);
    } catch (error) {
      if (stopped) return;
      view.showStatus(`Could not load the gigs: ${error.message}`);
      retry(list);
    }
  }

  function follow(after) {
    const url = new URL('/graphql', gateway);
    url.searchParams.set('query', PUBLISHED);
    url.searchParams.set('variables', JSON.stringify({ after }));
    source = new EventSource(url.href);
    source.addEventListener('open', () => view.showStatus('Live'));
    source.addEventListener('next', (event) => {
      const { data, errors } = JSON.parse(event.data);
      if (errors) {
        source.close();
        onErrors(errors, after);
        return;
      }
      after = event.lastEventId;
      if (data.gigPublished.gig) view.addGig(data.gigPublished.gig); // null if it is no longer listed
    });
    // Without this, the EventSource would open a completed subscription again.
    source.addEventListener('complete', () => source.close());
    source.addEventListener('error', () => {
      if (stopped) return;
      view.showStatus('Reconnecting');
      // It reconnects by itself, except after an HTTP error such as 503.
      if (source.readyState === EventSource.CLOSED) retry(() => follow(after));
    });
  }

  function onErrors(errors, after) {
    const [{ message, extensions }] = errors;
    view.showStatus(message);
    if (extensions?.code === 'CURSOR_EXPIRED') retry(list); // away for longer than the gateway keeps events
    if (['SERVICE_UNAVAILABLE', 'RATE_LIMITED'].includes(extensions?.code)) retry(() => follow(after));
  }

  list();
  return () => {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  };
}
