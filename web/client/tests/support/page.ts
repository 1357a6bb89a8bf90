// A page with a client, a fake gateway and fake sockets.

import { vi } from 'vitest';

import { createClient, type Client, type ClientOptions, type ConnectionState, type GigwayError } from '../../src/index.js';
import { fakeTabs, fakeWindow } from './fake-browser.js';
import { FakeGateway, sessionPayload } from './fake-gateway.js';
import { FakeSocket } from './fake-socket.js';

export const CHANGES = `subscription Changes($where: GigFilter, $after: String) {
  catalogueChanged(where: $where, after: $after) { cursor gigId } }`;

export interface Change {
  catalogueChanged: { cursor: string; gigId: string };
}

export const change = (cursor: string): Change => ({ catalogueChanged: { cursor, gigId: `gig_${cursor}` } });

export interface Page {
  client: Client;
  gateway: FakeGateway;
  /** Sends an event of the browser. */
  send: ReturnType<typeof fakeWindow>;
  states: ConnectionState[];
  reasons: string[];
}

export function openPage(options: Partial<ClientOptions> = {}): Page {
  vi.useFakeTimers();
  fakeTabs();
  FakeSocket.reset();
  vi.stubGlobal('WebSocket', FakeSocket);
  const send = fakeWindow();
  let events = 0;
  const gateway = new FakeGateway()
    .on('SignIn', () => ({ data: { signIn: sessionPayload() } }))
    .on('RefreshSession', () => ({ data: { refreshSession: sessionPayload() } }))
    .on('SignOut', () => ({ data: { signOut: { sessionsEnded: 1, errors: [] } } }))
    .on('EventCursor', () => ({ data: { eventCursor: `start-${(events += 1)}` } }));
  const states: ConnectionState[] = [];
  const reasons: string[] = [];
  const client = createClient({
    url: 'https://api.example.com/graphql',
    fetch: gateway.fetch,
    onConnection: (state) => states.push(state),
    onSignedOut: (reason) => reasons.push(reason),
    ...options,
  });
  return { client, gateway, send, states, reasons };
}

/** What a subscription reports. */
export class Inbox<Data = Change> {
  readonly events: Data[] = [];
  readonly errors: GigwayError[] = [];
  completions = 0;

  readonly next = (data: Data): void => void this.events.push(data);
  readonly error = (error: GigwayError): void => void this.errors.push(error);
  readonly complete = (): void => void (this.completions += 1);

  get cursors(): string[] {
    return (this.events as unknown as Change[]).map(({ catalogueChanged }) => catalogueChanged.cursor);
  }

  get codes(): string[] {
    return this.errors.map(({ code }) => code);
  }
}

/** Lets fake time pass. */
export const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
