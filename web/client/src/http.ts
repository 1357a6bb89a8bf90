// One HTTP request with one GraphQL operation.

import { clientError, GigwayError, type GraphQLResponseError } from './errors.js';
import { formOf, sendForm, type UploadProgress } from './upload.js';

export interface ExecutionResult<Data = unknown> {
  data?: Data | null;
  errors?: readonly GraphQLResponseError[];
  extensions?: Record<string, unknown>;
}

export interface HttpEndpoint {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** Until a request fails. */
  readonly timeoutSeconds: number;
}

/** The body of a request. `query` is empty if the extensions have the id of a document. */
export interface RequestBody {
  query: string;
  variables?: unknown;
  operationName?: string;
  extensions?: Record<string, unknown>;
}

export interface PostOptions {
  accessToken?: string | undefined;
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
  timeoutSeconds?: number | undefined;
  /** Whether the request survives the page. */
  keepalive?: boolean;
  onUploadProgress?: ((progress: UploadProgress) => void) | undefined;
}

export interface HttpResult extends ExecutionResult {
  status: number;
}

const UPLOAD_TIMEOUT_SECONDS = 300;

/**
 * Sends a request, and returns the response of the gateway.
 *
 * Throws NETWORK_ERROR if there is no response, BAD_RESPONSE if it is not a GraphQL response, and the reason of the
 * signal if it is aborted.
 */
export async function post(endpoint: HttpEndpoint, body: RequestBody, options: PostOptions = {}): Promise<HttpResult> {
  const { accessToken, idempotencyKey, signal, keepalive } = options;
  signal?.throwIfAborted();
  const form = formOf(body);
  const headers: Record<string, string> = {
    accept: 'application/graphql-response+json',
    ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    ...(idempotencyKey && { 'idempotency-key': idempotencyKey }),
    ...(form ? { 'apollo-require-preflight': 'true' } : { 'content-type': 'application/json' }),
  };
  const timeoutSeconds = options.timeoutSeconds ?? (form ? UPLOAD_TIMEOUT_SECONDS : endpoint.timeoutSeconds);
  const abort = new AbortController();
  const onAbort = () => abort.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  const timer = setTimeout(() => abort.abort(), timeoutSeconds * 1000);
  try {
    if (form && options.onUploadProgress && typeof XMLHttpRequest === 'function') {
      return read(await sendForm(endpoint.url, form, headers, options.onUploadProgress, abort.signal));
    }
    const response = await endpoint.fetch(endpoint.url, {
      method: 'POST',
      headers,
      body: form ?? JSON.stringify(body),
      signal: abort.signal,
      ...(keepalive && { keepalive }),
    });
    const text = await response.text();
    const progress = form && [...form.values()].reduce((sum, part) => sum + (typeof part === 'string' ? 0 : part.size), 0);
    if (progress) options.onUploadProgress?.({ loaded: progress, total: progress, fraction: 1 });
    return read({ status: response.status, text, retryAfter: response.headers.get('retry-after') });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof GigwayError) throw error;
    const message = abort.signal.aborted
      ? `No response within ${timeoutSeconds} seconds`
      : 'The gateway cannot be reached. Check the network connection.';
    throw clientError('NETWORK_ERROR', message, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

export interface RawResponse {
  status: number;
  text: string;
  /** The header `Retry-After`. */
  retryAfter: string | null;
}

function read({ status, text, retryAfter }: RawResponse): HttpResult {
  try {
    const result = JSON.parse(text) as ExecutionResult | null;
    if (result && (result.data !== undefined || Array.isArray(result.errors))) {
      return { ...result, status };
    }
  } catch {
    // Not JSON.
  }
  const seconds = Number(retryAfter ?? NaN);
  const message = `Status ${status}, without a GraphQL response`;
  throw new GigwayError(
    [{ code: 'BAD_RESPONSE', message, ...(Number.isFinite(seconds) && { retryAfterSeconds: seconds }) }],
    { status },
  );
}
