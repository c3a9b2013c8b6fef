import type { Ending, Tools } from "./transport.ts";
import { SluiceError } from "./sluice-error.ts";

/** One connection's end: whatever comes first decides it. */
export class Attempt {
  readonly #tools: Tools;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  #cancelAlarm: (() => void) | undefined;
  #ending: Ending | undefined;

  constructor(outer: AbortSignal, tools: Tools) {
    this.#tools = tools;
    this.#outer = outer;
    outer.addEventListener("abort", this.#stop);
    if (outer.aborted) this.#stop();
  }

  /** Aborted as soon as the connection is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** How it ended; `undefined` as long as it has not. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** The first ending counts; the answer is that one. Lets go of everything. */
  end(ending: Ending): Ending {
    if (this.#ending !== undefined) return this.#ending;
    this.#ending = ending;
    this.#cancelAlarm?.();
    this.#outer.removeEventListener("abort", this.#stop);
    this.#controller.abort();
    return ending;
  }

  /** Ends it so after `delayMs`, unless it is set anew or calmed before. */
  alarm(delayMs: number, how: "cut" | "unfit" | "dead", why: string): void {
    this.later(delayMs, () => this.end({ how, error: new SluiceError(why) }));
  }

  /** Runs `task` after `delayMs`, in place of the alarm. */
  later(delayMs: number, task: () => void): void {
    this.calm();
    this.#cancelAlarm = this.#tools.clock.after(delayMs, task);
  }

  calm(): void {
    this.#cancelAlarm?.();
  }

  readonly #stop = (): void => {
    this.end({ how: "stopped" });
  };
}
