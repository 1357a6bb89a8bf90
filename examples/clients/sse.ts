// Server-sent events with graphql-sse: one HTTP request for each subscription.

import { createClient, NetworkError, type Client } from 'graphql-sse';

import { gatewayUrl } from './gateway';
import { freshAccessToken, rejectAccessToken, SessionEnded } from './session';

// #region sse
const SILENCE_SECONDS = 30; // the gateway sends a comment every 12 seconds

export function createSse(url: string = gatewayUrl.href): Client {
  let accessToken: string | undefined;
  return createClient({
    url,
    async headers() {
      try {
        accessToken = await freshAccessToken();
      } catch (error) {
        // The client retries after this error only.
        throw error instanceof SessionEnded ? error : new NetworkError(error as Error);
      }
      return accessToken ? { authorization: `Bearer ${accessToken}` } : ({} as Record<string, string>);
    },
    async fetchFn(input: RequestInfo, options: RequestInit) {
      const response = await fetchAlive(input, options);
      if (response.status === 403 && accessToken) rejectAccessToken(accessToken);
      return response;
    },
    retryAttempts: Infinity,
    retry: (retries) =>
      new Promise<void>((resolve) => {
        setTimeout(resolve, Math.min(500 * 2 ** retries, 10_000) * (1 - Math.random() / 2));
        addEventListener('online', () => resolve(), { once: true });
      }),
  });
}

/** A response that fails if nothing arrives any more, or if the network comes back. */
async function fetchAlive(input: RequestInfo, options: RequestInit): Promise<Response> {
  const dead = new AbortController();
  const giveUp = () => dead.abort();
  let timer = setTimeout(giveUp, SILENCE_SECONDS * 1000);
  addEventListener('online', giveUp, { once: true });
  const signal = AbortSignal.any([dead.signal, options.signal!]);
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    removeEventListener('online', giveUp);
  });
  const response = await fetch(input, { ...options, signal });
  const body = response.body?.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        clearTimeout(timer);
        timer = setTimeout(giveUp, SILENCE_SECONDS * 1000);
        controller.enqueue(chunk);
      },
      flush: giveUp,
    }),
  );
  return new Response(body, response);
}
// #endregion
