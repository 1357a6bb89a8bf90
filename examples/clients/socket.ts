// The connection of a page for all of its subscriptions.

import { createClient, type Client } from 'graphql-ws';

import { socketUrl } from './gateway';
import { forgetSession, freshAccessToken, rejectAccessToken, SessionEnded } from './session';

// #region socket
const CONNECT_SECONDS = 5; // to connect
const PING_SECONDS = 10; // between pings
const PONG_SECONDS = 5; // to respond to a ping
const RETRY_SECONDS = 5; // at most, between attempts to connect

export function createSocket(url: string = socketUrl.href): Client {
  let accessToken: string | undefined;
  let socket: WebSocket | undefined;
  let deadline: ReturnType<typeof setTimeout>;
  let renewal: ReturnType<typeof setTimeout>;
  let retryNow = () => {};

  /** Gives a dead connection up. The client then connects again, and every subscription resumes. */
  const terminateAfter = (seconds: number) => {
    clearTimeout(deadline);
    deadline = setTimeout(() => client.terminate(), seconds * 1000);
  };

  /** Renews the credentials of an open socket. */
  const renewLater = (seconds: number) => {
    clearTimeout(renewal);
    renewal = setTimeout(async () => {
      accessToken = await freshAccessToken().catch(() => undefined); // after a failure: close code 4403
      const payload = { authorization: `Bearer ${accessToken}` };
      if (accessToken && socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'ping', payload }));
    }, seconds * 850);
  };

  const client = createClient({
    url,
    connectionParams: async () => {
      accessToken = await freshAccessToken();
      return accessToken ? { authorization: `Bearer ${accessToken}` } : {};
    },
    keepAlive: PING_SECONDS * 1000,
    lazyCloseTimeout: 3_000, // for the next page to use it
    retryAttempts: Infinity,
    // Also if the connection was refused, but not if the session has ended.
    shouldRetry: (cause) => !(cause instanceof SessionEnded) && (cause as CloseEvent).code !== 4410,
    // Half a second, doubled with each failure, less a random part: all clients of a gateway that restarts retry.
    retryWait: (retries) =>
      new Promise((resolve) => {
        const seconds = Math.min(0.5 * 2 ** retries, RETRY_SECONDS) * (1 - Math.random() / 2);
        const timer = setTimeout(resolve, seconds * 1000);
        retryNow = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    on: {
      connecting: () => terminateAfter(CONNECT_SECONDS),
      connected(opened, payload) {
        clearTimeout(deadline);
        socket = opened as WebSocket;
        if (payload?.accessTokenExpiresIn) renewLater(Number(payload.accessTokenExpiresIn));
      },
      ping(isFromGateway) {
        if (!isFromGateway) terminateAfter(PONG_SECONDS);
      },
      pong(isFromGateway, payload) {
        if (!isFromGateway) return;
        clearTimeout(deadline);
        if (payload?.accessTokenExpiresIn) renewLater(Number(payload.accessTokenExpiresIn));
      },
      closed(event) {
        clearTimeout(deadline);
        clearTimeout(renewal);
        const { code } = event as CloseEvent;
        if (code === 4403 && accessToken) rejectAccessToken(accessToken);
        if (code === 4410) forgetSession();
      },
    },
  });

  // The network is back: the old connection is probably dead, and the next attempt would come later.
  addEventListener('online', () => {
    client.terminate();
    retryNow();
  });
  // Browsers stop pages that are not shown, above all on phones, and their connections die unnoticed.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return;
    retryNow();
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send('{"type":"ping"}');
    terminateAfter(PONG_SECONDS);
  });
  return client;
}
// #endregion
