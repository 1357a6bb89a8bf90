// What the adapters for Apollo Client, urql and Relay have in common.

import type { GigwayError, GraphQLResponseError } from './errors.js';
import type { RequestOptions } from './request.js';
import type { SubscribeOptions } from './subscribe.js';

/** The options that an operation can have. Each adapter reads them where its library has room for them. */
export type OperationContext = Pick<RequestOptions, 'idempotencyKey' | 'onUploadProgress' | 'scalePhotographs' | 'timeoutSeconds'> &
  Pick<SubscribeOptions<unknown>, 'reload' | 'resume'>;

/** Those for a query or a mutation. */
export const requestOptions = (
  { idempotencyKey, onUploadProgress, scalePhotographs, timeoutSeconds }: Partial<OperationContext>,
  signal: AbortSignal,
): RequestOptions => ({ idempotencyKey, onUploadProgress, scalePhotographs, timeoutSeconds, signal });

/** The errors of the gateway as in its response, or undefined if the error is of the network. */
export const responseErrors = ({ code, errors }: GigwayError): GraphQLResponseError[] | undefined =>
  code === 'NETWORK_ERROR' || code === 'BAD_RESPONSE' || code === 'CONNECTION_CLOSED'
    ? undefined
    : errors.map(({ message, path, ...extensions }) => ({ message, ...(path && { path }), extensions }));
