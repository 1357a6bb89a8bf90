// A site that renders pages on its server: the session is in cookies of the site, which no script can read. The
// handlers are of the Fetch standard, as in Next.js, Remix, SvelteKit, Hono, Deno and Bun.

import { request as execute } from './gateway';

interface SessionPayload {
  session: { accessToken: string; accessTokenExpiresIn: number; refreshToken: string } | null;
  errors: { code: string; message: string }[];
}

const SESSION = 'session { accessToken accessTokenExpiresIn refreshToken } errors { code message }';

// #region cookies
const ACCESS = '__Host-access';
const REFRESH = '__Host-refresh';
const DAYS_30 = 30 * 24 * 60 * 60;

/** `Lax`: sent if somebody follows a link to the site, but not with a form of another site. */
const cookie = (name: string, value: string, seconds: number) =>
  `${name}=${value}; Max-Age=${seconds}; Path=/; Secure; HttpOnly; SameSite=Lax`;

const readCookie = (request: Request, name: string) =>
  new Map(request.headers.get('cookie')?.split('; ').map((pair) => pair.split('=', 2) as [string, string])).get(name);

/** The cookies of a session, or those that remove it. */
function cookies(session: SessionPayload['session']): Headers {
  const headers = new Headers({ 'cache-control': 'no-store' });
  // A fifth earlier than the access token expires, so that it is valid during the request.
  headers.append('set-cookie', cookie(ACCESS, session?.accessToken ?? '', Math.floor((session?.accessTokenExpiresIn ?? 0) * 0.8)));
  headers.append('set-cookie', cookie(REFRESH, session?.refreshToken ?? '', session ? DAYS_30 : 0));
  return headers;
}

/** The access token of a request to the site, for queries while the page is rendered. Send `headers` with the page. */
export async function authenticate(request: Request): Promise<{ accessToken?: string; headers: Headers }> {
  const accessToken = readCookie(request, ACCESS);
  const token = readCookie(request, REFRESH);
  if (accessToken || !token) return { accessToken, headers: new Headers() };
  // A browser sends several requests at once. Within 30 seconds, each gets the same new refresh token.
  const { refreshSession } = await execute<{ refreshSession: SessionPayload }>(
    `mutation ($token: String!) { refreshSession(refreshToken: $token) { ${SESSION} } }`, { token });
  return { accessToken: refreshSession.session?.accessToken, headers: cookies(refreshSession.session) };
}
// #endregion

// #region cookie-handlers
/** Scripts and forms of other sites must not change the session. */
const isOwnPage = (request: Request) => request.headers.get('origin') === new URL(request.url).origin;

/** POST /session with an email address and a password. */
export async function signIn(request: Request): Promise<Response> {
  if (!isOwnPage(request)) return new Response(null, { status: 403 });
  const input = await request.json();
  const { signIn: payload } = await execute<{ signIn: SessionPayload }>(
    `mutation ($input: SignInInput!) { signIn(input: $input) { ${SESSION} } }`, { input });
  if (!payload.session) return Response.json(payload.errors, { status: 422 });
  return new Response(null, { status: 204, headers: cookies(payload.session) });
}

/** POST /session/token: an access token for the page's WebSocket, which cannot use cookies of the site. */
export async function token(request: Request): Promise<Response> {
  if (!isOwnPage(request)) return new Response(null, { status: 403 });
  const { accessToken, headers } = await authenticate(request);
  headers.set('cache-control', 'no-store');
  return Response.json({ accessToken }, { status: accessToken ? 200 : 401, headers });
}

/** DELETE /session */
export async function signOut(request: Request): Promise<Response> {
  if (!isOwnPage(request)) return new Response(null, { status: 403 });
  const { accessToken } = await authenticate(request);
  if (accessToken) await execute('mutation { signOut { sessionsEnded } }', {}, accessToken);
  return new Response(null, { status: 204, headers: cookies(null) });
}
// #endregion
