// The tokens of a session, as the gateway sends them and as they are stored.

import { GigwayError } from './errors.js';
import type { Role } from './generated/schema.js';

/** The signed-in user, as of the sign-in or the last refresh. */
export interface SessionUser {
  /** The id that starts with `usr_`. */
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly role: Role;
}

/** What a sign-in or a refresh returns. */
export interface Tokens {
  readonly accessToken: string;
  /** Seconds from the response until the access token expires. */
  readonly accessTokenExpiresIn: number;
  readonly refreshToken: string;
  readonly user: SessionUser;
}

export interface StoredSession {
  /** The same in all tabs that share the session. */
  readonly id: string;
  /** Increases with each refresh. */
  readonly generation: number;
  readonly accessToken: string;
  readonly refreshToken: string;
  /** When to get another access token, by the clock of this machine. */
  readonly refreshAt: number;
  /** When the access token expires, by the clock of this machine. */
  readonly expiresAt: number;
  readonly user: SessionUser;
}

/** The part of its lifetime after which an access token is replaced. */
const REFRESH_AFTER = 0.8;

/** The session to store. It counts from now, because the clock of the machine may be wrong. */
export function toStored(tokens: Tokens, id: string, generation: number): StoredSession {
  const { accessToken, accessTokenExpiresIn, refreshToken, user } = tokens;
  const lifetime = accessTokenExpiresIn * 1000;
  const now = Date.now();
  return {
    id,
    generation,
    accessToken,
    refreshToken,
    refreshAt: now + lifetime * REFRESH_AFTER,
    expiresAt: now + lifetime,
    user,
  };
}

/** Whether the gateway has refused to continue the session, other than because it cannot be reached. */
export const isRefused = (error: unknown): error is GigwayError =>
  error instanceof GigwayError && (error.has('WRONG_CREDENTIALS') || error.has('UNAUTHENTICATED'));
