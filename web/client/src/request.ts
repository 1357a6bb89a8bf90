// Queries and mutations: credentials, idempotency keys and repetition.

import { parseDocument, type Operation, type TypedDocument } from './document.js';
import { randomId } from './environment.js';
import { fromGraphQLErrors, GigwayError } from './errors.js';
import { UploadLimitsDocument } from './generated/operations/graphql.js';
import { post, type ExecutionResult, type HttpEndpoint, type HttpResult, type RequestBody } from './http.js';
import { fitPhotograph, type PhotographLimits } from './photographs.js';
import { afterSeconds, backoff, wait } from './retry.js';
import { sessionChanged, sessionEnded, type Session } from './session.js';
import { mapFiles, type UploadProgress } from './upload.js';

export interface RequestOptions {
  /**
   * The key under which the gateway executes a mutation once, however often it is sent. Each mutation of a session gets
   * one by itself. Give one to repeat a mutation later, such as after a reload. `null`: without a key; then it is not
   * repeated if the response is lost.
   */
  idempotencyKey?: string | null | undefined;
  /** Cancels the request. It then rejects with the reason of the signal. */
  signal?: AbortSignal | undefined;
  /** Reports how much of the files was sent. */
  onUploadProgress?: ((progress: UploadProgress) => void) | undefined;
  /** Whether photographs that are too large are scaled down before they are sent. True by default. */
  scalePhotographs?: boolean | undefined;
  /** How often the request is sent again. 5 times by default. */
  retries?: number | undefined;
  /** Seconds until an attempt fails. 35 by default, and 300 with files. */
  timeoutSeconds?: number | undefined;
  /** `extensions` of the request, such as `{ cost: true }`. */
  extensions?: Record<string, unknown> | undefined;
  /**
   * If a part of the response failed and the rest has data, this is called, and the request returns the data.
   * Otherwise such a request throws, and the data is in the error.
   */
  onPartial?: ((error: GigwayError) => void) | undefined;
}

export interface RequestContext {
  readonly endpoint: HttpEndpoint;
  readonly session: Session;
  /** Whether ids are sent instead of documents. */
  readonly sendsDocumentIds: boolean;
}

const RETRIES = 5;
const MAX_BACKOFF_MS = 5000;
/** If the gateway asks for more patience, the application decides. */
const MAX_RETRY_AFTER_SECONDS = 30;
/** How long a mutation can run at the gateway while it is sent again. */
const MAX_CONFLICTS = 45;
/** Their responses have tokens, and are not stored under a key. */
const MUTATIONS_WITHOUT_KEY = /\b(signIn|signUp|refreshSession)\b/;

export class Requester {
  readonly #context: RequestContext;
  #uploadLimits: Promise<Record<'gig' | 'document', PhotographLimits>> | undefined;

  constructor(context: RequestContext) {
    this.#context = context;
  }

  /** Returns the data, or throws. */
  async request<Data, Variables>(document: TypedDocument<Data, Variables>, variables?: Variables, options: RequestOptions = {}) {
    const { data, errors, status } = await this.execute(document, variables, options);
    if (errors?.length) {
      const error = fromGraphQLErrors(errors, { status, data });
      if (!data || !options.onPartial) throw error;
      options.onPartial(error);
    }
    return data as Data;
  }

  /** Returns the response of the gateway, with its errors. Throws only if there is none. */
  async execute<Data, Variables>(
    document: TypedDocument<Data, Variables>,
    variables?: Variables,
    options: RequestOptions = {},
  ): Promise<ExecutionResult<Data> & { status: number }> {
    const operation = parseDocument(document);
    if (operation.kind === 'subscription') throw new TypeError('Use `subscribe` for a subscription');
    const body = bodyOf(operation, await this.#fitFiles(operation, variables, options), this.#context.sendsDocumentIds);
    if (options.extensions) body.extensions = { ...body.extensions, ...options.extensions };
    return (await this.#send(operation, body, options)) as ExecutionResult<Data> & { status: number };
  }

  async #send(operation: Operation, body: RequestBody, options: RequestOptions): Promise<HttpResult> {
    const { endpoint, session } = this.#context;
    const { signal, onUploadProgress, timeoutSeconds, retries = RETRIES } = options;
    await session.ready;
    const userId = session.user?.id;
    const isKeyed = operation.kind === 'mutation' && userId !== undefined && !MUTATIONS_WITHOUT_KEY.test(operation.text);
    let idempotencyKey = isKeyed && options.idempotencyKey !== null ? (options.idempotencyKey ?? randomId()) : undefined;
    let isRefreshed = false;
    let failures = 0;
    let conflicts = 0;

    for (;;) {
      let outcome: HttpResult | GigwayError;
      let accessToken: string | undefined;
      try {
        accessToken = await this.#accessToken(userId);
        outcome = await post(endpoint, body, { accessToken, idempotencyKey, signal, onUploadProgress, timeoutSeconds });
      } catch (error) {
        if (!(error instanceof GigwayError)) throw error;
        outcome = error;
      }
      const error = outcome instanceof GigwayError ? outcome : outcome.errors?.length ? fromGraphQLErrors(outcome.errors) : undefined;
      if (!error) return outcome as HttpResult;
      const data = outcome instanceof GigwayError ? undefined : outcome.data;
      if (error.has('UNAUTHENTICATED') && accessToken) {
        if (error.errors.some(({ reason }) => reason === 'SESSION_ENDED')) {
          session.end(error, accessToken);
        } else if (!isRefreshed) {
          isRefreshed = true;
          session.reject(accessToken);
          continue;
        }
      }
      const hasTooManyKeys = error.code === 'RATE_LIMITED' && !error.errors[0]?.budget;
      if (idempotencyKey && !options.idempotencyKey && hasTooManyKeys) {
        // The user has used all keys of a day. Nothing was executed: send it without one.
        idempotencyKey = undefined;
        continue;
      }
      const isRepeatable = operation.kind !== 'mutation' || idempotencyKey !== undefined;
      const delay = data ? undefined : delayBeforeRepetition(error, failures, isRepeatable);
      const isConflict = error.code === 'IDEMPOTENCY_KEY_IN_USE';
      if (delay === undefined || (isConflict ? conflicts >= MAX_CONFLICTS : failures >= retries)) {
        if (outcome instanceof GigwayError) throw outcome;
        return outcome;
      }
      if (isConflict) conflicts += 1;
      else failures += 1;
      await wait(delay, { signal, untilOnline: error.code === 'NETWORK_ERROR' });
    }
  }

  /** An access token of the user as whom the request began. */
  async #accessToken(userId: string | undefined): Promise<string | undefined> {
    if (userId === undefined) return undefined;
    const { session } = this.#context;
    const accessToken = await session.accessToken();
    if (session.user?.id === userId) return accessToken;
    throw session.user ? sessionChanged() : sessionEnded();
  }

  /** Scales photographs down to what the gateway accepts. */
  async #fitFiles(operation: Operation, variables: unknown, { scalePhotographs = true }: RequestOptions): Promise<unknown> {
    const kind = /\buploadIdentityDocument\b/.test(operation.text) ? 'document' : /\buploadGigImage\b/.test(operation.text) ? 'gig' : undefined;
    const files = new Map<Blob, Blob>();
    if (scalePhotographs && kind && operation.kind === 'mutation') {
      mapFiles(variables, '', (file) => files.set(file, file));
    }
    if (files.size === 0 || !kind) return variables;
    this.#uploadLimits ??= this.#readUploadLimits().catch((error: unknown) => {
      this.#uploadLimits = undefined;
      throw error;
    });
    const limits = (await this.#uploadLimits)[kind];
    for (const file of files.keys()) files.set(file, await fitPhotograph(file, limits));
    return mapFiles(variables, '', (file) => files.get(file));
  }

  async #readUploadLimits(): Promise<Record<'gig' | 'document', PhotographLimits>> {
    const { limits: { gig, verification } } = await this.request(UploadLimitsDocument);
    return {
      gig: { maxBytes: gig.imageUploadMaxBytes, minSide: 240 },
      document: { maxBytes: verification.documentMaxBytes, minSide: verification.documentMinPixels },
    };
  }
}

/** The body of a request with this operation. */
export function bodyOf({ text, name, id }: Operation, variables: unknown, sendsDocumentIds: boolean): RequestBody {
  const isById = sendsDocumentIds && id !== undefined;
  return {
    // WebSockets have no other place for the id, and their messages need a document.
    ...(isById ? { query: '', extensions: { documentId: id } } : { query: text }),
    ...(variables !== undefined && { variables }),
    ...(name !== undefined && { operationName: name }),
  };
}

/** Milliseconds to wait before the request is sent again, or undefined if that is of no use or not safe. */
function delayBeforeRepetition(error: GigwayError, failures: number, isRepeatable: boolean): number | undefined {
  const { code, status, retryAfterSeconds } = error;
  if ((retryAfterSeconds ?? 0) > MAX_RETRY_AFTER_SECONDS) return undefined;
  const isRejected = code === 'RATE_LIMITED' || code === 'SERVICE_UNAVAILABLE' || code === 'IDEMPOTENCY_KEY_IN_USE';
  // Of a proxy: 429 and 503 are not from the gateway, and others can have lost its response.
  const isLost = code === 'NETWORK_ERROR' || (code === 'BAD_RESPONSE' && [429, 502, 503, 504].includes(status ?? 0));
  if (!error.errors.every((other) => other.code === code)) return undefined;
  if (!isRejected && !(isLost && isRepeatable)) return undefined;
  return retryAfterSeconds === undefined ? backoff(failures, MAX_BACKOFF_MS) : afterSeconds(retryAfterSeconds);
}
