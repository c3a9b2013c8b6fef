import { Backoff } from "./backoff.ts";
import { eventsUrl, type OrderEvent, type Reader, type ReaderListener, type ReaderOptions } from "./reader.ts";

/** What is not an event has `op`. */
interface Operation {
  readonly op: "welcome" | "subscribed" | "live" | "heartbeat" | "gap" | "closing" | "error";
  readonly cursor?: string;
}

/** Longer than the gateway is ever silent (25 s): the connection is dead, though nobody has said so. */
const SILENCE_MS = 40_000;

/** WebSocket: one connection, both ways, a frame per event. A WebSocket never comes back by itself: the page must do it. */
export class WebSocketReader implements Reader {
  readonly #base: string;
  readonly #listener: ReaderListener;
  readonly #backoff = new Backoff();
  #cursor: string;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor({ url, after, listener }: ReaderOptions) {
    this.#base = url;
    this.#cursor = after;
    this.#listener = listener;
    this.#open();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#listener.state("closed");
  }

  #open(): void {
    const url = eventsUrl(this.#base, { after: this.#cursor }).replace(/^http/, "ws");
    const socket = new WebSocket(url, "sluice.v1");
    this.#socket = socket;
    this.#listener.state("connecting");
    this.#expect(socket);
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      this.#expect(socket);
      this.#take(JSON.parse(data) as OrderEvent | Operation);
    });
    socket.addEventListener("close", () => this.#comeBack(socket));
  }

  #take(message: OrderEvent | Operation): void {
    if (!("op" in message)) {
      this.#cursor = message.cursor;
      this.#listener.event(message);
    } else if (message.op === "gap") {
      this.#listener.gap();
    } else if (message.op === "live") {
      // What was missed has come; from here on every cursor stands for the whole connection.
      this.#backoff.reset();
      this.#listener.state("open");
    } else if (message.op === "heartbeat" && message.cursor !== undefined) {
      this.#cursor = message.cursor;
    }
  }

  /** Something has to come within the time. */
  #expect(socket: WebSocket): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      socket.close();
      this.#comeBack(socket);
    }, SILENCE_MS);
  }

  #comeBack(socket: WebSocket): void {
    if (this.#isClosed || socket !== this.#socket) return;
    this.#socket = undefined;
    this.#listener.state("waiting");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), this.#backoff.nextMs());
  }
}
