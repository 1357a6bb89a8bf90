// What the pages show of an error.

import { GigwayError } from 'gigway-client';
import type { CombinedError } from 'urql';

import { texts } from '../texts';

export interface ErrorSummary {
  message: string;
  requestId: string | undefined;
  /** Whether the page goes on by itself, or the same request can succeed later. */
  isTemporary: boolean;
}

type AnyError = CombinedError | GigwayError | Error;

const original = (error: AnyError): GigwayError | undefined => {
  if (error instanceof GigwayError) return error;
  const cause = 'networkError' in error ? error.networkError : undefined;
  return cause instanceof GigwayError ? cause : undefined;
};

const extensionsOf = (error: AnyError): Record<string, unknown> =>
  ('graphQLErrors' in error && error.graphQLErrors[0]?.extensions) || {};

/** The code of the first error. */
export const codeOf = (error: AnyError): string | undefined =>
  original(error)?.code ?? (extensionsOf(error).code as string | undefined);

export function summarize(error: AnyError): ErrorSummary {
  const code = codeOf(error);
  const requestId = original(error)?.requestId ?? (extensionsOf(error).requestId as string | undefined);
  const { network, busy, forbidden, unknown } = texts.errors;
  const messages: Record<string, string> = {
    NETWORK_ERROR: network,
    RATE_LIMITED: busy,
    SERVICE_UNAVAILABLE: busy,
    TIMED_OUT: busy,
    FORBIDDEN: forbidden,
  };
  const isTemporary = code !== undefined && [network, busy].includes(messages[code] ?? '');
  return { message: (code && messages[code]) || (requestId ? unknown : error.message), requestId, isTemporary };
}

/** Validation errors by field, such as "title" or "links.3". Those without a field are under "". */
export function errorsByField(
  errors: readonly { field?: readonly string[] | null; message: string }[],
): Record<string, string> {
  const messages: Record<string, string> = {};
  for (const { field, message } of errors) {
    const key = field?.join('.') ?? '';
    messages[key] = messages[key] ? `${messages[key]} ${message}` : message;
  }
  return messages;
}
