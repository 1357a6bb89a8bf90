// A `fetch` whose gateway is the test.

import type { ExecutionResult } from '../../src/index.js';

export interface SentRequest {
  operationName: string | undefined;
  query: string;
  variables: Record<string, unknown>;
  headers: Headers;
  body: unknown;
  signal: AbortSignal | undefined;
}

type Answer = Response | ExecutionResult | Error | Promise<Response | ExecutionResult>;
type Handler = (request: SentRequest) => Answer;

export class FakeGateway {
  readonly requests: SentRequest[] = [];
  readonly #handlers = new Map<string, Handler>();

  /** Answers an operation by its name. Later calls replace earlier ones. */
  on(operationName: string, handler: Handler): this {
    this.#handlers.set(operationName, handler);
    return this;
  }

  /** Answers an operation with these answers in order, the last one from then on. */
  answers(operationName: string, ...answers: (Answer | Handler)[]): this {
    let count = 0;
    return this.on(operationName, (request) => {
      const answer = answers[Math.min(count, answers.length - 1)] as Answer | Handler;
      count += 1;
      return typeof answer === 'function' ? answer(request) : answer instanceof Response ? answer.clone() : answer;
    });
  }

  of(operationName: string): SentRequest[] {
    return this.requests.filter((request) => request.operationName === operationName);
  }

  readonly fetch: typeof fetch = async (_, init) => {
    const headers = new Headers(init?.headers);
    const body = init?.body;
    const text = body instanceof FormData ? String(body.get('operations')) : String(body);
    const { query = '', variables = {}, operationName } = JSON.parse(text) as SentRequest;
    const request = { operationName, query, variables, headers, body, signal: init?.signal ?? undefined };
    this.requests.push(request);
    const handler = this.#handlers.get(operationName ?? '');
    if (!handler) throw new Error(`unexpected request: ${operationName}`);
    const abort = new Promise<never>((_, reject) => {
      init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
    });
    const answer = await Promise.race([handler(request), abort]);
    if (answer instanceof Error) throw answer;
    return answer instanceof Response ? answer : json(answer);
  };
}

export const json = (body: unknown, init?: ResponseInit): Response =>
  new Response(JSON.stringify(body), { headers: { 'content-type': 'application/graphql-response+json' }, ...init });

/** A response with one GraphQL error. */
export const failure = (code: string, extensions: Record<string, unknown> = {}, data: unknown = null): ExecutionResult => ({
  data,
  errors: [{ message: `${code}.`, extensions: { code, ...extensions } }],
});

/** A connection that was lost. */
export const lost = (): Error => new TypeError('fetch failed');

/** Never answers. */
export const silence = (): Promise<never> => new Promise(() => {});

let count = 0;

export const user = (id = 'usr_1') => ({ id, displayName: 'Sofia' });

/** A `SessionPayload` with new tokens. */
export function sessionPayload({ seconds = 900, userId = 'usr_1' } = {}) {
  count += 1;
  return {
    session: {
      accessToken: `access-${count}`,
      accessTokenExpiresIn: seconds,
      refreshToken: `refresh-${count}`,
      viewer: { email: `${userId}@example.com`, role: 'MEMBER', user: user(userId) },
    },
    errors: [],
  };
}

/** A payload with one validation error. */
export const invalid = (code: string, field: string[] | null = null) => ({
  session: null,
  errors: [{ code, message: `${code}.`, field, params: [] }],
});
