import type { WebSocket } from "ws";
import type { Clock } from "./clock.ts";
import type { StageMessage, StageState } from "./stage-protocol.ts";

/** Options of a {@link LiveFeed}. */
export interface LiveFeedOptions {
  readonly now: Clock;
  /** The state as it is. */
  readonly state: () => StageState;
  /** How long what happened is remembered for pages that come late. Default a minute. */
  readonly rememberMs?: number;
  /** The most that is remembered, in characters of JSON. Default 4 Mi. */
  readonly rememberedLength?: number;
  /** How far behind a page may be before it is left. Default 8 MiB. */
  readonly maxBufferedBytes?: number;
}

interface Remembered {
  readonly at: number;
  readonly json: string;
}

const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;
/** What happens within so long goes out in one frame. */
const JOIN_MS = 20;
const TICK_MS = 1_000;
/** Close code "try again later". */
const TOO_SLOW = 1013;

/** What happens on the stage, to all pages that watch. Each message is encoded once. */
export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #pages = new Set<WebSocket>();
  readonly #remembered: Remembered[] = [];
  #rememberedLength = 0;
  #batch: string[] = [];
  #joining: NodeJS.Timeout | undefined;
  readonly #ticking: NodeJS.Timeout;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#ticking = setInterval(() => this.#tell(JSON.stringify({ kind: "tick", at: options.now() })), TICK_MS);
  }

  /** A page begins to watch. It gets the state, and what is remembered. */
  add(page: WebSocket): void {
    this.#forgetOld();
    this.#flush();
    this.#pages.add(page);
    page.on("close", () => this.#pages.delete(page));
    page.on("error", () => page.terminate());
    const messages = [JSON.stringify(this.#options.state()), ...this.#remembered.map(({ json }) => json)];
    this.#send(page, `[${messages.join(",")}]`);
  }

  /** Tells something that happened, and remembers it. */
  tell(message: StageMessage): void {
    const json = JSON.stringify(message);
    this.#remembered.push({ at: this.#options.now(), json });
    this.#rememberedLength += json.length;
    this.#forgetOld();
    this.#tell(json);
  }

  /** The state has changed. */
  tellState(): void {
    this.#tell(JSON.stringify(this.#options.state()));
  }

  close(): void {
    clearInterval(this.#ticking);
    clearTimeout(this.#joining);
    for (const page of this.#pages) page.terminate();
  }

  #tell(json: string): void {
    this.#batch.push(json);
    this.#joining ??= setTimeout(() => this.#flush(), JOIN_MS);
  }

  #flush(): void {
    clearTimeout(this.#joining);
    this.#joining = undefined;
    if (this.#batch.length === 0) return;
    const frame = `[${this.#batch.join(",")}]`;
    this.#batch = [];
    for (const page of this.#pages) this.#send(page, frame);
  }

  #send(page: WebSocket, frame: string): void {
    page.send(frame);
    if (page.bufferedAmount <= (this.#options.maxBufferedBytes ?? 8 * MIB)) return;
    // It comes back, gets what is remembered, and nothing is kept for it meanwhile.
    this.#pages.delete(page);
    page.close(TOO_SLOW, "too slow");
    page.terminate();
  }

  #forgetOld(): void {
    const { now, rememberMs = MINUTE_MS, rememberedLength = 4 * MIB } = this.#options;
    const oldest = now() - rememberMs;
    let count = 0;
    for (const { at, json } of this.#remembered) {
      if (at >= oldest && this.#rememberedLength <= rememberedLength) break;
      this.#rememberedLength -= json.length;
      count += 1;
    }
    if (count > 0) this.#remembered.splice(0, count);
  }
}
