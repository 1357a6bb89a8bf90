// The session of the user, which all tabs of the site share.

import { request } from './gateway';

// #region session
interface Session {
  accessToken: string;
  refreshToken: string;
  /** When to get a new access token, by the clock of this machine: after 80 % of its lifetime. */
  refreshAt: number;
}

/** Nobody is signed in, or no longer: the user has to sign in. */
export class SessionEnded extends Error {}

const KEY = 'gigway-session';
const SESSION = 'session { accessToken accessTokenExpiresIn refreshToken } errors { code message }';

function read(): Session | undefined {
  return JSON.parse(localStorage.getItem(KEY) ?? 'null') ?? undefined;
}

interface SessionPayload {
  session: { accessToken: string; accessTokenExpiresIn: number; refreshToken: string } | null;
  errors: { code: string; message: string }[];
}

function write({ session, errors }: SessionPayload): string {
  if (!session) {
    localStorage.removeItem(KEY);
    throw new SessionEnded(errors[0]?.message);
  }
  const { accessToken, accessTokenExpiresIn, refreshToken } = session;
  const refreshAt = Date.now() + accessTokenExpiresIn * 800;
  localStorage.setItem(KEY, JSON.stringify({ accessToken, refreshToken, refreshAt } satisfies Session));
  return accessToken;
}

let refreshing: Promise<string | undefined> | undefined;

/** An access token that is valid for some time, or undefined if nobody is signed in. */
export async function freshAccessToken(): Promise<string | undefined> {
  const session = read();
  if (!session || Date.now() < session.refreshAt) return session?.accessToken;
  refreshing ??= oneTabAtATime(refresh).finally(() => {
    refreshing = undefined;
  });
  return refreshing;
}

async function refresh(): Promise<string | undefined> {
  const session = read(); // another tab may have refreshed it, or signed out
  if (!session || Date.now() < session.refreshAt) return session?.accessToken;
  const mutation = `mutation ($token: String!) { refreshSession(refreshToken: $token) { ${SESSION} } }`;
  const send = () =>
    request<{ refreshSession: SessionPayload }>(mutation, { token: session.refreshToken }, undefined, 5);
  // Browsers keep connections for later requests, and on a bad network they die unnoticed: then send it on another one.
  const { refreshSession } = await send().catch((error) => {
    if (error.name === 'TimeoutError') return send();
    throw error;
  });
  const accessToken = write(refreshSession);
  // The other tabs see what is stored a moment later, and this lets them wait until then.
  await new Promise((resolve) => setTimeout(resolve, 100));
  return accessToken;
}

/** Whether `freshAccessToken` has another token than this one, or has to get one. */
export function needsRefresh(accessToken: string | undefined): boolean {
  const session = read();
  return session?.accessToken !== accessToken || Date.now() >= (session?.refreshAt ?? Infinity);
}

/** Lets one tab refresh, and the others wait for it. Only pages over HTTPS or on localhost have locks. */
function oneTabAtATime<T>(task: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request(KEY, task) : task();
}

/** After UNAUTHENTICATED, or close code 4403: the next call of `freshAccessToken` gets another token. */
export function rejectAccessToken(rejected: string): void {
  const session = read();
  if (session?.accessToken !== rejected) return;
  localStorage.setItem(KEY, JSON.stringify({ ...session, refreshAt: 0 } satisfies Session));
}
// #endregion

// #region sign-in-and-out
export async function signIn(email: string, password: string): Promise<void> {
  const { signIn: payload } = await request<{ signIn: SessionPayload }>(
    `mutation ($input: SignInInput!) { signIn(input: $input) { ${SESSION} } }`,
    { input: { email, password } },
  );
  if (!payload.session) throw new Error(payload.errors[0]?.message);
  write(payload);
  changed();
}

export async function signOut(): Promise<void> {
  const accessToken = await freshAccessToken();
  forgetSession();
  await request('mutation { signOut { sessionsEnded errors { code message } } }', {}, accessToken);
}

/** After close code 4410 or the reason SESSION_ENDED: nothing can renew this session. */
export function forgetSession(): void {
  localStorage.removeItem(KEY);
  changed();
}

const listeners = new Set<(isSignedIn: boolean) => void>();
const changed = () => listeners.forEach((listener) => listener(Boolean(read())));

/** Calls back when the user signs in or out, in this tab or another: then drop every cache and reload the page. */
export function onSignInOrOut(listener: (isSignedIn: boolean) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Other tabs get this event. A refresh changes the value, but neither adds nor removes it.
addEventListener('storage', ({ key, oldValue, newValue }) => {
  if (key === KEY && !(oldValue && newValue)) changed();
});
// #endregion
