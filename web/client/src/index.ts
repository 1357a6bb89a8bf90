// The public names of the package.

export type { Credentials, NewAccount, SessionBackend } from './backend.js';
export { createClient, type Client, type ClientOptions } from './client.js';
export type { ConnectionListener, ConnectionState } from './connection.js';
export type { TypedDocument } from './document.js';
export {
  GigwayError, messagesByField, validated, type ErrorCode, type ErrorDetail, type GraphQLResponseError,
  type ValidationError,
} from './errors.js';
export type { ExecutionResult, HttpEndpoint } from './http.js';
export { fitPhotograph, type PhotographLimits } from './photographs.js';
export type { RequestOptions } from './request.js';
export type { Session, SessionListener, SignedOutListener, SignedOutReason } from './session.js';
export { memoryStorage, type KeyValueStorage } from './storage.js';
export type { EventInfo, SubscribeOptions } from './subscribe.js';
export type { SessionUser, Tokens } from './tokens.js';
export type { TransportName } from './transports.js';
export type { UploadProgress } from './upload.js';
