// The one class of errors of the package, and the codes that the gateway does not have.

import type { UserErrorCode } from './generated/schema.js';

/** The codes of GraphQL errors that programs handle. The gateway can send more. */
export type ErrorCode =
  | UserErrorCode
  | 'BAD_USER_INPUT'
  | 'CURSOR_EXPIRED'
  | 'FORBIDDEN'
  | 'IDEMPOTENCY_KEY_IN_USE'
  | 'IDEMPOTENT_ANSWER_LOST'
  | 'INTERNAL_SERVER_ERROR'
  | 'INVALID_CURSOR'
  | 'QUERY_TOO_COMPLEX'
  | 'RATE_LIMITED'
  | 'SERVICE_UNAVAILABLE'
  | 'TIMED_OUT'
  | 'UNAUTHENTICATED'
  // Of this package:
  /** There is no response: no network, the connection was lost, or it took too long. */
  | 'NETWORK_ERROR'
  /** The response is not from the gateway, such as the error page of a proxy. */
  | 'BAD_RESPONSE'
  /** The gateway closed the WebSocket, and connecting again is of no use: see `closeCode`. */
  | 'CONNECTION_CLOSED'
  | (string & {});

/** One error of a response. */
export interface ErrorDetail {
  readonly code: ErrorCode;
  readonly message: string;
  /** Of a GraphQL error: where in the response it happened. */
  readonly path?: readonly (string | number)[];
  /** Of a validation error: the path of the field in the input. */
  readonly field?: readonly string[];
  /** Of a validation error: every number and every name in the message. */
  readonly params?: Readonly<Record<string, string>>;
  /** The limit that is exceeded: its value for a validation error, its name for QUERY_TOO_COMPLEX. */
  readonly limit?: string;
  /** What tells errors of one code apart, such as SESSION_ENDED. */
  readonly reason?: string;
  /** The rate limit that is exceeded. */
  readonly budget?: string;
  readonly retryAfterSeconds?: number;
  /** Under this id, the log of the gateway has the cause. */
  readonly requestId?: string;
}

/** A GraphQL error as in a response. */
export interface GraphQLResponseError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** A validation error as in the payload of a mutation. `params` is there if the operation selects it. */
export interface ValidationError {
  readonly code: UserErrorCode;
  readonly message: string;
  readonly field?: readonly string[] | null;
  readonly params?: readonly { readonly name: string; readonly value: string }[];
}

interface Details {
  status?: number | undefined;
  closeCode?: number | undefined;
  data?: unknown;
  cause?: unknown;
}

const RETRYABLE = new Set<ErrorCode>(['IDEMPOTENCY_KEY_IN_USE', 'NETWORK_ERROR', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE']);

/** What went wrong. Its properties are those of the first error; `errors` has all of them. */
export class GigwayError extends Error {
  override readonly name = 'GigwayError';
  readonly errors: readonly ErrorDetail[];
  readonly code: ErrorCode;
  readonly field: readonly string[] | undefined;
  readonly limit: string | undefined;
  readonly reason: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** Whether the same request can succeed later. */
  readonly retryable: boolean;
  /** The status of the HTTP response. */
  readonly status: number | undefined;
  /** The close code of the WebSocket. */
  readonly closeCode: number | undefined;
  /** What the response has beside the errors: the fields that did not fail. */
  readonly data: unknown;

  constructor(errors: readonly ErrorDetail[], { status, closeCode, data, cause }: Details = {}) {
    const first = errors[0] ?? { code: 'BAD_RESPONSE', message: 'No error message' };
    super(errors.length > 1 ? errors.map(({ message }) => message).join(' ') : first.message, { cause });
    this.errors = errors;
    this.code = first.code;
    this.field = first.field;
    this.limit = first.limit;
    this.reason = first.reason;
    this.requestId = errors.find(({ requestId }) => requestId)?.requestId;
    this.retryAfterSeconds = errors.find(({ retryAfterSeconds }) => retryAfterSeconds !== undefined)?.retryAfterSeconds;
    this.retryable =
      errors.every(({ code }) => RETRYABLE.has(code)) || (first.code === 'BAD_RESPONSE' && (status ?? 0) >= 500);
    this.status = status;
    this.closeCode = closeCode;
    this.data = data;
  }

  /** Whether one of the errors has this code. */
  has(code: ErrorCode): boolean {
    return this.errors.some((error) => error.code === code);
  }
}

/** An error of the package itself. */
export const clientError = (code: ErrorCode, message: string, details?: Details & { reason?: string }): GigwayError =>
  new GigwayError([{ code, message, ...(details?.reason && { reason: details.reason }) }], details);

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

/** The error of a response with GraphQL errors. */
export function fromGraphQLErrors(errors: readonly GraphQLResponseError[], details?: Details): GigwayError {
  const toDetail = ({ message, path, extensions = {} }: GraphQLResponseError): ErrorDetail => {
    const { retryAfterSeconds } = extensions;
    const optional = {
      path,
      limit: text(extensions.limit),
      reason: text(extensions.reason),
      budget: text(extensions.budget),
      requestId: text(extensions.requestId),
      retryAfterSeconds: typeof retryAfterSeconds === 'number' ? retryAfterSeconds : undefined,
    };
    const present = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
    return { code: text(extensions.code) ?? 'BAD_RESPONSE', message, ...present };
  };
  return new GigwayError(errors.map(toDetail), details);
}

/** The error of a payload with validation errors. */
export function fromValidationErrors(errors: readonly ValidationError[]): GigwayError {
  return new GigwayError(
    errors.map(({ code, message, field, params }) => {
      const values = params && Object.fromEntries(params.map(({ name, value }) => [name, value]));
      const limit = values?.max ?? values?.min;
      return { code, message, ...(field && { field }), ...(values && { params: values }), ...(limit && { limit }) };
    }),
  );
}

/** Returns the payload of a mutation, or throws its validation errors as one error. */
export function validated<Payload extends { readonly errors: readonly ValidationError[] }>(payload: Payload): Payload {
  if (payload.errors.length > 0) throw fromValidationErrors(payload.errors);
  return payload;
}

/** The messages of an error by field, such as "title" or "links.3". Those without a field have the key "". */
export function messagesByField(errors: readonly { field?: readonly string[] | null; message: string }[]): Record<string, string[]> {
  const messages: Record<string, string[]> = {};
  for (const { field, message } of errors) (messages[field?.join('.') ?? ''] ??= []).push(message);
  return messages;
}
