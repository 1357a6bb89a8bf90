// A session in cookies of a site with its own server, which no script can read. docs/CLIENTS.md has the server's part.

import type { Credentials, NewAccount, SessionBackend } from './backend.js';
import { parseDocument } from './document.js';
import { clientError, fromGraphQLErrors, fromValidationErrors, type ValidationError } from './errors.js';
import { SignedInViewerDocument, type SignedInViewerQuery } from './generated/operations/graphql.js';
import { post, type HttpEndpoint } from './http.js';
import { bodyOf } from './request.js';
import type { Tokens } from './tokens.js';

/** If the site does not say how long the access token is valid. */
const DEFAULT_SECONDS = 60;

interface TokenResponse {
  accessToken: string;
  accessTokenExpiresIn?: number;
}

/**
 * For `createClient({ session: cookieSession('/session') })`. The server of the site handles
 *
 * - `POST /session` with an e-mail address and a password, and `POST /session/sign-up` with a display name, too: sets
 *   the cookies. 422 with the validation errors as JSON;
 * - `POST /session/token`: `{ accessToken, accessTokenExpiresIn }`. 401 if nobody is signed in;
 * - `DELETE /session`: signs out, and removes the cookies.
 */
export const cookieSession = (path: string | URL) => (endpoint: HttpEndpoint): SessionBackend => {
  async function send(method: 'POST' | 'DELETE', suffix: string, body?: Credentials): Promise<Response> {
    let response: Response;
    try {
      response = await endpoint.fetch(`${path}${suffix}`, {
        method,
        credentials: 'same-origin',
        ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw clientError('NETWORK_ERROR', 'The site cannot be reached. Check the network connection.', { cause: error });
    }
    if (response.ok) return response;
    const { status } = response;
    if (status === 422) throw fromValidationErrors((await response.json()) as ValidationError[]);
    if (status === 401) throw clientError('UNAUTHENTICATED', 'Nobody is signed in.', { status });
    throw clientError('BAD_RESPONSE', `Status ${status} of the site`, { status });
  }

  async function tokens(): Promise<Tokens> {
    const { accessToken, accessTokenExpiresIn = DEFAULT_SECONDS } = (await (await send('POST', '/token')).json()) as TokenResponse;
    const result = await post(endpoint, bodyOf(parseDocument(SignedInViewerDocument), undefined, false), { accessToken });
    if (result.errors) throw fromGraphQLErrors(result.errors, { status: result.status });
    const { viewer } = result.data as SignedInViewerQuery;
    if (!viewer) throw clientError('UNAUTHENTICATED', 'Nobody is signed in.');
    const { email, role, user: { id, displayName } } = viewer;
    return { accessToken, accessTokenExpiresIn, refreshToken: '', user: { id, email, displayName, role } };
  }

  return {
    hasCookies: true,
    async signIn({ email, password }: Credentials) {
      await send('POST', '', { email, password });
      return tokens();
    },
    async signUp({ email, password, displayName }: NewAccount) {
      await send('POST', '/sign-up', { email, password, displayName } as NewAccount);
      return tokens();
    },
    refresh: tokens,
    async signOut() {
      await send('DELETE', '');
    },
  };
};
