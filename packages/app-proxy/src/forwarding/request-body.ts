import type { ClientRequest, IncomingMessage } from "node:http";
import type { Clock } from "@sluice/core";
import { passableTrailers } from "./header-list.ts";

/** Carries a request's body to the app, no faster than the app takes it, with its trailers. */
export class RequestBody {
  readonly isEmpty: boolean;
  readonly #request: IncomingMessage;
  readonly #ask: ClientRequest;
  readonly #clock: Clock;
  #isWaitingForApp = false;
  #isEnded = false;
  /** Monotonic milliseconds at which something of it last went on. */
  progressAtMs: number;

  constructor(request: IncomingMessage, ask: ClientRequest, clock: Clock) {
    const { "content-length": length, "transfer-encoding": coding } = request.headers;
    this.isEmpty = coding === undefined && (length === undefined || /^0+$/.test(length));
    this.#request = request;
    this.#ask = ask;
    this.#clock = clock;
    this.progressAtMs = clock.monotonic();
  }

  /** Whether the client is to send more of it now. */
  get isClientsTurn(): boolean {
    return !this.#isEnded && !this.#isWaitingForApp;
  }

  /** Whether the app has been given all of it. */
  get isSent(): boolean {
    return this.#isEnded;
  }

  start(): void {
    if (this.isEmpty) {
      this.#isEnded = true;
      this.#ask.end();
      return;
    }
    this.#request.on("data", this.#onData);
    this.#request.on("end", this.#onEnd);
    this.#ask.on("drain", this.#onDrain);
  }

  /** Carries nothing more; what still comes is let go. */
  stop(): void {
    if (this.isEmpty) return;
    this.#request.off("data", this.#onData);
    this.#request.off("end", this.#onEnd);
    this.#ask.off("drain", this.#onDrain);
    if (!this.#request.complete) this.#request.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.progressAtMs = this.#clock.monotonic();
    if (this.#ask.write(chunk)) return;
    this.#isWaitingForApp = true;
    this.#request.pause();
  };

  readonly #onDrain = (): void => {
    this.progressAtMs = this.#clock.monotonic();
    this.#isWaitingForApp = false;
    this.#request.resume();
  };

  readonly #onEnd = (): void => {
    this.progressAtMs = this.#clock.monotonic();
    this.#isEnded = true;
    const trailers = passableTrailers(this.#request.rawTrailers);
    if (trailers.length > 0 && this.#request.headers["transfer-encoding"] !== undefined)
      this.#ask.addTrailers(trailers);
    this.#ask.end();
  };
}
