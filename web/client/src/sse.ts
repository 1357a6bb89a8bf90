// Subscriptions as server-sent events, in a request for each: the "distinct connections" of graphql-sse. `fetch` reads
// them, because an EventSource cannot send an access token, nor notice a dead connection.

import type { Connection } from './connection.js';
import { clientError, fromGraphQLErrors, GigwayError, type GraphQLResponseError } from './errors.js';
import { readEvents } from './events.js';
import type { ExecutionResult, HttpEndpoint, RequestBody } from './http.js';
import { backoff, wait } from './retry.js';
import type { Session } from './session.js';
import type { Sink, Transport, TransportEvents } from './transport.js';

const CONNECT_SECONDS = 10;
const SILENCE_SECONDS = 30; // the gateway sends a comment every 12 seconds
const MAX_BACKOFF_MS = 10_000;
const FAILURES_UNTIL_UNREACHABLE = 2;

export interface StreamsOptions extends TransportEvents {
  endpoint: HttpEndpoint;
  session: Session;
  connection: Connection;
}

export class Streams implements Transport {
  readonly #options: StreamsOptions;
  readonly #streams = new Set<Stream>();

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  subscribe(body: RequestBody, sink: Sink): () => void {
    const stream = new Stream(this.#options, body, sink);
    this.#streams.add(stream);
    void stream.run().finally(() => this.#streams.delete(stream));
    return () => stream.end();
  }

  wake(isCertain: boolean): void {
    for (const stream of this.#streams) stream.wake(isCertain);
  }

  reconnect(): void {
    this.wake(true);
  }

  check(): void {
    // A stream cannot be asked for a sign of life. Silence ends it.
  }

  close(): void {
    for (const stream of this.#streams) stream.end();
  }
}

class Stream {
  readonly #options: StreamsOptions;
  readonly #body: RequestBody;
  readonly #sink: Sink;
  readonly #ending = new AbortController();
  #attempt = new AbortController();
  #waiting = new AbortController();
  #lastEventId: string | undefined;

  constructor(options: StreamsOptions, body: RequestBody, sink: Sink) {
    this.#options = options;
    this.#body = body;
    this.#sink = sink;
  }

  end(): void {
    this.#ending.abort();
    this.#attempt.abort();
    this.#waiting.abort();
    this.#options.connection.set(this, 'closed');
  }

  wake(isCertain: boolean): void {
    if (isCertain) this.#attempt.abort();
    this.#waiting.abort();
  }

  async run(): Promise<void> {
    const { connection, onUnreachable } = this.#options;
    let failures = 0;
    while (!this.#ending.signal.aborted) {
      // A further stream is no news for the page.
      if (failures > 0 || connection.state !== 'open') connection.set(this, 'connecting');
      this.#attempt = new AbortController();
      try {
        const outcome = await this.#follow(() => {
          failures = 0;
          connection.set(this, 'open');
        });
        if (this.#ending.signal.aborted) return;
        if (outcome !== 'lost') {
          connection.set(this, 'closed');
          if (outcome === 'complete') this.#sink.complete();
          else this.#sink.error(outcome);
          return;
        }
      } catch {
        // No network, or the connection was lost.
      }
      if (this.#ending.signal.aborted) return;
      connection.set(this, 'waiting');
      this.#waiting = new AbortController();
      await wait(backoff(failures, MAX_BACKOFF_MS), { signal: this.#waiting.signal, untilOnline: true }).catch(() => {});
      failures += 1;
      if (failures % FAILURES_UNTIL_UNREACHABLE === 0) onUnreachable();
    }
  }

  /** Opens the stream, and reports its results. Returns how it ended; `lost` is an end that says nothing. */
  async #follow(onOpen: () => void): Promise<'complete' | 'lost' | GigwayError> {
    const { endpoint, session } = this.#options;
    const accessToken = await session.accessToken();
    const { signal } = this.#attempt;
    let timer = setTimeout(() => this.#attempt.abort(), CONNECT_SECONDS * 1000);
    const isAlive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#attempt.abort(), SILENCE_SECONDS * 1000);
    };
    try {
      const response = await endpoint.fetch(endpoint.url, {
        method: 'POST',
        headers: {
          accept: 'text/event-stream',
          'content-type': 'application/json',
          ...(accessToken && { authorization: `Bearer ${accessToken}` }),
          ...(this.#lastEventId && { 'last-event-id': this.#lastEventId }),
        },
        body: JSON.stringify(this.#body),
        cache: 'no-store',
        signal,
      });
      if (!response.headers.get('content-type')?.includes('text/event-stream') || !response.body) {
        return this.#refused(response, accessToken);
      }
      onOpen();
      isAlive();
      for await (const { id, event, data } of readEvents(response.body, isAlive)) {
        if (signal.aborted) return 'lost';
        if (event === 'complete') return 'complete';
        if (event === 'next' && data !== null) {
          const result = JSON.parse(data) as ExecutionResult;
          if (!result.data) return this.#failed(result.errors ?? [], accessToken);
          this.#sink.next(result);
        }
        this.#lastEventId = id ?? this.#lastEventId;
      }
      return 'lost';
    } finally {
      clearTimeout(timer);
    }
  }

  /** A response other than a stream: an error of the gateway, or of a proxy. */
  async #refused(response: Response, accessToken: string | undefined): Promise<'lost' | GigwayError> {
    const text = await response.text();
    let errors: GraphQLResponseError[] | undefined;
    try {
      ({ errors } = JSON.parse(text) as { errors?: GraphQLResponseError[] });
    } catch {
      // Not from the gateway.
    }
    if (errors?.length) return this.#failed(errors, accessToken, response.status);
    const { status } = response;
    if (status >= 500 || status === 429 || status === 408) return 'lost';
    return clientError('BAD_RESPONSE', `Status ${status}, without a stream of events`, { status });
  }

  #failed(errors: readonly GraphQLResponseError[], accessToken: string | undefined, status?: number): 'lost' | GigwayError {
    const error = fromGraphQLErrors(errors, { status });
    if (!error.has('UNAUTHENTICATED') || !accessToken) return error;
    const { session } = this.#options;
    if (error.reason === 'SESSION_ENDED') {
      session.end(error, accessToken);
      return error;
    }
    if (status !== 403) return error;
    session.reject(accessToken);
    return 'lost'; // and opened again with another access token
  }
}
