// A subscription that misses nothing: it resumes after the last event, over whatever connection.

import { canResume, cursorOf, hasSnapshot, SeenCursors, StoredCursor } from './cursors.js';
import { parseDocument, type Operation, type TypedDocument } from './document.js';
import { reportUncaught } from './environment.js';
import { fromGraphQLErrors, GigwayError } from './errors.js';
import { EventCursorDocument } from './generated/operations/graphql.js';
import type { ExecutionResult, RequestBody } from './http.js';
import { bodyOf, type Requester } from './request.js';
import { afterSeconds, backoff, wait } from './retry.js';
import { sessionChanged, type Session } from './session.js';
import type { KeyValueStorage } from './storage.js';
import type { Transports } from './transports.js';

export interface EventInfo {
  /** The cursor of the event, if the subscription selects it. */
  readonly cursor: string | undefined;
  /** What is missing in the data, if a nullable field failed. */
  readonly error: GigwayError | undefined;
}

export interface SubscribeOptions<Data> {
  /** Each event, once and in order. */
  next(data: Data, event: EventInfo): void;
  /** The subscription has ended with an error. Lost connections are no errors. */
  error?: ((error: GigwayError) => void) | undefined;
  /** The subscription has ended without an error. */
  complete?: (() => void) | undefined;
  /**
   * A name under which the cursor is stored, for each user. The subscription then continues where it was when the page
   * was closed. The first time, it starts with what happens from then on.
   */
  resume?: string | undefined;
  /**
   * Reads the current state, shows it, and returns the `eventCursor` that was read in the same query. It is called at
   * the start unless there is a cursor, and again if the gateway no longer has the events after the cursor.
   */
  reload?: (() => Promise<string>) | undefined;
}

export interface SubscribeContext {
  readonly requester: Requester;
  readonly session: Session;
  readonly transports: Transports;
  readonly cursorStorage: KeyValueStorage;
  readonly prefix: string;
  readonly sendsDocumentIds: boolean;
}

const MAX_BACKOFF_MS = 10_000;

/** Starts a subscription. Returns a function that ends it. */
export function subscribe<Data, Variables>(
  context: SubscribeContext,
  document: TypedDocument<Data, Variables>,
  variables: Variables | undefined,
  options: SubscribeOptions<Data>,
): () => void {
  const operation = parseDocument(document);
  if (operation.kind !== 'subscription') throw new TypeError('`subscribe` needs a subscription');
  if ((options.resume || options.reload) && !canResume(operation)) {
    throw new TypeError(`To resume, ${operation.name ?? 'a subscription'} needs the variable $after, and must select cursor`);
  }
  const subscription = new Subscription(context, operation, { ...variables }, options as SubscribeOptions<unknown>);
  void subscription.run();
  return () => subscription.end();
}

class Subscription {
  readonly #context: SubscribeContext;
  readonly #operation: Operation;
  readonly #variables: Record<string, unknown>;
  readonly #options: SubscribeOptions<unknown>;
  readonly #seen = new SeenCursors();
  readonly #ending = new AbortController();
  #stored: StoredCursor | undefined;
  #userId: string | undefined;
  /** Subscribes again: on another transport, or to see that the user has changed. */
  #restart = () => {};
  #failures = 0;
  #isRefreshed = false;

  constructor(context: SubscribeContext, operation: Operation, variables: Record<string, unknown>, options: SubscribeOptions<unknown>) {
    this.#context = context;
    this.#operation = operation;
    this.#variables = variables;
    this.#options = options;
  }

  end(): void {
    this.#ending.abort();
  }

  async run(): Promise<void> {
    const { session, transports } = this.#context;
    const endings = [
      transports.onSwitch(() => this.#restart()),
      session.onChange((user) => {
        if (user && this.#userId !== undefined && user.id !== this.#userId) this.#restart();
        else if (user) this.#userId = user.id;
      }),
    ];
    try {
      await session.ready;
      this.#userId = session.user?.id;
      await this.#findStart();
      while (!this.#hasEnded) {
        this.#checkUser();
        const outcome = await this.#follow();
        if (this.#hasEnded) return;
        if (outcome === 'complete') return this.#options.complete?.();
        if (outcome instanceof GigwayError) await this.#recover(outcome);
      }
    } catch (error) {
      if (this.#hasEnded) return;
      if (this.#options.error) this.#options.error(error as GigwayError);
      else reportUncaught(error);
    } finally {
      endings.forEach((end) => end());
    }
  }

  get #hasEnded(): boolean {
    return this.#ending.signal.aborted;
  }

  /** What one user has subscribed to must not continue as another. */
  #checkUser(): void {
    const { session } = this.#context;
    const userId = session.user?.id;
    if (this.#userId !== undefined && userId !== undefined && userId !== this.#userId) throw sessionChanged();
    this.#userId ??= userId;
  }

  /** Sets the cursor after which the subscription starts. Then a lost connection loses no event, not even the first. */
  async #findStart(): Promise<void> {
    const { resume, reload } = this.#options;
    if (resume) this.#stored = new StoredCursor(this.#context.cursorStorage, this.#context.prefix, this.#userId, resume);
    this.#variables.after ??= await this.#stored?.read();
    if (this.#variables.after != null || !canResume(this.#operation)) return;
    if (reload) return this.#reload(reload);
    if (!resume && hasSnapshot(this.#operation, this.#variables)) return;
    const { eventCursor } = await this.#patiently(() =>
      this.#context.requester.request(EventCursorDocument, undefined, { signal: this.#ending.signal }),
    );
    this.#moveTo(eventCursor);
  }

  async #reload(reload: () => Promise<string>): Promise<void> {
    const cursor = await this.#patiently(reload);
    this.#seen.clear();
    this.#moveTo(cursor);
  }

  #moveTo(cursor: string): void {
    this.#variables.after = cursor;
    this.#stored?.write(cursor);
  }

  /** Repeats what the network has made fail, as long as it takes. */
  async #patiently<T>(task: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await task();
      } catch (error) {
        if (this.#hasEnded || !(error instanceof GigwayError) || !error.retryable) throw error;
        const { retryAfterSeconds: seconds } = error;
        const ms = seconds === undefined ? backoff(failures, MAX_BACKOFF_MS) : afterSeconds(seconds);
        await wait(ms, { signal: this.#ending.signal, untilOnline: true });
      }
    }
  }

  /** Subscribes until the subscription ends. `switched`: it has to start again. */
  #follow(): Promise<'complete' | 'switched' | GigwayError> {
    return new Promise((resolve) => {
      const { transports, sendsDocumentIds } = this.#context;
      // The transport reads the variables again at each connection.
      const body: RequestBody = bodyOf(this.#operation, this.#variables, sendsDocumentIds);
      let isActive = true;
      let end = () => {};
      const finish = (outcome: 'complete' | 'switched' | GigwayError) => {
        isActive = false;
        this.#ending.signal.removeEventListener('abort', onEnd);
        resolve(outcome);
      };
      const leave = (outcome: 'complete' | 'switched') => {
        if (!isActive) return;
        finish(outcome);
        end();
      };
      const onEnd = () => leave('complete');
      this.#restart = () => leave('switched');
      this.#ending.signal.addEventListener('abort', onEnd);
      end = transports.current().subscribe(body, {
        next: (result) => isActive && this.#next(result),
        error: (error) => isActive && finish(error),
        complete: () => isActive && finish('complete'),
      });
      if (!isActive) end();
    });
  }

  #next({ data, errors }: ExecutionResult): void {
    this.#failures = 0;
    this.#isRefreshed = false;
    const cursor = cursorOf(data);
    if (cursor !== undefined && canResume(this.#operation)) {
      if (!this.#seen.add(cursor)) return;
      // Before the callback, which may end the subscription, and after which another connection may begin.
      this.#variables.after = cursor;
    }
    try {
      this.#options.next(data, { cursor, error: errors?.length ? fromGraphQLErrors(errors) : undefined });
    } catch (error) {
      reportUncaught(error);
    }
    // After the callback: an event that is reported twice is better than none.
    if (cursor !== undefined) this.#stored?.write(cursor);
  }

  /** Makes it possible to subscribe again, or throws the error. */
  async #recover(error: GigwayError): Promise<void> {
    const { session } = this.#context;
    const { reload } = this.#options;
    const signal = this.#ending.signal;
    this.#failures += 1;
    // A stored cursor can also be of something else, such as an earlier version of the application.
    if (error.code === 'CURSOR_EXPIRED' || (error.code === 'INVALID_CURSOR' && this.#stored)) {
      this.#stored?.write(undefined);
      if (!reload) throw error;
      if (this.#failures > 1) await wait(backoff(this.#failures, MAX_BACKOFF_MS), { signal });
      await this.#reload(reload);
    } else if (error.code === 'RATE_LIMITED' || error.code === 'SERVICE_UNAVAILABLE') {
      const seconds = error.retryAfterSeconds;
      await wait(seconds === undefined ? backoff(this.#failures, MAX_BACKOFF_MS) : afterSeconds(seconds), { signal });
    } else if (error.code === 'UNAUTHENTICATED' && !error.reason && session.user && !this.#isRefreshed) {
      this.#isRefreshed = true;
      const accessToken = await session.accessToken();
      if (accessToken) session.reject(accessToken);
      await this.#patiently(() => session.accessToken());
      this.#context.transports.reconnect();
    } else {
      throw error;
    }
  }
}
