import type { Channel } from "./channel.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** Elements that may wait before the client is no longer read from. */
const MAX_WAITING = 16;

/**
 * What a client has sent, handled one after the other in the order in which it came. While its own answers wait to be
 * taken nothing is handled: so there is one answer at the most beyond what the connection holds.
 */
export class Inbox {
  readonly #channel: Channel;
  readonly #handle: (node: XmlNode) => Promise<void>;
  readonly #waiting: XmlNode[] = [];
  #last: (() => void) | null = null;
  #isWorking = false;
  #isClosed = false;

  /** @param handle may not throw */
  constructor(channel: Channel, handle: (node: XmlNode) => Promise<void>) {
    this.#channel = channel;
    this.#handle = handle;
  }

  push(node: XmlNode): void {
    this.#waiting.push(node);
    this.work();
  }

  /** Calls back when all that has come is handled. */
  last(then: () => void): void {
    this.#last = then;
    this.work();
  }

  /** Goes on, if there is something to do and room for the answer. */
  work(): void {
    if (!this.#isWorking) void this.#work();
    this.#regulate();
  }

  /** What waits was sent on other terms. */
  clear(): void {
    this.#waiting.length = 0;
  }

  /** Nothing is handled any more. */
  close(): void {
    this.#isClosed = true;
    this.clear();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (!this.#isClosed && !this.#channel.isBacklogged) {
      const node = this.#waiting.shift();
      if (node === undefined) {
        this.#last?.();
        break;
      }
      await this.#handle(node);
      this.#regulate();
    }
    this.#isWorking = false;
  }

  #regulate(): void {
    if (!this.#isClosed) this.#channel.pause(this.#waiting.length >= MAX_WAITING || this.#channel.isBacklogged);
  }
}
