// Signing in and out at the gateway. `cookies.ts` has the same for sites with their own server.

import { fromGraphQLErrors, fromValidationErrors, GigwayError, type ValidationError } from './errors.js';
import {
  RefreshSessionDocument, SignInDocument, SignOutDocument, SignUpDocument, type SessionResultFragment,
} from './generated/operations/graphql.js';
import { parseDocument, type TypedDocument } from './document.js';
import { post, type HttpEndpoint, type PostOptions } from './http.js';
import { backoff, wait } from './retry.js';
import type { Tokens } from './tokens.js';

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

export interface NewAccount extends Credentials {
  /** The name that others see. */
  readonly displayName: string;
}

/** Where sessions begin, continue and end. */
export interface SessionBackend {
  /** Whether a session can be continued without stored tokens, because the site has it in cookies. */
  readonly hasCookies?: boolean;
  signIn(credentials: Credentials): Promise<Tokens>;
  signUp(account: NewAccount): Promise<Tokens>;
  /** Throws WRONG_CREDENTIALS or UNAUTHENTICATED if the session has ended. */
  refresh(refreshToken: string): Promise<Tokens>;
  signOut(accessToken: string, everywhere: boolean): Promise<void>;
}

/** Browsers keep connections for later requests, and on a bad network these die unnoticed. */
const REFRESH_TIMEOUT_SECONDS = 5;
const ATTEMPTS = 5;

export function gatewayBackend(endpoint: HttpEndpoint): SessionBackend {
  async function send<Data, Variables>(document: TypedDocument<Data, Variables>, variables: Variables, options?: PostOptions) {
    const { name, text } = parseDocument(document);
    const body = { query: text, variables, ...(name && { operationName: name }) };
    const { data, errors, status } = await post(endpoint, body, options);
    if (errors) throw fromGraphQLErrors(errors, { status, data });
    return data as Data;
  }

  const refresh = async (refreshToken: string) =>
    toTokens((await send(RefreshSessionDocument, { refreshToken }, { timeoutSeconds: REFRESH_TIMEOUT_SECONDS })).refreshSession);

  const signIn = ({ email, password }: Credentials) =>
    repeatIfLost(async () => toTokens((await send(SignInDocument, { input: { email, password } })).signIn));

  async function signUp({ email, password, displayName }: NewAccount): Promise<Tokens> {
    let isLost = false;
    return repeatIfLost(async () => {
      // A lost sign-up may have succeeded: then the account exists, and a sign-in is what the user wanted.
      if (isLost) {
        const tokens = await signInIfPossible({ email, password });
        if (tokens) return tokens;
      }
      try {
        return toTokens((await send(SignUpDocument, { input: { email, password, displayName } })).signUp);
      } catch (error) {
        const tokens = isLost && has(error, 'EMAIL_TAKEN') && (await signInIfPossible({ email, password }));
        if (tokens) return tokens; // the lost one was still running before
        isLost ||= has(error, 'NETWORK_ERROR') || has(error, 'BAD_RESPONSE');
        throw error;
      }
    });
  }

  const signInIfPossible = (credentials: Credentials) =>
    signIn(credentials).catch((error: unknown) => {
      if (has(error, 'WRONG_CREDENTIALS')) return undefined;
      throw error;
    });

  return {
    signIn,
    signUp,
    refresh,
    async signOut(accessToken, everywhere) {
      try {
        await repeatIfLost(() => send(SignOutDocument, { everywhere }, { accessToken, keepalive: true }));
      } catch (error) {
        if (!has(error, 'UNAUTHENTICATED')) throw error; // otherwise it has ended already
      }
    },
  };
}

const has = (error: unknown, code: string) => error instanceof GigwayError && error.has(code);

/** Repeats a request without an idempotency key that is safe to repeat. */
async function repeatIfLost<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const isTemporary = error instanceof GigwayError && error.retryable && !error.has('RATE_LIMITED');
      if (!isTemporary || attempt >= ATTEMPTS) throw error;
      await wait((error.retryAfterSeconds ?? 0) * 1000 + backoff(attempt - 1, 4000), { untilOnline: true });
    }
  }
}

function toTokens({ session, errors }: SessionResultFragment): Tokens {
  if (!session) throw fromValidationErrors(errors as ValidationError[]);
  const { accessToken, accessTokenExpiresIn, refreshToken, viewer } = session;
  const { id, displayName } = viewer.user;
  return { accessToken, accessTokenExpiresIn, refreshToken, user: { id, displayName, email: viewer.email, role: viewer.role } };
}
