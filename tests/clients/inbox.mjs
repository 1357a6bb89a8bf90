// What a subscription has told and the test has not looked at yet: pairs of a kind (`next`, `error`, `complete`)
// and a value.

import assert from 'node:assert/strict';
import { inspect } from 'node:util';

export class Inbox {
  #kept = [];
  #arrived = () => {};

  put(kind, value) {
    this.#kept.push([kind, value]);
    this.#arrived();
  }

  // The next one, which comes within 10 seconds.
  async take() {
    await this.#wait(10_000);
    assert.ok(this.#kept.length > 0, 'nothing came within 10 seconds');
    return this.#kept.shift();
  }

  // Nothing comes for a while.
  async expectSilence() {
    await this.#wait(300);
    assert.deepEqual(this.#kept, []);
  }

  // The event of the next result.
  async event() {
    const [kind, result] = await this.take();
    assert.equal(kind, 'next', inspect(result, { depth: 6 }));
    assert.equal(result.errors, undefined, JSON.stringify(result));
    return result.data.gigStatusChanged;
  }

  // The next events are these versions of a gig, each once and in order; the last of them.
  async expectVersions(...versions) {
    let event;
    for (const version of versions) {
      event = await this.event();
      assert.equal(event.version, version, JSON.stringify(event));
      assert.equal(event.status, version === 1 ? 'IN_REVIEW' : version % 2 ? 'PAUSED' : 'ACTIVE');
    }
    return event;
  }

  #wait(milliseconds) {
    if (this.#kept.length > 0) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
