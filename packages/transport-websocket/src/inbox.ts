import { CLOSE_REASONS, SluiceError } from "@sluice/core";
import { Allowance, type Allowed } from "./allowance.ts";
import { MessageFault, parseMessage } from "./client-message.ts";
import { perform } from "./operations.ts";
import type { Peer } from "./peer.ts";

/** Messages that may wait; with so many the gateway stops reading from the client. */
const MAX_WAITING = 16;

/**
 * The messages of one client. They are done strictly one after the other, in the order in which they came, however
 * long one of them has to wait for the log or the app. Made with the first message: most readers never send one.
 */
export class Inbox {
  readonly #peer: Peer;
  readonly #allowance: Allowance;
  readonly #waiting: string[] = [];
  #isWorking = false;

  constructor(peer: Peer) {
    this.#peer = peer;
    const { limits, clock } = peer.shared;
    this.#allowance = new Allowance(limits().messagesPerSecond, clock.monotonic());
  }

  /** Whether no more should be read from the client now. What has been read already may still come. */
  get isFull(): boolean {
    return this.#waiting.length >= MAX_WAITING;
  }

  /** Takes a message; `null` for one that was not text. */
  take(text: string | null): void {
    const allowed = this.allow();
    if (allowed === "flooded") return;
    if (allowed === "refused") {
      const { messagesPerSecond } = this.#peer.shared.limits();
      const detail = `More than ${messagesPerSecond} messages a second: this one was not looked at.`;
      this.#peer.refuse(new SluiceError("rate-limited", detail, { retryAfterSeconds: 1 }), refOf(text));
    } else if (text === null) {
      this.#peer.refuse(new MessageFault("Messages are text; this one was binary.", undefined, ""), "");
    } else {
      this.#waiting.push(text);
      this.work();
    }
  }

  /** Asks for one message, or a ping; a client that floods is sent away. */
  allow(): Allowed {
    const { limits, clock } = this.#peer.shared;
    const allowed = this.#allowance.take(limits().messagesPerSecond, clock.monotonic());
    if (allowed === "flooded") {
      this.#peer.shared.meter.refused("websocket", "flood");
      this.#peer.close({
        ...CLOSE_REASONS.policy,
        detail: `Far more than ${limits().messagesPerSecond} messages a second.`,
      });
    }
    return allowed;
  }

  /** Goes on with what waits, unless something is under way or the client doesn't take its answers. */
  work(): void {
    if (!this.#isWorking && this.#waiting.length > 0) void this.#workOn();
  }

  async #workOn(): Promise<void> {
    this.#isWorking = true;
    while (!this.#peer.isDismissed && !this.#peer.isBacklogged) {
      const text = this.#waiting.shift();
      if (text === undefined) break;
      await this.#perform(text);
      this.#peer.regulate();
    }
    this.#isWorking = false;
  }

  async #perform(text: string): Promise<void> {
    let ref = "";
    try {
      const message = parseMessage(text);
      ref = message.ref;
      await perform(this.#peer, message);
    } catch (error) {
      this.#peer.refuse(error, error instanceof MessageFault ? error.ref : ref);
    }
  }
}

/** The `ref` of a message that is not going to be looked at further. */
function refOf(text: string | null): string {
  if (text === null) return "";
  try {
    return parseMessage(text).ref;
  } catch (error) {
    return error instanceof MessageFault ? error.ref : "";
  }
}
