import { nowMs } from "../load/clock.ts";
import type { Client, ClientHost } from "./client.ts";
import { clientsOf } from "./clients-of.ts";
import { Tally } from "./tally.ts";
import type { Target } from "./targets.ts";
import { Wire } from "./wire.ts";

/** Which clients of all a process holds. */
export interface CrowdOptions {
  readonly target: Target;
  /** The number of its first among all. */
  readonly first: number;
  readonly clients: number;
  readonly topics: number;
}

/** Handshakes under way at once, when all come for the first time: the start is not what is measured. */
const AT_A_TIME = 50;

/** In place of a count: the client has not come back yet. */
const AWAY = -1;
/** In place of a count: it has everything. */
const WHOLE = -2;

/** All clients of a process: who is there, and who has everything. */
export class Crowd implements ClientHost {
  readonly wire: Wire = new Wire();
  readonly tally: Tally;
  readonly #clients: readonly Client[];
  readonly #isReady: Uint8Array;
  #readyCount = 0;
  /** How much of its topic each client must have to be whole, or one of the two above. */
  readonly #mustHave: Int32Array;
  #unwhole = 0;
  #lastWholeMs = 0;
  #reopenedMs = 0;
  #onReady: () => void = () => undefined;
  #lastFailure: string | null = null;

  constructor({ target, first, clients, topics }: CrowdOptions) {
    this.tally = new Tally(first, clients, topics);
    this.tally.onArrival = (client) => this.#check(client);
    this.#isReady = new Uint8Array(clients);
    this.#mustHave = new Int32Array(clients).fill(WHOLE);
    this.#clients = clientsOf(this, target, clients);
  }

  get readyCount(): number {
    return this.#readyCount;
  }

  /** What went wrong with a client last. */
  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  /** When the last client was back with all that was due before {@link reopen}; `null` as long as one is not. */
  get wholeMs(): number | null {
    return this.#unwhole === 0 ? this.#lastWholeMs : null;
  }

  /** Brings in all clients, some at a time; resolves when all are there. */
  async open(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let opened = 0;
    this.#onReady = () => {
      if (this.#readyCount === this.#clients.length) resolve();
      while (opened < this.#clients.length && opened - this.#readyCount < AT_A_TIME) {
        opened += 1;
        this.#clients[opened - 1]?.open();
      }
    };
    this.#onReady();
    await promise;
    this.#onReady = () => undefined;
  }

  /** Cuts all clients off. */
  cut(): void {
    this.#isReady.fill(0);
    this.#readyCount = 0;
    this.#mustHave.fill(AWAY);
    this.#unwhole = this.#clients.length;
    for (const client of this.#clients) client.cut();
  }

  /** Lets all clients come back, at once. */
  reopen(): void {
    this.#reopenedMs = nowMs();
    for (const client of this.#clients) client.open();
  }

  ready(client: number): void {
    if (this.#isReady[client] === 1) return;
    this.#isReady[client] = 1;
    this.#readyCount += 1;
    if (this.#mustHave[client] !== WHOLE) {
      this.#mustHave[client] = this.tally.dueBefore(client, this.#reopenedMs);
      this.#check(client);
    }
    this.#onReady();
  }

  failed(client: number, reason: string): void {
    this.#lastFailure = reason;
    if (this.#isReady[client] !== 1) return;
    this.#isReady[client] = 0;
    this.#readyCount -= 1;
  }

  #check(client: number): void {
    const mustHave = this.#mustHave[client] ?? WHOLE;
    if (mustHave < 0 || !this.tally.hasFirst(client, mustHave)) return;
    this.#mustHave[client] = WHOLE;
    this.#unwhole -= 1;
    this.#lastWholeMs = nowMs();
  }
}
