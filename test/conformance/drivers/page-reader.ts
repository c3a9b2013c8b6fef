import { setTimeout as delay } from "node:timers/promises";
import { Agent } from "undici";
import { Inbox } from "../../support/inbox.ts";
import { answerOf, type Answer } from "../../support/publisher.ts";
import { rawElements, rawMember } from "../../support/raw-json.ts";
import { readPath, type Reader, type ReaderOptions } from "./reader-driver.ts";

/** Time between two polls; none where the gateway does the waiting. */
const POLL_EVERY_MS = 10;

/** A reader that asks for one page after another, with or without waiting for it. */
export class PageReader implements Reader {
  readonly inbox: Inbox = new Inbox();
  readonly #options: ReaderOptions;
  readonly #waitSeconds: number | null;
  readonly #agent: Agent = new Agent({ connections: 1, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  #goOn: (() => void) | null = null;
  #isPaused: Promise<void> | null = null;
  #isOver = false;

  /** `waitSeconds` null: plain polling. */
  constructor(options: ReaderOptions, waitSeconds: number | null) {
    this.#options = options;
    this.#waitSeconds = waitSeconds;
  }

  /** One request without waiting: its answer, whatever that is. */
  ask(waitSeconds: number | null): Promise<Answer> {
    const prefer: Record<string, string> = waitSeconds === null ? {} : { prefer: `wait=${waitSeconds}` };
    return this.#agent
      .request({
        origin: this.#options.url,
        path: readPath(this.#options, this.inbox.cursor),
        method: "GET",
        headers: { ...this.#options.headers, ...prefer },
      })
      .then(answerOf);
  }

  /** Asks once without waiting, and takes what comes. @throws {Error} if that is no page */
  async prime(): Promise<void> {
    const answer = await this.ask(null);
    if (answer.status !== 200) throw new Error(`Refused: ${answer.status} ${answer.text}`);
    this.#take(answer);
  }

  /** Asks on and on. */
  start(): void {
    void this.#run().catch((error: unknown) => this.inbox.ended({ how: "cut", detail: String(error) }));
  }

  pause(): void {
    this.#isPaused ??= new Promise((resolve) => (this.#goOn = resolve));
  }

  resume(): void {
    this.#goOn?.();
    this.#isPaused = null;
  }

  cut(): void {
    this.#isOver = true;
    this.resume();
    this.inbox.ended({ how: "left", detail: "cut by the test" });
    void this.#agent.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await this.#agent.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const answer = await this.ask(this.#waitSeconds);
      if (answer.status !== 200) {
        this.inbox.ended({ how: answer.status, detail: answer.text });
        return;
      }
      this.#take(answer);
      if (this.#isPaused !== null) await this.#isPaused;
      if (this.#waitSeconds === null) await delay(POLL_EVERY_MS);
    }
  }

  #take(answer: Answer): void {
    if (this.#isOver) return;
    const gap = rawMember(answer.text, "gap");
    if (gap !== undefined) this.inbox.gap(JSON.parse(gap));
    this.inbox.events.push(...rawElements(rawMember(answer.text, "events") ?? "[]"));
    this.inbox.cursor = JSON.parse(rawMember(answer.text, "cursor") ?? "null") as string;
    this.inbox.changed();
  }
}

/** The answer to a read that should be refused. */
export async function pageRefusal(options: ReaderOptions, waitSeconds: number | null): Promise<Answer> {
  const reader = new PageReader(options, waitSeconds);
  try {
    const answer = await reader.ask(waitSeconds);
    if (answer.status < 300) throw new Error(`Not refused: ${answer.status} ${answer.text}`);
    return answer;
  } finally {
    await reader.close();
  }
}
