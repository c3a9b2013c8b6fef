import { terminateBody, type BoshCondition } from "./bosh-body.ts";

/** What is said at the end of a session, and to which requests it has been. */
export class LastWords {
  readonly #whole: Buffer;
  readonly #short: Buffer;
  /** By `rid`; `null` for a request without. */
  readonly #told = new Map<number | null, Buffer>();

  /** @param content what there still was to say to the client */
  constructor(condition: BoshCondition | null, content: readonly Buffer[]) {
    this.#whole = terminateBody(condition, content);
    this.#short = terminateBody(condition);
  }

  get areSaid(): boolean {
    return this.#told.size > 0;
  }

  /** For a request that waited for its answer. The content is for the first one. */
  for(rid: number | null): Buffer {
    const body = this.areSaid ? this.#short : this.#whole;
    this.#told.set(rid, body);
    return body;
  }

  /** For one that comes later: once the end is told there is no session any more (XEP-0124 §10, §13). */
  forLate(rid: number | null): Buffer {
    return this.#told.get(rid) ?? (this.areSaid ? terminateBody("item-not-found") : this.for(rid));
  }
}
