// The session of the user, which the tabs of a site share if their storage does.

import type { Credentials, NewAccount, SessionBackend } from './backend.js';
import { createChannel, type Channel, type Message } from './channel.js';
import { isVisible, listen, notify, randomId } from './environment.js';
import { clientError, type GigwayError } from './errors.js';
import { refresh } from './refresh.js';
import { wait } from './retry.js';
import { readJson, writeJson, type KeyValueStorage } from './storage.js';
import { isRefused, toStored, type SessionUser, type StoredSession, type Tokens } from './tokens.js';

/** Why nobody is signed in any more. The gateway can send further reasons. */
export type SignedOutReason =
  /** `signOut` was called. */
  | 'SIGNED_OUT'
  /** `signOut` was called in another tab. */
  | 'SIGNED_OUT_ELSEWHERE'
  /** Somebody else has signed in, in another tab. */
  | 'REPLACED'
  /** The gateway has ended the session: from another device, because the account is blocked, or for its age. */
  | 'SESSION_ENDED'
  /** The gateway refuses to continue the session: it has ended or expired meanwhile, or its tokens were used twice. */
  | 'REFRESH_REFUSED'
  | (string & {});

export type SignedOutListener = (reason: SignedOutReason, error?: GigwayError) => void;
export type SessionListener = (user: SessionUser | null) => void;

export interface SessionOptions {
  backend: SessionBackend;
  storage: KeyValueStorage;
  /** The prefix of the keys in the storage, and of the names of channels. */
  prefix: string;
  onSignedOut?: SignedOutListener | undefined;
}

/** For a tab to see what another tab has stored. */
const STORAGE_DELAY_MS = 200;

export class Session {
  /** Resolves when the stored session is restored. Until then, `user` is null. */
  readonly ready: Promise<void>;
  readonly #options: SessionOptions;
  readonly #key: string;
  readonly #channel: Channel;
  readonly #listeners = new Set<SessionListener>();
  readonly #endings: (() => void)[] = [];
  #current: StoredSession | undefined;
  #isStored = false;
  #refreshing: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#key = `${options.prefix}:session`;
    this.#channel = createChannel(this.#key);
    this.#channel.listen((message) => this.#receive(message));
    // Browsers stop pages that are not shown, and such a page may have missed messages.
    this.#endings.push(listen('pageshow', () => void this.#sync()));
    this.#endings.push(listen('visibilitychange', () => void (isVisible() && this.#sync())));
    this.ready = this.#restore();
  }

  /** The signed-in user, or null. */
  get user(): SessionUser | null {
    return this.#current?.user ?? null;
  }

  /** Calls back with the user after each sign-in and sign-out, in this tab or another. Returns a function to stop. */
  onChange(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Signs in. Throws WRONG_CREDENTIALS, NOT_ALLOWED if the account is blocked, or RATE_LIMITED. */
  async signIn(credentials: Credentials): Promise<SessionUser> {
    await this.ready;
    return this.#begin(await this.#options.backend.signIn(credentials));
  }

  /** Creates an account and signs in. Throws the validation errors of the form. */
  async signUp(account: NewAccount): Promise<SessionUser> {
    await this.ready;
    return this.#begin(await this.#options.backend.signUp(account));
  }

  /**
   * Signs out: in this tab and those that share the session at once, then at the gateway. Rejects if the gateway cannot
   * be reached: then the session continues there until it expires.
   */
  async signOut({ everywhere = false }: { everywhere?: boolean } = {}): Promise<void> {
    await this.ready;
    const ended = this.#current;
    if (!ended) return;
    const { backend } = this.#options;
    await this.#end('SIGNED_OUT');
    try {
      const isExpired = Date.now() >= ended.expiresAt;
      const { accessToken } = isExpired ? await backend.refresh(ended.refreshToken) : ended;
      await backend.signOut(accessToken, everywhere);
    } catch (error) {
      if (!isRefused(error)) throw error; // otherwise it has ended already
    }
  }

  /** An access token that is valid for some time, or undefined if nobody is signed in. */
  async accessToken(): Promise<string | undefined> {
    await this.ready;
    const session = this.#current;
    if (!session || Date.now() < session.refreshAt) return session?.accessToken;
    try {
      await this.#refresh();
    } catch (error) {
      // Without network, the token may still be good for a while.
      if (this.#current !== session || Date.now() >= session.expiresAt) throw error;
    }
    return this.#current?.accessToken;
  }

  /** After UNAUTHENTICATED, or the close code 4403: the next access token is another one. */
  reject(accessToken: string): void {
    if (this.#current?.accessToken === accessToken) this.#current = { ...this.#current, refreshAt: 0, expiresAt: 0 };
  }

  /** The gateway has ended the session of this access token. */
  end(error: GigwayError, accessToken?: string): void {
    if (accessToken && this.#current?.accessToken !== accessToken) return;
    void this.#end(error.reason ?? 'SESSION_ENDED', error);
  }

  close(): void {
    this.#endings.forEach((end) => end());
    this.#listeners.clear();
    this.#channel.close();
  }

  async #restore(): Promise<void> {
    this.#current = await this.#stored();
    this.#isStored = this.#current !== undefined;
    const { backend } = this.#options;
    if (!this.#current && backend.hasCookies) {
      const tokens = await backend.refresh('').catch(() => undefined);
      if (tokens) this.#current = toStored(tokens, this.#newId(tokens), 0);
    }
    if (this.#current) notify(this.#listeners, this.user);
  }

  async #begin(tokens: Tokens): Promise<SessionUser> {
    const previous = this.#current;
    if (previous && previous.user.id !== tokens.user.id) await this.#end('REPLACED');
    await this.#store(toStored(tokens, this.#newId(tokens), 0));
    this.#channel.send({ type: 'signed-in' });
    notify(this.#listeners, this.user);
    return tokens.user;
  }

  /** Cookies are the same in all tabs, other than a storage may be. */
  #newId({ user }: Tokens): string {
    return this.#options.backend.hasCookies ? `cookies:${user.id}` : randomId();
  }

  async #end(reason: SignedOutReason, error?: GigwayError): Promise<void> {
    const ended = this.#current;
    if (!ended) return;
    this.#current = undefined;
    this.#isStored = false;
    if (reason !== 'REPLACED' && reason !== 'SIGNED_OUT_ELSEWHERE') this.#channel.send({ type: 'signed-out', id: ended.id });
    // Another tab may have signed in again already.
    const stored = await this.#stored();
    if (stored?.id === ended.id) await writeJson(this.#options.storage, this.#key, undefined);
    notify(this.#listeners, this.user);
    if (this.#options.onSignedOut) notify([this.#options.onSignedOut], reason, error);
  }

  /** Takes the session over at once, and stores it. */
  async #store(session: StoredSession): Promise<void> {
    this.#current = session;
    this.#isStored = await writeJson(this.#options.storage, this.#key, session);
  }

  #stored(): Promise<StoredSession | undefined> {
    return readJson<StoredSession>(this.#options.storage, this.#key);
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= refresh({
      channel: this.#channel,
      current: () => this.#current,
      sync: () => this.#sync(),
      exchange: (refreshToken) => this.#options.backend.refresh(refreshToken),
      replace: async (old, tokens) => {
        if (this.#current?.id !== old.id) return; // signed out meanwhile
        const session = toStored(tokens, old.id, old.generation + 1);
        await this.#store(session);
        this.#channel.send({ type: 'refreshed', session });
      },
      end: (error) => void this.#end(error.reason ?? 'REFRESH_REFUSED', error),
    }).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Takes over what another tab has stored. */
  async #sync(): Promise<void> {
    await this.ready;
    const current = this.#current;
    const stored = await this.#stored();
    if (this.#current !== current) return; // it has changed meanwhile
    if (stored?.id === current?.id) {
      if (stored && current && stored.generation > current.generation) this.#current = stored;
    } else if (!stored) {
      if (this.#isStored) await this.#end('SIGNED_OUT_ELSEWHERE');
    } else {
      if (current && current.user.id !== stored.user.id) {
        this.#current = undefined;
        notify(this.#listeners, null);
        if (this.#options.onSignedOut) notify([this.#options.onSignedOut], 'REPLACED', undefined);
      }
      this.#current = stored;
      this.#isStored = true;
      notify(this.#listeners, this.user);
    }
  }

  /** Stores what another tab has sent, if the storage does not have it: `sessionStorage` is not shared. */
  async #storeCopy(session: StoredSession): Promise<void> {
    const stored = await this.#stored();
    const isOlder = stored?.id === session.id && stored.generation < session.generation;
    if (isOlder) await writeJson(this.#options.storage, this.#key, session);
  }

  #receive(message: Message): void {
    const current = this.#current;
    if (message.type === 'refreshed') {
      const { session } = message;
      if (session.id !== current?.id || session.generation <= current.generation) return;
      this.#current = session;
      void this.#storeCopy(session);
    } else if (message.type === 'ask') {
      const isNewer = current?.id === message.id && current.generation > message.generation;
      if (isNewer) this.#channel.send({ type: 'refreshed', session: current });
    } else if (message.type === 'signed-out') {
      if (message.id === current?.id) void this.#end('SIGNED_OUT_ELSEWHERE');
    } else if (message.type === 'signed-in') {
      // The message can arrive before the storage has the session.
      void this.#sync().then(() => wait(STORAGE_DELAY_MS)).then(() => this.#sync());
    }
  }
}

/** For a request that began as one user, and must not be repeated as another. */
export const sessionChanged = (): GigwayError =>
  clientError('UNAUTHENTICATED', 'Somebody else has signed in.', { reason: 'SESSION_CHANGED' });

/** For a request that began as a user who is no longer signed in. */
export const sessionEnded = (): GigwayError =>
  clientError('UNAUTHENTICATED', 'The session has ended. Sign in again.', { reason: 'SESSION_ENDED' });
