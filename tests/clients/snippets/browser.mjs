// What a page has and Node does not: import it before the snippets. The gateway is the one for streams.

import { EventSource } from 'eventsource';
import WebSocket from 'ws';

globalThis.GATEWAY_URL = process.env.GATEWAY_FOR_STREAMS;

const page = new EventTarget();
const addListener = page.addEventListener.bind(page);
const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

// Dispatches an event of the window or the document.
export const dispatch = (name, properties = {}) => page.dispatchEvent(Object.assign(new Event(name), properties));

class Storage {
  #items = new Map();

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, value) {
    this.#items.set(key, String(value));
  }

  removeItem(key) {
    this.#items.delete(key);
  }
}

// Web Locks: one task at a time for each name.
const tasks = new Map();
export const locks = {
  request(name, task) {
    const result = (tasks.get(name) ?? Promise.resolve()).then(task);
    tasks.set(name, result.catch(() => {}));
    return result;
  },
};

// Without the listener, `ws` throws if a connection is given up before it is open.
class PageWebSocket extends WebSocket {
  constructor(...parameters) {
    super(...parameters);
    this.on('error', () => {});
  }
}

define('addEventListener', addListener);
define('removeEventListener', page.removeEventListener.bind(page));
define('document', { addEventListener: addListener, visibilityState: 'visible' });
define('localStorage', new Storage());
define('navigator', { locks });
define('WebSocket', PageWebSocket);
define('EventSource', EventSource);
