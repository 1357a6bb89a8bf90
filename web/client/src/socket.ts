// Subscriptions over one WebSocket, with graphql-ws: keep-alive, credentials and reconnection.

import { createClient, type Client, type SubscribePayload } from 'graphql-ws/client';

import type { Connection } from './connection.js';
import { isOffline } from './environment.js';
import { clientError, fromGraphQLErrors, GigwayError, type GraphQLResponseError } from './errors.js';
import type { ExecutionResult, RequestBody } from './http.js';
import { backoff } from './retry.js';
import type { Session } from './session.js';
import type { Sink, Transport, TransportEvents } from './transport.js';

const CONNECT_SECONDS = 5; // to connect
const PING_SECONDS = 10; // between pings
const PONG_SECONDS = 5; // to respond to a ping
const MAX_BACKOFF_MS = 5000;
const RENEW_AFTER = 0.85; // of the lifetime of the access token
const LAZY_CLOSE_MS = 3000; // for the next page to use the connection
const FAILURES_UNTIL_UNREACHABLE = 3;

const CREDENTIALS_REFUSED = 4403;
const SESSION_ENDED = 4410;
const TERMINATED = 4499;
const ABNORMAL = 1006;
const NORMAL = 1000;

export interface SocketOptions extends TransportEvents {
  url: string;
  webSocket: unknown;
  session: Session;
  connection: Connection;
}

export class Socket implements Transport {
  readonly #options: SocketOptions;
  readonly #client: Client;
  #accessToken: string | undefined;
  #open: WebSocket | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #endWait: (() => void) | undefined;
  #skipsWait = false;
  #isConnecting = false;
  #failures = 0;
  #subscriptions = 0;

  constructor(options: SocketOptions) {
    this.#options = options;
    const { session, connection } = options;
    this.#client = createClient({
      url: options.url,
      webSocketImpl: options.webSocket,
      connectionParams: async () => {
        this.#accessToken = await session.accessToken().catch((error: unknown) => {
          if (error instanceof GigwayError) throw error;
          throw clientError('NETWORK_ERROR', 'There is no access token', { cause: error });
        });
        return this.#accessToken ? { authorization: `Bearer ${this.#accessToken}` } : {};
      },
      keepAlive: PING_SECONDS * 1000,
      lazyCloseTimeout: LAZY_CLOSE_MS,
      retryAttempts: Infinity,
      // A close, a refused connection, or a refresh that failed. Other errors would come again at once.
      shouldRetry: (cause) => !(cause instanceof Error) || cause instanceof GigwayError || isClose(cause),
      retryWait: (retries) => this.#wait(retries),
      on: {
        connecting: () => {
          connection.set(this, 'connecting');
          this.#isConnecting = true;
          this.#terminateAfter(CONNECT_SECONDS);
        },
        connected: (socket, payload) => {
          clearTimeout(this.#deadline);
          this.#open = socket as WebSocket;
          this.#isConnecting = false;
          this.#failures = 0;
          connection.set(this, 'open');
          this.#renewLater(payload);
        },
        ping: (isFromGateway) => void (isFromGateway || this.#terminateAfter(PONG_SECONDS)),
        pong: (isFromGateway, payload) => {
          if (!isFromGateway) return;
          clearTimeout(this.#deadline);
          this.#renewLater(payload);
        },
        closed: (event) => this.#closed(event as CloseEvent),
      },
    });
  }

  subscribe(body: RequestBody, sink: Sink): () => void {
    try {
      JSON.stringify(body);
    } catch (error) {
      sink.error(clientError('BAD_USER_INPUT', `The variables are not JSON: ${(error as Error).message}`, { cause: error }));
      return () => {};
    }
    this.#subscriptions += 1;
    let isActive = true;
    const finish = () => {
      if (!isActive) return;
      isActive = false;
      this.#subscriptions -= 1;
      const isIdle = this.#subscriptions === 0 && !this.#open && !this.#isConnecting;
      if (isIdle) this.#options.connection.set(this, 'closed');
    };
    const end = this.#client.subscribe(body as SubscribePayload, {
      next: (result) => sink.next(result as ExecutionResult),
      error: (cause) => {
        finish();
        sink.error(toError(cause));
      },
      complete: () => {
        finish();
        sink.complete();
      },
    });
    return () => {
      finish();
      end();
    };
  }

  wake(isCertain: boolean): void {
    if (isCertain) this.reconnect();
    else this.#endWait?.();
  }

  reconnect(): void {
    // This end does not count as a failure. graphql-ws asks for the next wait after it.
    this.#failures = this.#isConnecting ? -1 : 0;
    this.#skipsWait = this.#endWait === undefined;
    this.#endWait?.();
    this.#client.terminate();
  }

  check(): void {
    if (this.#open?.readyState !== WEB_SOCKET_OPEN) return;
    this.#open.send('{"type":"ping"}');
    this.#terminateAfter(PONG_SECONDS);
  }

  close(): void {
    this.#subscriptions = 0;
    clearTimeout(this.#deadline);
    clearTimeout(this.#renewal);
    this.#endWait?.();
    Promise.resolve(this.#client.dispose()).catch(() => {}); // no connection: nothing to close
    this.#options.connection.set(this, 'closed');
  }

  /** Gives a dead connection up. The client then connects again, and every subscription resumes. */
  #terminateAfter(seconds: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#client.terminate(), seconds * 1000);
  }

  /** Renews the credentials of the open socket before they expire. */
  #renewLater(payload: Record<string, unknown> | undefined): void {
    const seconds = payload?.accessTokenExpiresIn;
    if (typeof seconds !== 'number') return;
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => void this.#renew(), seconds * RENEW_AFTER * 1000);
  }

  async #renew(): Promise<void> {
    const socket = this.#open;
    // After a failure, the gateway closes the socket with 4403.
    const accessToken = await this.#options.session.accessToken().catch(() => undefined);
    if (!accessToken || socket !== this.#open || socket?.readyState !== WEB_SOCKET_OPEN) return;
    this.#accessToken = accessToken;
    socket.send(JSON.stringify({ type: 'ping', payload: { authorization: `Bearer ${accessToken}` } }));
  }

  #wait(retries: number): Promise<void> {
    if (this.#skipsWait) {
      this.#skipsWait = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#endWait = () => {
        clearTimeout(timer);
        this.#endWait = undefined;
        resolve();
      };
      const timer = setTimeout(this.#endWait, backoff(retries, MAX_BACKOFF_MS));
    });
  }

  #closed({ code, reason }: CloseEvent): void {
    const { session, connection, onUnreachable } = this.#options;
    clearTimeout(this.#deadline);
    clearTimeout(this.#renewal);
    const wasOpen = this.#open !== undefined;
    this.#open = undefined;
    this.#isConnecting = false;
    connection.set(this, this.#subscriptions > 0 && code !== NORMAL ? 'waiting' : 'closed');
    if (code === CREDENTIALS_REFUSED && this.#accessToken) {
      session.reject(this.#accessToken);
      session.accessToken().catch(() => {}); // already during the wait: the next connection asks again
    }
    if (code === SESSION_ENDED) {
      const message = reason || 'The session has ended';
      session.end(clientError('UNAUTHENTICATED', message, { closeCode: code, reason: 'SESSION_ENDED' }), this.#accessToken);
    }
    // Proxies that do not know WebSockets refuse the handshake, or let it time out.
    const hasNotGotThrough = !wasOpen && (code === ABNORMAL || code === TERMINATED);
    if (!hasNotGotThrough || isOffline()) return;
    this.#failures += 1;
    if (this.#failures < FAILURES_UNTIL_UNREACHABLE) return;
    this.#failures = 0;
    onUnreachable();
  }
}

const WEB_SOCKET_OPEN = 1;

const isClose = (cause: object) => 'code' in cause && typeof cause.code === 'number' && cause.code >= NORMAL;

/** graphql-ws reports a list of GraphQL errors, the close of the socket, or an Error. */
function toError(cause: unknown): GigwayError {
  if (cause instanceof GigwayError) return cause;
  if (Array.isArray(cause)) return fromGraphQLErrors(cause as GraphQLResponseError[]);
  const { code, reason, message } = (cause ?? {}) as Partial<CloseEvent & Error>;
  const text = reason || message || 'The connection was closed';
  return clientError('CONNECTION_CLOSED', text, { closeCode: typeof code === 'number' ? code : undefined, cause });
}
