import { nowMs } from "./clock.ts";

/** How a process of the generator has kept up with its own work. */
export interface Strain {
  /** Busy share of one core. */
  readonly cpuShare: number;
  /** How late a timer of its own was at worst. */
  readonly worstLagMs: number;
}

const EVERY_MS = 10;

/** Watches the process that it runs in: its CPU, and its event loop by a timer that should come every 10 ms. */
export class SelfCheck {
  #dueMs = nowMs() + EVERY_MS;
  #worstLagMs = 0;
  #sinceMs = nowMs();
  #cpu = process.cpuUsage();

  constructor() {
    setInterval(() => this.#tick(), EVERY_MS);
  }

  /** Begins to count anew. */
  begin(): void {
    this.#worstLagMs = 0;
    this.#sinceMs = nowMs();
    this.#cpu = process.cpuUsage();
  }

  /** Something that was to be done at that time is done now. */
  late(ms: number): void {
    this.#worstLagMs = Math.max(this.#worstLagMs, ms);
  }

  /** What was seen since it began. */
  get strain(): Strain {
    const { user, system } = process.cpuUsage(this.#cpu);
    return { cpuShare: (user + system) / 1000 / Math.max(1, nowMs() - this.#sinceMs), worstLagMs: this.#worstLagMs };
  }

  #tick(): void {
    const now = nowMs();
    this.late(now - this.#dueMs);
    // An interval that was held up does not make up for it: the next one is counted from here.
    this.#dueMs = now + EVERY_MS;
  }
}
