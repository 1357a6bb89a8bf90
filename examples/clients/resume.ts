// Subscriptions that resume after the last event, whatever library they are for.

import type { FormattedExecutionResult, SubscribePayload } from 'graphql-ws';

import { RequestFailed, type ApiError } from './gateway';

// #region resume
type Result = FormattedExecutionResult<Record<string, unknown>>;

export interface Sink {
  next(result: Result): void;
  error(error: Error): void;
  complete(): void;
}

/** A client of graphql-ws or graphql-sse. */
interface Subscribing {
  subscribe(request: SubscribePayload, sink: Sink & { error(cause: unknown): void }): () => void;
}

/** Subscribes, and resumes after the last event whenever the client connects again. Returns a function to end it. */
export function resume(client: Subscribing, request: SubscribePayload, sink: Sink): () => void {
  const variables: Record<string, unknown> = { ...request.variables };
  let timer: ReturnType<typeof setTimeout>;
  let end = () => {};
  const start = () => {
    let hasFailed = false;
    const fail = (error: Error) => {
      hasFailed = true;
      const seconds = secondsToWait(error);
      if (seconds === undefined) sink.error(error);
      else timer = setTimeout(start, (seconds + Math.random()) * 1000);
    };
    // The client serializes `variables` each time it connects.
    end = client.subscribe({ ...request, variables }, {
      next(result) {
        if (!result.data) return fail(new RequestFailed(result.errors as ApiError[])); // graphql-sse
        sink.next(result);
        const [event] = Object.values(result.data) as { cursor?: string }[];
        if (event?.cursor) variables.after = event.cursor;
      },
      error: (cause) => fail(toError(cause)),
      complete: () => hasFailed || sink.complete(),
    });
  };
  start();
  return () => {
    clearTimeout(timer);
    end();
  };
}

/** The client has given the connection up, such as with 4410: the session has ended. */
export class ConnectionClosed extends Error {
  constructor(readonly code: number, reason: string) {
    super(`${code}: ${reason}`);
  }
}

/** graphql-ws reports a list of GraphQL errors, the close of the socket, or an Error. */
function toError(cause: unknown): Error {
  if (Array.isArray(cause)) return new RequestFailed(cause as ApiError[]);
  if (cause instanceof Error) return cause;
  const { code = 0, reason = 'no connection' } = cause as CloseEvent;
  return new ConnectionClosed(code, reason);
}

/** The gateway could not start the subscription now, but can later. */
function secondsToWait(error: Error): number | undefined {
  if (!(error instanceof RequestFailed)) return undefined;
  if (!error.has('SERVICE_UNAVAILABLE') && !error.has('RATE_LIMITED')) return undefined;
  return error.errors[0]?.extensions?.retryAfterSeconds ?? 1;
}
// #endregion
