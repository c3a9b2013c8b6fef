import type { Change } from "./changes.ts";
import { Delays } from "./delays.ts";

/** What a lane has got, against what it should have. */
export interface Account {
  /** Different events that have arrived. */
  readonly events: number;
  /** Events that did not come though later ones did, or though there was time enough. */
  readonly lost: number;
  /** How often an event was handed on that had been handed on before. */
  readonly doubled: number;
  /** How often an event came again and was recognised, and so not handed on. */
  readonly repeated: number;
  /** Events that are on their way. */
  readonly awaited: number;
  /** When the oldest of them happened; `null` if there are none. */
  readonly awaitedSince: number | null;
  /** From the change to its arrival; `null` as long as nothing has arrived. */
  readonly medianMs: number | null;
  readonly worstMs: number | null;
}

/** What may be expected of a lane. */
export interface Manners {
  /** In which order events arrive: that of the log, or each topic by itself. */
  readonly order: "log" | "topic";
  /** How long an event may be on its way, though the lane is whole and nothing has overtaken it. */
  readonly patienceMs: number;
}

/** Arrivals that are remembered. */
const REMEMBERED = 4_000;

/** The account of one lane: what has arrived, and whether anything is missing or came twice. */
export class Ledger {
  readonly #manners: Manners;
  readonly #arrivals = new Map<string, number>();
  #delays = new Delays();
  /** What has not arrived yet, in the log's order. */
  #owed: Change[] = [];
  #excused: ReadonlySet<string> = new Set();
  /** The newest place that has arrived, by topic or (under no name) of all. */
  readonly #newest = new Map<string, number>();
  #events = 0;
  #doubled = 0;
  #repeated = 0;
  /** Since when the lane has been whole. */
  #wholeSince: number | null = null;

  constructor(manners: Manners) {
    this.#manners = manners;
  }

  /** The log has it. It may have arrived already. */
  owe(change: Change): void {
    const at = this.#arrivals.get(change.id);
    if (at !== undefined) this.#settle(change, at);
    else if (!this.#excused.has(change.id)) this.#owed.push(change);
  }

  /** An event has been handed on. `change`: what the log says of it, unless that is still to come. */
  arrive(id: string, at: number, change: Change | undefined): void {
    if (this.#arrivals.has(id)) {
      this.#doubled += 1;
      return;
    }
    this.#events += 1;
    this.#arrivals.set(id, at);
    if (this.#arrivals.size > REMEMBERED) this.#arrivals.delete(this.#arrivals.keys().next().value as string);
    if (change === undefined) return;
    this.#owed = this.#owed.filter((owed) => owed.id !== id);
    this.#settle(change, at);
  }

  /** An event has come again, and whoever got it has recognised it. */
  recognise(): void {
    this.#repeated += 1;
  }

  /** Counts anew from here. What is on its way is still owed; what is lost has been counted. */
  reset(now: number): void {
    this.#owed = this.#owed.filter((change) => !this.#isLost(change, now));
    this.#delays = new Delays();
    this.#events = 0;
    this.#doubled = 0;
    this.#repeated = 0;
  }

  /** When it arrived; `undefined` if it has not. */
  arrivalOf(id: string): number | undefined {
    return this.#arrivals.get(id);
  }

  /** The lane is connected and untroubled, or not, from now on. */
  setWhole(isWhole: boolean, at: number): void {
    if (!isWhole) this.#wholeSince = null;
    else this.#wholeSince ??= at;
  }

  /** What has not come by now is not owed any more: there was nobody to bring it to. */
  forgive(): void {
    this.#owed = [];
  }

  /** These happened while there was nobody to bring them to: if they come, it is well, and if not too. */
  excuse(ids: Iterable<string>): void {
    this.#excused = new Set(ids);
    this.#owed = this.#owed.filter(({ id }) => !this.#excused.has(id));
  }

  account(now: number): Account {
    const awaited = this.#owed.filter((change) => !this.#isLost(change, now));
    return {
      events: this.#events,
      lost: this.#owed.length - awaited.length,
      doubled: this.#doubled,
      repeated: this.#repeated,
      awaited: awaited.length,
      awaitedSince: awaited[0]?.time ?? null,
      medianMs: this.#delays.median(),
      worstMs: this.#delays.worst(),
    };
  }

  #settle({ topic, place, time }: Change, at: number): void {
    this.#delays.add(Math.max(0, at - time));
    const key = this.#keyOf(topic);
    this.#newest.set(key, Math.max(place, this.#newest.get(key) ?? -1));
  }

  #isLost({ topic, place, time }: Change, now: number): boolean {
    const newest = this.#newest.get(this.#keyOf(topic));
    if (newest !== undefined && newest > place) return true;
    return this.#wholeSince !== null && now - Math.max(time, this.#wholeSince) > this.#manners.patienceMs;
  }

  #keyOf(topic: string): string {
    return this.#manners.order === "log" ? "" : topic;
  }
}
