// The client: puts the parts together.

import { gatewayBackend, type SessionBackend } from './backend.js';
import { Connection, type ConnectionListener, type ConnectionState } from './connection.js';
import type { OperationArguments, TypedDocument } from './document.js';
import { isVisible, listen } from './environment.js';
import type { ExecutionResult, HttpEndpoint } from './http.js';
import { Requester, type RequestOptions } from './request.js';
import { Session, type SignedOutListener } from './session.js';
import { memoryStorage, type KeyValueStorage } from './storage.js';
import { subscribe, type SubscribeOptions } from './subscribe.js';
import { Transports, type TransportName } from './transports.js';

export interface ClientOptions {
  /** The address of the API, such as `https://api.example.com/graphql`. By default, `/graphql` of the page's origin. */
  url?: string | URL | undefined;
  /** Where the session is stored: `localStorage`, `sessionStorage`, or your own. By default only in memory. */
  storage?: KeyValueStorage | undefined;
  /** Where the cursors of `resume` are stored. By default the same as `storage`. */
  cursorStorage?: KeyValueStorage | undefined;
  /** Where sessions begin and end, if not at the gateway: `cookieSession` of `gigway-client/cookies`. */
  session?: ((endpoint: HttpEndpoint) => SessionBackend) | undefined;
  /** Calls back when the user is no longer signed in, with the reason. */
  onSignedOut?: SignedOutListener | undefined;
  /** Calls back when the state of the connection changes. */
  onConnection?: ConnectionListener | undefined;
  /** How subscriptions are carried. By default a WebSocket, and server-sent events if WebSockets do not get through. */
  transport?: TransportName | 'auto' | undefined;
  /** The class for WebSockets, such as that of the package `ws`. By default that of the platform. */
  webSocket?: unknown;
  /** By default that of the platform. */
  fetch?: typeof fetch | undefined;
  /** Seconds until an attempt without files fails. 35 by default: the gateway stops mutations after 30. */
  timeoutSeconds?: number | undefined;
  /** Sends the ids of documents that have one, for a gateway with trusted documents. */
  sendsDocumentIds?: boolean | undefined;
  /** The prefix of keys in the storages. `gigway` by default. Two clients on one origin need two. */
  prefix?: string | undefined;
}

export interface Client {
  readonly session: Session;
  /** The state of the connection for subscriptions. */
  readonly connection: ConnectionState;
  /** Calls back when the state of the connection changes. Returns a function to stop. */
  onConnection(listener: ConnectionListener): () => void;
  /** Runs a query or a mutation, and returns its data. Throws a `GigwayError`. */
  request<Data = unknown, Variables = object>(
    document: TypedDocument<Data, Variables>,
    ...rest: OperationArguments<Variables, RequestOptions>
  ): Promise<Data>;
  /** The same, but returns the errors of the response instead of throwing them. For adapters. */
  execute<Data>(
    document: TypedDocument<Data, never> | string,
    variables?: unknown,
    options?: RequestOptions,
  ): Promise<ExecutionResult<Data>>;
  /** Subscribes, and resumes after every interruption. Returns a function that ends the subscription. */
  subscribe<Data = unknown, Variables = object>(
    document: TypedDocument<Data, Variables>,
    variables: Variables,
    options: SubscribeOptions<Data>,
  ): () => void;
  /** `fetch` with the access token, for pictures of identity documents. Only the origin of the gateway gets it. */
  fetch(input: string | URL, init?: RequestInit): Promise<Response>;
  /** Ends all subscriptions and connections. The stored session stays. */
  close(): void;
}

export function createClient(options: ClientOptions = {}): Client {
  const {
    storage = memoryStorage(), cursorStorage = storage, prefix = 'gigway', transport = 'auto', timeoutSeconds = 35,
    sendsDocumentIds = false,
  } = options;
  const endpoint: HttpEndpoint = {
    url: new URL(options.url ?? '/graphql', globalThis.location?.href).href,
    fetch: (input, init) => (options.fetch ?? globalThis.fetch)(input, init),
    timeoutSeconds,
  };
  const backend = (options.session ?? gatewayBackend)(endpoint);
  const connection = new Connection();
  if (options.onConnection) connection.listen(options.onConnection);
  const session = new Session({ backend, storage, prefix, onSignedOut: options.onSignedOut });
  const requester = new Requester({ endpoint, session, sendsDocumentIds });
  const transports = new Transports({ endpoint, session, connection, webSocket: options.webSocket, transport });
  const context = { requester, session, transports, cursorStorage, prefix, sendsDocumentIds };
  const subscriptions = new Set<() => void>();

  // A connection has the credentials with which it was opened. A refresh changes only the tokens, not the user.
  let userId: string | undefined;
  void session.ready.then(() => (userId = session.user?.id));
  session.onChange((user) => {
    if (user?.id === userId) return;
    userId = user?.id;
    transports.reconnect();
  });
  const endings = [
    listen('online', () => transports.online()),
    listen('offline', () => transports.offline()),
    listen('visibilitychange', () => isVisible() && transports.shown()),
  ];

  return {
    session,
    get connection() {
      return connection.state;
    },
    onConnection: (listener) => connection.listen(listener),
    request: (document, ...[variables, requestOptions]) => requester.request(document, variables, requestOptions),
    async execute<Data>(document: TypedDocument<Data, never> | string, variables?: unknown, requestOptions?: RequestOptions) {
      const { data, errors, extensions } = await requester.execute(
        document as TypedDocument<Data, unknown>, variables, requestOptions,
      );
      return { ...(data !== undefined && { data }), ...(errors && { errors }), ...(extensions && { extensions }) };
    },
    subscribe(document, variables, subscribeOptions) {
      const end = subscribe(context, document, variables, subscribeOptions);
      subscriptions.add(end);
      return () => {
        subscriptions.delete(end);
        end();
      };
    },
    async fetch(input, init) {
      const isGateway = new URL(input, endpoint.url).origin === new URL(endpoint.url).origin;
      const send = async () => {
        const accessToken = isGateway ? await session.accessToken() : undefined;
        const headers = new Headers(init?.headers);
        if (accessToken) headers.set('authorization', `Bearer ${accessToken}`);
        return { accessToken, response: await endpoint.fetch(new URL(input, endpoint.url), { ...init, headers }) };
      };
      const { accessToken, response } = await send();
      if (response.status !== 401 || !accessToken) return response;
      session.reject(accessToken);
      return (await send()).response;
    },
    close() {
      endings.forEach((end) => end());
      subscriptions.forEach((end) => end());
      transports.close();
      session.close();
    },
  };
}
