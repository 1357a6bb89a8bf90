// Received messages that the test has not read yet: pairs of a kind (`next`, `error`, `complete`) and a
// value.

import assert from 'node:assert/strict';
import { inspect } from 'node:util';

export class Inbox {
  #messages = [];
  #onMessage = () => {};

  put(kind, value) {
    this.#messages.push([kind, value]);
    this.#onMessage();
  }

  // The next message. Fails after 10 seconds.
  async take() {
    await this.#wait(10_000);
    assert.ok(this.#messages.length > 0, 'nothing received within 10 seconds');
    return this.#messages.shift();
  }

  // Asserts that no message comes for a while.
  async expectSilence() {
    await this.#wait(300);
    assert.deepEqual(this.#messages, []);
  }

  // The event of the next result.
  async nextEvent() {
    const [kind, result] = await this.take();
    assert.equal(kind, 'next', inspect(result, { depth: 6 }));
    assert.equal(result.errors, undefined, JSON.stringify(result));
    return result.data.gigStatusChanged;
  }

  // Asserts that the next events have exactly these versions of a gig, in order. Returns the last event.
  async expectVersions(...versions) {
    let event;
    for (const version of versions) {
      event = await this.nextEvent();
      assert.equal(event.version, version, JSON.stringify(event));
      assert.equal(event.status, version === 1 ? 'IN_REVIEW' : version % 2 ? 'PAUSED' : 'ACTIVE');
    }
    return event;
  }

  #wait(milliseconds) {
    if (this.#messages.length > 0) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#onMessage = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
