import { Delays } from "../load/delays.ts";
import { dueBefore, topicOf, type Schedule } from "../load/schedule.ts";
import { toMs } from "../load/clock.ts";
import type { Losses } from "../results.ts";

/** Deliveries that were due in a stretch of time count for the delays, those that arrived in it for the rates. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The books of all clients of a process: what each has got of the phase that is on, what is missing, what came twice or
 * out of order. Each client reads one topic.
 */
export class Tally {
  readonly #first: number;
  readonly #topics: number;
  /** Per client: the sequence that comes next if nothing goes wrong. */
  readonly #next: Int32Array;
  /** Per client: what was passed over, and may still come. */
  readonly #missing = new Map<number, Set<number>>();
  #schedule: Schedule | null = null;
  #window: Window | null = null;
  #delays = new Delays();
  #inWindow = 0;
  #doubled = 0;
  #disordered = 0;
  /** Called after a client has got something. */
  onArrival: (client: number) => void = () => undefined;

  /** @param first the number of the first client of this process among all */
  constructor(first: number, clients: number, topics: number) {
    this.#first = first;
    this.#topics = topics;
    this.#next = new Int32Array(clients);
  }

  /** Begins a phase with clean books. */
  begin(schedule: Schedule, window: Window | null): void {
    this.#schedule = schedule;
    this.#window = window;
    this.#next.fill(0);
    this.#missing.clear();
    this.#delays = new Delays();
    this.#inWindow = 0;
    this.#doubled = 0;
    this.#disordered = 0;
  }

  /** A client of this process has got an event. Of an earlier phase, or of another topic, it is one too many. */
  arrived(client: number, phase: number, topic: number, sequence: number, dueUs: number, nowMs: number): void {
    if (this.#schedule === null || phase > this.#schedule.phase) return;
    if (phase < this.#schedule.phase || topic !== this.topicOf(client)) {
      this.#doubled += 1;
      return;
    }
    if (!this.#enter(client, sequence)) return;
    const window = this.#window;
    if (window !== null) {
      const due = toMs(dueUs);
      if (nowMs >= window.fromMs && nowMs < window.toMs) this.#inWindow += 1;
      if (due >= window.fromMs && due < window.toMs) this.#delays.add(nowMs - due);
    }
    this.onArrival(client);
  }

  /** Whether the client had not got it before. */
  #enter(client: number, sequence: number): boolean {
    const next = this.#next[client] ?? 0;
    if (sequence === next) {
      this.#next[client] = next + 1;
      return true;
    }
    let missing = this.#missing.get(client);
    if (sequence < next) {
      if (missing?.delete(sequence) !== true) {
        this.#doubled += 1;
        return false;
      }
      this.#disordered += 1;
      return true;
    }
    if (missing === undefined) this.#missing.set(client, (missing = new Set()));
    for (let passed = next; passed < sequence; passed += 1) missing.add(passed);
    this.#next[client] = sequence + 1;
    return true;
  }

  topicOf(client: number): number {
    return topicOf(this.#first + client, this.#topics);
  }

  /** Whether the client has the first `count` events of its topic. */
  hasFirst(client: number, count: number): boolean {
    const missing = this.#missing.get(client);
    if (missing === undefined || missing.size === 0) return (this.#next[client] ?? 0) >= count;
    return (this.#next[client] ?? 0) >= count && ![...missing].some((sequence) => sequence < count);
  }

  /** How many events of the client's topic were due before that time. */
  dueBefore(client: number, timeMs: number): number {
    return this.#schedule === null ? 0 : dueBefore(this.#schedule, this.topicOf(client), timeMs);
  }

  /** What is wrong, given how many events were published per topic. */
  losses(published: readonly number[]): Losses {
    let lost = 0;
    for (const [client, next] of this.#next.entries()) {
      const expected = published[this.topicOf(client)] ?? 0;
      lost += (this.#missing.get(client)?.size ?? 0) + Math.max(0, expected - next);
    }
    return { lost, doubled: this.#doubled, disordered: this.#disordered };
  }

  get delays(): Float32Array {
    return this.#delays.values;
  }

  /** Deliveries that arrived in the window, without those that came twice. */
  get inWindow(): number {
    return this.#inWindow;
  }
}
