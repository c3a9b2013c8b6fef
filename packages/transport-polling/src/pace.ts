/** Clients remembered at the most; those that polled longest ago are forgotten. */
const MAX_CLIENTS = 10_000;

/** Who polls how often: the last poll of each client, within a bound. */
export class Pace {
  readonly #leastMs: number;
  readonly #lastMs = new Map<string, number>();

  /** @param leastMs a poll that comes sooner after the last one is too early */
  constructor(leastMs: number) {
    this.#leastMs = leastMs;
  }

  /** Milliseconds until the client may poll again; 0: now. */
  waitMs(client: string, nowMs: number): number {
    const lastMs = this.#lastMs.get(client);
    return lastMs === undefined ? 0 : Math.max(0, lastMs + this.#leastMs - nowMs);
  }

  /** The client has been served and is up to date: from here its next poll is measured. */
  note(client: string, nowMs: number): void {
    // Put in anew, so that the map is in the order of the last polls.
    this.#lastMs.delete(client);
    this.#lastMs.set(client, nowMs);
    if (this.#lastMs.size > MAX_CLIENTS) this.#lastMs.delete(this.#lastMs.keys().next().value as string);
  }
}
