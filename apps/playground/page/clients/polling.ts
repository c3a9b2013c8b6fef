import { Backoff, sleep } from "./backoff.ts";
import { askOnce } from "./events-page.ts";
import { eventsUrl, type Reader, type ReaderListener, type ReaderOptions } from "./reader.ts";

/**
 * Polling: ask, read the answer, wait, ask again.
 *
 * The answer's ETag is the cursor, so `If-None-Match` says where the reader is, and an answer in vain is a `304` without
 * a body. The URL stays the same: browsers ask for permission (a preflight) per URL, and so only once.
 */
export class PollingReader implements Reader {
  readonly #url: string;
  readonly #listener: ReaderListener;
  readonly #life = new AbortController();
  #tag: string;
  #intervalMs: number;
  #interval = new AbortController();

  constructor({ url, after, listener, intervalMs }: ReaderOptions & { readonly intervalMs: number }) {
    this.#url = eventsUrl(url);
    this.#tag = `"${after}"`;
    this.#listener = listener;
    this.#intervalMs = intervalMs;
    void this.#run();
  }

  /** The time between two polls; the next one comes at once. */
  set intervalMs(intervalMs: number) {
    this.#intervalMs = intervalMs;
    this.#interval.abort();
  }

  close(): void {
    this.#life.abort();
    this.#interval.abort();
  }

  async #run(): Promise<void> {
    const backoff = new Backoff();
    this.#listener.state("connecting");
    while (!this.#life.signal.aborted) {
      this.#interval = new AbortController();
      // One poll after the other is what polling is.
      try {
        await this.#poll();
        backoff.reset();
        this.#listener.state("open");
        await sleep(this.#intervalMs, this.#interval.signal);
      } catch {
        if (this.#life.signal.aborted) break;
        this.#listener.state("waiting");
        await sleep(backoff.nextMs(), this.#life.signal);
      }
      /* oxlint-enable no-await-in-loop */
    }
    this.#listener.state("closed");
  }

  /** @throws {Error} if there was no proper answer */
  async #poll(): Promise<void> {
    const init = {
      headers: { "If-None-Match": this.#tag },
      // Nothing of it may be stored anyway; but with the default, browsers ask for permission every time.
      cache: "force-cache" as const,
      signal: this.#life.signal,
    };
    const cursor = await askOnce(this.#url, init, this.#listener, 0);
    if (cursor !== null) this.#tag = `"${cursor}"`;
  }
}
