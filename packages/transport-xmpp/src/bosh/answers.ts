import type { XmlNode } from "../xml/xml-node.ts";

/** What a request was answered with. */
export interface Answer {
  readonly body: Buffer;
  /** How much had been sent to the client by then. */
  readonly sent: number;
}

/**
 * The answers that a client may still ask for again (XEP-0124 §14.3), and what its requests say of those that have
 * arrived (§9.2).
 */
export class Answers {
  readonly #byRid = new Map<number, Answer>();
  readonly #window: number;

  /** @param window requests that a client may make at the same time */
  constructor(window: number) {
    this.#window = window;
  }

  get(rid: number): Answer | undefined {
    return this.#byRid.get(rid);
  }

  /** Answers are given in the order of their `rid`. */
  add(rid: number, answer: Answer): void {
    this.#byRid.set(rid, answer);
  }

  /**
   * Takes what a new request says: its `ack`, or that it could be sent at all. Answers how much of what was sent is now
   * known to have arrived; `null`: nothing that was not known. As many answers as a client may wait for are kept even
   * then: one of several connections may be broken, and the others in use.
   */
  confirm(body: XmlNode, rid: number): number | null {
    const ack = Number(body.attribute("ack") ?? Number.NaN);
    const implied = rid - this.#window;
    const through = Number.isSafeInteger(ack) && ack < rid ? Math.max(ack, implied) : implied;
    let arrived: number | null = null;
    for (const [answered, { sent }] of this.#byRid) {
      if (answered > through) break;
      arrived = sent;
      if (answered < implied) this.#byRid.delete(answered);
    }
    return arrived;
  }
}
