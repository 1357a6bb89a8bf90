// In the page of a site with cookie-session.ts: replaces `freshAccessToken` of session.ts.

import { SessionEnded } from './session';

// #region cookie-page
/** An access token from the site's own server, which refreshes it if needed. */
export async function freshAccessToken(): Promise<string> {
  const response = await navigator.locks.request('session', () => fetch('/session/token', { method: 'POST' }));
  if (response.status === 401) throw new SessionEnded();
  if (!response.ok) throw new Error(`No access token: status ${response.status}`);
  return (await response.json()).accessToken;
}
// #endregion
