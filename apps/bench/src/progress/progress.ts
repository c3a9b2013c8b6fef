import type { Writable } from "node:stream";
import { duration, span } from "../report/figures.ts";
import type { PlannedRun } from "../plan/plan.ts";
import type { Run } from "../results.ts";

/** Where progress is shown: on a terminal in one line that changes, else as plain lines. */
export interface ProgressOutput extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const EVERY_MS = 500;
const COLUMNS = 80;
const CLEAR_LINE = "\r\u001B[K";

/** Tells what is running, how much of it is done, and how long the rest will take. */
export class Progress {
  readonly #output: ProgressOutput;
  readonly #plan: readonly PlannedRun[];
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout | null;
  #index = -1;
  #step = "";
  #runStartedMs = 0;

  constructor(output: ProgressOutput, plan: readonly PlannedRun[]) {
    this.#output = output;
    this.#plan = plan;
    this.#line(`${plan.length} ${plan.length === 1 ? "run" : "runs"}, about ${span(this.#estimateMs(0))}`);
    this.#timer = output.isTTY === true ? setInterval(() => this.#draw(), EVERY_MS) : null;
  }

  /** Something that people should know, in a line of its own. */
  tell(text: string): void {
    this.#line(text);
  }

  /** The next run of the plan begins. */
  begin(): void {
    this.#index += 1;
    this.#runStartedMs = performance.now();
    if (this.#timer === null) this.#line(`${this.#place()}: about ${span(this.#leftMs())} left`);
  }

  /** What it is about to do. */
  readonly step = (step: string): void => {
    this.#step = step;
    if (this.#timer !== null) this.#draw();
  };

  /** It is done. */
  done({ delay, losses, generator }: Run): void {
    const wrong = losses.lost + losses.doubled + losses.disordered;
    const notes = [
      `p50 ${duration(delay.p50Ms)}, p99 ${duration(delay.p99Ms)}`,
      ...(wrong === 0 ? [] : [`${losses.lost} lost, ${losses.doubled} doubled, ${losses.disordered} disordered`]),
      ...(generator.isSaturated ? ["the generator was saturated"] : []),
    ];
    this.#line(`${this.#place()}: ${notes.join("; ")}`);
  }

  /** It could not be measured. */
  failed(why: string): void {
    this.#line(`${this.#place()}: not measured, ${why}`);
  }

  /** Nothing is running any more. */
  end(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#output.write(CLEAR_LINE);
  }

  #place(): string {
    const planned = this.#plan[this.#index];
    return `[${this.#index + 1}/${this.#plan.length}] ${planned?.kind.name ?? ""} ${planned?.what.label ?? ""}`;
  }

  #draw(): void {
    const leftMs = this.#leftMs();
    const left = leftMs === 0 ? "almost done" : `about ${span(leftMs)} left`;
    const text = `${this.#place()}: ${this.#step} (${left})`;
    this.#output.write(`${CLEAR_LINE}${text.slice(0, (this.#output.columns || COLUMNS) - 1)}`);
  }

  #line(text: string): void {
    this.#output.write(`${this.#output.isTTY === true ? CLEAR_LINE : ""}${text}\n`);
  }

  /** What the plan takes from there on, by the pace of what is done. */
  #leftMs(): number {
    const now = performance.now();
    const done = this.#estimateMs(0) - this.#estimateMs(this.#index);
    const pace = done === 0 ? 1 : (this.#runStartedMs - this.#startedMs) / done;
    return Math.max(0, this.#estimateMs(this.#index) * pace - (now - this.#runStartedMs));
  }

  #estimateMs(from: number): number {
    return this.#plan.slice(from).reduce((sum, { estimateMs }) => sum + estimateMs, 0);
  }
}
