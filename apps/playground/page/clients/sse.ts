import { Backoff } from "./backoff.ts";
import { eventsUrl, type OrderEvent, type Reader, type ReaderListener, type ReaderOptions } from "./reader.ts";

/**
 * Server-Sent Events: one request, and an answer that does not end. The browser's EventSource comes back by itself and
 * says with `Last-Event-ID` where it was. It gives up when an answer is no stream (a gateway that is just going, for
 * instance): then this begins with a new one from the same place.
 */
export class SseReader implements Reader {
  readonly #base: string;
  readonly #listener: ReaderListener;
  readonly #backoff = new Backoff();
  #cursor: string;
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ url, after, listener }: ReaderOptions) {
    this.#base = url;
    this.#cursor = after;
    this.#listener = listener;
    this.#open();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#listener.state("closed");
  }

  #open(): void {
    const source = new EventSource(eventsUrl(this.#base, { after: this.#cursor }));
    this.#source = source;
    this.#listener.state("connecting");
    source.addEventListener("open", () => {
      this.#backoff.reset();
      this.#listener.state("open");
    });
    source.addEventListener("message", ({ data, lastEventId }: MessageEvent<string>) => {
      this.#cursor = lastEventId;
      this.#listener.event(JSON.parse(data) as OrderEvent);
    });
    source.addEventListener("gap", () => this.#listener.gap());
    source.addEventListener("error", () => {
      this.#listener.state("waiting");
      if (source.readyState === EventSource.CLOSED)
        this.#timer = setTimeout(() => this.#open(), this.#backoff.nextMs());
    });
  }
}
