// One exchange of the refresh token, whatever the number of tabs.

import type { Channel } from './channel.js';
import { GigwayError } from './errors.js';
import { oneTabAtATime } from './lock.js';
import { afterSeconds, backoff, wait } from './retry.js';
import { isRefused, type StoredSession, type Tokens } from './tokens.js';

/** What `refresh` needs of the session. */
export interface Refreshable {
  readonly channel: Channel;
  current(): StoredSession | undefined;
  /** Takes over what another tab has stored. */
  sync(): Promise<void>;
  exchange(refreshToken: string): Promise<Tokens>;
  /** Stores new tokens, and sends them to the other tabs. */
  replace(session: StoredSession, tokens: Tokens): Promise<void>;
  /** The gateway has refused to continue the session. */
  end(error: GigwayError): void;
}

/** Attempts in all. They end before the time in which the gateway accepts the same refresh token again, 30 seconds. */
const ATTEMPTS = 4;
const MAX_WAIT_SECONDS = 10;
/** For the other tabs to see what this one has stored, and to answer a question. */
const OTHER_TABS_MS = 100;

/**
 * Gets other tokens, unless another tab has done so. Resolves when `current()` is up to date.
 *
 * Throws a retryable error if the gateway cannot be reached. If it has refused, the session is ended, and nothing is
 * thrown.
 */
export async function refresh(session: Refreshable): Promise<void> {
  const before = session.current();
  if (!before) return;
  let hasExchanged = false;
  await oneTabAtATime(
    `gigway:refresh:${before.id}`,
    session.channel,
    async () => {
      await session.sync();
      const stale = session.current();
      if (!stale || isReplaced(before, stale)) return;
      if (Date.now() >= stale.expiresAt && (await hasNewerTab(session, stale))) return;
      try {
        const tokens = await exchange(session, stale.refreshToken);
        hasExchanged = true;
        await session.replace(stale, tokens);
      } catch (error) {
        if (!isRefused(error)) throw error;
        session.end(error);
      }
    },
    () => (hasExchanged ? wait(OTHER_TABS_MS) : Promise.resolve()),
  );
}

const isReplaced = (before: StoredSession, now: StoredSession) =>
  now.id !== before.id || now.generation > before.generation;

/** This tab may have been stopped for long. An old refresh token would end the session, so it asks the others first. */
async function hasNewerTab(session: Refreshable, stale: StoredSession): Promise<boolean> {
  session.channel.send({ type: 'ask', id: stale.id, generation: stale.generation });
  await wait(OTHER_TABS_MS);
  const now = session.current();
  return !now || isReplaced(stale, now);
}

/** Sends the same refresh token again if the response is lost: for some time, the gateway returns the same new one. */
async function exchange(session: Refreshable, refreshToken: string): Promise<Tokens> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await session.exchange(refreshToken);
    } catch (error) {
      if (!(error instanceof GigwayError) || !error.retryable || attempt >= ATTEMPTS) throw error;
      const seconds = error.retryAfterSeconds;
      if ((seconds ?? 0) > MAX_WAIT_SECONDS) throw error;
      await wait(seconds === undefined ? backoff(attempt - 1, 2000) : afterSeconds(seconds), { untilOnline: true });
    }
  }
}
