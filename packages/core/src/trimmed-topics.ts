import type { Interest } from "./interest.ts";
import { isInterested } from "./interest.ts";

/**
 * For each topic and type, the position of its last trimmed event: what makes gaps precise. Bounded: when it is full,
 * the topics that were trimmed longest ago are forgotten, and a cursor older than those is told a gap to be safe.
 */
export class TrimmedTopics {
  readonly #maxLanes: number;
  #lanes = 0;
  readonly #topics = new Map<string, Map<string, number>>();
  #forgottenThrough = 0;
  #through = 0;

  /** At most so many pairs of a topic and a type are remembered. */
  constructor(maxLanes = 1_000_000) {
    this.#maxLanes = maxLanes;
  }

  /** The event is no longer retained. Positions must rise. */
  add(topic: string, type: string, position: number): void {
    this.#through = position;
    const types = this.#topics.get(topic) ?? new Map<string, number>();
    if (!types.has(type)) this.#lanes += 1;
    types.set(type, position);
    // Put in anew, so that the map is ordered by how long ago a topic was trimmed.
    this.#topics.delete(topic);
    this.#topics.set(topic, types);
    if (this.#lanes > this.#maxLanes) this.#forgetOldest();
  }

  /** Whether an event of that interest was trimmed after the position. */
  hasGap(interest: Interest, after: number): boolean {
    if (after >= this.#through) return false;
    if (after < this.#forgottenThrough) return true;
    const isExact = interest.clauses.every(({ filter }) => !filter.isPattern);
    const topics = isExact ? interest.clauses.map(({ filter }) => filter.text) : this.#topics.keys();
    for (const topic of topics) {
      for (const [type, position] of this.#topics.get(topic) ?? []) {
        if (position > after && isInterested(interest, { topic, type })) return true;
      }
    }
    return false;
  }

  /** A part of them at a time: to take the oldest entry of a Map out one by one gets slow, since it passes over all taken out before. */
  #forgetOldest(): void {
    const kept = this.#maxLanes - Math.max(1, Math.floor(this.#maxLanes / 16));
    for (const [topic, types] of this.#topics) {
      if (this.#lanes <= kept) break;
      for (const position of types.values()) this.#forgottenThrough = Math.max(this.#forgottenThrough, position);
      this.#lanes -= types.size;
      this.#topics.delete(topic);
    }
  }
}
