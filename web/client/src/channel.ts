// Messages between the tabs that share a session.

import type { StoredSession } from './tokens.js';

export type Message =
  /** The session was refreshed. */
  | { type: 'refreshed'; session: StoredSession }
  /** Asks whether somebody has newer tokens of the session. */
  | { type: 'ask'; id: string; generation: number }
  /** A user has signed in, and the session is in the storage. */
  | { type: 'signed-in' }
  | { type: 'signed-out'; id: string }
  /** For `lock.ts`: a tab wants a lock, has it already, or has released it. */
  | { type: 'claim' | 'held' | 'released'; lock: string; tab: string };

export interface Channel {
  send(message: Message): void;
  /** Returns a function that removes the listener. */
  listen(listener: (message: Message) => void): () => void;
  close(): void;
}

/** Opens the channel when it is first used. Without BroadcastChannel, nothing is sent. */
export function createChannel(name: string): Channel {
  const listeners = new Set<(message: Message) => void>();
  let channel: BroadcastChannel | undefined;
  const open = () => {
    if (channel || typeof BroadcastChannel !== 'function') return channel;
    channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => [...listeners].forEach((listener) => listener(data as Message));
    // Node: a process may end while the channel is open.
    (channel as { unref?: () => void }).unref?.();
    return channel;
  };
  return {
    send: (message) => open()?.postMessage(message),
    listen(listener) {
      open();
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      listeners.clear();
      channel?.close();
    },
  };
}
