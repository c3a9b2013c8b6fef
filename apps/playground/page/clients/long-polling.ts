import { Backoff, sleep } from "./backoff.ts";
import { askOnce } from "./events-page.ts";
import { eventsUrl, type Reader, type ReaderListener, type ReaderOptions } from "./reader.ts";

/**
 * Long polling: ask, and the gateway answers when there is something to tell, or when the wait is over. Then ask again,
 * from the answer's cursor: what happened between two requests is in the next answer.
 */
export class LongPollingReader implements Reader {
  readonly #base: string;
  readonly #listener: ReaderListener;
  readonly #life = new AbortController();
  #cursor: string;
  #waitMs: number;

  constructor({ url, after, listener, waitMs }: ReaderOptions & { readonly waitMs: number }) {
    this.#base = url;
    this.#cursor = after;
    this.#listener = listener;
    this.#waitMs = waitMs;
    void this.#run();
  }

  /** How long the gateway may wait for something to tell, from the next request on. Whole seconds. */
  set waitMs(waitMs: number) {
    this.#waitMs = waitMs;
  }

  close(): void {
    this.#life.abort();
  }

  async #run(): Promise<void> {
    const backoff = new Backoff();
    this.#listener.state("open");
    while (!this.#life.signal.aborted) {
      // One request after the other.
      try {
        await this.#ask();
        backoff.reset();
        this.#listener.state("open");
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
  async #ask(): Promise<void> {
    const waitMs = this.#waitMs;
    // No headers of its own: so a browser asks at once, without a preflight.
    const url = eventsUrl(this.#base, { after: this.#cursor, wait: String(waitMs / 1000) });
    const { signal } = this.#life;
    this.#cursor = (await askOnce(url, { signal }, this.#listener, waitMs)) ?? this.#cursor;
  }
}
