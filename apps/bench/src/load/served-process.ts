import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { COMPILE_CACHE } from "../process/compile-cache.ts";

/** What any process of the generator may answer. */
interface Failed {
  readonly answer: "failed";
  readonly why: string;
}

/** In the process: answers what is asked, one after the other. Ctrl-C is the business of whoever started it. */
export function serve(answer: (request: never) => Promise<unknown>): void {
  process.on("SIGINT", () => undefined);
  process.once("disconnect", () => process.exit());
  process.on("message", (request) => {
    answer(request as never).then(
      (given) => process.send?.(given),
      (error: unknown) =>
        process.send?.({
          answer: "failed",
          why: error instanceof Error ? error.message : String(error),
        } satisfies Failed),
    );
  });
}

/** Outside: a process of the generator that is asked one thing at a time. */
export class ServedProcess<Request extends object, Answer extends { readonly answer: string }> {
  readonly #child: ChildProcess;
  readonly #name: string;

  /** @param file the module that calls {@link serve} */
  constructor(name: string, file: URL) {
    this.#name = name;
    this.#child = fork(fileURLToPath(file), [], {
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...process.env, ...COMPILE_CACHE },
    });
  }

  /** @throws if it answers that it failed, or ends instead */
  async ask<Kind extends Answer["answer"]>(
    request: Request,
    expected: Kind,
  ): Promise<Extract<Answer, { answer: Kind }>> {
    const ended = new AbortController();
    const onExit = (): void => ended.abort();
    this.#child.once("exit", onExit);
    try {
      const answered = once(this.#child, "message", { signal: ended.signal }) as Promise<[Answer | Failed]>;
      this.#child.send(request);
      const [answer] = await answered;
      if (answer.answer === expected) return answer as Extract<Answer, { answer: Kind }>;
      throw new Error("why" in answer ? answer.why : `${this.#name} answered ${answer.answer}`);
    } catch (error) {
      throw ended.signal.aborted ? new Error(`the process of the ${this.#name} ended`, { cause: error }) : error;
    } finally {
      this.#child.off("exit", onExit);
    }
  }

  /** Ends it. */
  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
