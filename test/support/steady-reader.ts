import { setTimeout as delay } from "node:timers/promises";
import type { Reader, ReaderDriver, ReaderOptions } from "../conformance/drivers/reader-driver.ts";
import { cursorOf } from "./event-json.ts";
import { Inbox } from "./inbox.ts";

/** Time before a reader tries again to connect. */
const RETRY_MS = 20;

/** A reader that comes back with its last cursor, however often its connection ends. */
export class SteadyReader {
  /** What all its connections received, together. */
  readonly inbox: Inbox = new Inbox();
  readonly #driver: ReaderDriver;
  readonly #options: ReaderOptions;
  #current: Reader | null = null;
  #connections = 0;
  #isOver = false;

  private constructor(driver: ReaderDriver, options: ReaderOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  /** Starts one; it should be given a cursor to begin with. */
  static start(driver: ReaderDriver, options: ReaderOptions): SteadyReader {
    const reader = new SteadyReader(driver, options);
    void reader.#run();
    return reader;
  }

  /** How often it has connected. */
  get connections(): number {
    return this.#connections;
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#current?.cut();
    await this.#current?.close();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        const after = this.inbox.cursor ?? this.#options.after;
        const reader = await this.#driver.connect({ ...this.#options, after });
        this.#connections += 1;
        this.#current = reader;
        await this.#follow(reader);
      } catch {
        // The gateway is not there: it is tried again.
      }
      await delay(RETRY_MS);
    }
  }

  /** Takes over what the connection receives until it ends. */
  async #follow(reader: Reader): Promise<void> {
    let taken = 0;
    let gaps = 0;
    const take = (): void => {
      for (const event of reader.inbox.events.slice(taken)) {
        this.inbox.events.push(event);
        this.inbox.cursor = cursorOf(event);
      }
      taken = reader.inbox.events.length;
      for (const gap of reader.inbox.gaps.slice(gaps)) this.inbox.gap(gap);
      gaps = reader.inbox.gaps.length;
      if (reader.inbox.cursor !== null) this.inbox.cursor = reader.inbox.cursor;
      this.inbox.changed();
    };
    while (reader.inbox.end === null) {
      await reader.inbox.next();
      take();
    }
    take();
    reader.cut();
    await reader.close();
  }
}
