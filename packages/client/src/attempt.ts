import { faultOf, type Ending, type Fault } from "./ending.ts";
import { errorOf, fetchInit } from "./request.ts";
import { SluiceError } from "./sluice-error.ts";
import type { Ask, Tools } from "./transport.ts";

/** One connection. Whatever comes first decides how it ends. */
export class Attempt {
  readonly tools: Tools;
  /** Milliseconds that the gateway has asked to wait after its end; `null` if it hasn't. */
  toldMs: number | null = null;
  readonly #controller = new AbortController();
  readonly #done: PromiseWithResolvers<Ending> = Promise.withResolvers();
  #cancelAlarm: (() => void) | undefined;

  /** `outer` stops it. */
  constructor(outer: AbortSignal, tools: Tools) {
    this.tools = tools;
    const stop = (): void => this.end({ how: "stopped" });
    outer.addEventListener("abort", stop, { signal: this.signal });
    if (outer.aborted) stop();
  }

  /** Aborted as soon as it has ended. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isOver(): boolean {
    return this.signal.aborted;
  }

  /** How it ended, as soon as it has. */
  get done(): Promise<Ending> {
    return this.#done.promise;
  }

  /** Ends it; the first ending counts. */
  end(ending: Ending): void {
    this.calm();
    this.#done.resolve(ending);
    this.#controller.abort();
  }

  /** Ends it by something that happened here. */
  fail(how: Fault, why: string, cause?: unknown): void {
    this.end({ how, error: new SluiceError(why, 0, null, this.toldMs, cause) });
  }

  /** Ends it by an answer that tells a fault. */
  refuse(error: SluiceError): void {
    this.end({ how: faultOf(error), error });
  }

  /** Ends it so after `delayMs`, unless it is set anew or calmed before. */
  alarm(delayMs: number, how: Fault, why: string): void {
    this.later(delayMs, () => this.fail(how, why));
  }

  /** Runs `task` after `delayMs`, in place of the alarm. */
  later(delayMs: number, task: () => void): void {
    this.calm();
    if (!this.isOver) this.#cancelAlarm = this.tools.clock.after(delayMs, task);
  }

  calm(): void {
    this.#cancelAlarm?.();
  }

  /** Asks for what is to be read, by a transport; `null` if the answer is another than hoped for, which ends it. */
  async get(ask: Ask, transport: string, query: Readonly<Record<string, number>> = {}): Promise<Response | null> {
    const url = new URL(ask.url);
    const pairs = [
      ...ask.topics.map((topic) => ["topic", topic] as const),
      ...ask.types.map((type) => ["type", type] as const),
      ...Object.entries({ ...ask.start, ...query, transport }),
    ];
    for (const [name, value] of pairs) url.searchParams.append(name, String(value));
    const response = await this.tools.fetch(url, fetchInit(ask, this.signal));
    if (response.status === 200) return response;
    this.refuse(await errorOf(response));
    return null;
  }
}
