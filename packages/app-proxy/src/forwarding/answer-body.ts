import type { IncomingMessage, ServerResponse } from "node:http";
import type { Hold } from "./escort.ts";
import { passableTrailers } from "./header-list.ts";

/**
 * Carries the body of the app's answer to the client, no faster than the client takes it, with its trailers. First, for
 * a hold, so much of it is kept back as the hold's limit says.
 */
export class AnswerBody {
  readonly #answer: IncomingMessage;
  readonly #response: ServerResponse;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #isEnded = false;
  #isPassing = false;
  #hasWritten = false;
  #onHeld: ((isWhole: boolean) => void) | null = null;
  #limitBytes = 0;
  /** The app broke off before the end. Called at most once, and not while a hold is unsettled. */
  onBroken: () => void = noop;
  /** All has been handed to the client's connection. */
  onEnd: () => void = noop;

  constructor(answer: IncomingMessage, response: ServerResponse) {
    this.#answer = answer;
    this.#response = response;
    answer.on("error", noop);
    answer.once("close", () => this.#closed());
  }

  /** Keeps the body back until the hold is settled. */
  async hold(hold: Hold): Promise<void> {
    let isWhole = false;
    if (hold.limitBytes > 0) {
      this.#limitBytes = hold.limitBytes;
      isWhole = await new Promise<boolean>((resolve) => {
        this.#onHeld = resolve;
        this.#listen();
      });
      if (!this.#isEnded) this.#answer.pause();
    }
    await hold.settle(isWhole ? Buffer.concat(this.#held) : null);
  }

  /** Waits no longer for the rest of what is kept back: the hold is settled without it. */
  hurry(): void {
    this.#release(false);
  }

  /** Sends what was kept back, and passes the rest on. The head has been written. */
  pass(): void {
    this.#isPassing = true;
    const held = this.#held;
    this.#held = [];
    if (this.#isEnded) {
      this.#finish(held.length === 0 ? undefined : Buffer.concat(held));
      return;
    }
    if (this.#answer.destroyed && !this.#answer.complete) {
      this.onBroken();
      return;
    }
    this.#response.on("drain", () => this.#answer.resume());
    let isReady = true;
    for (const chunk of held) isReady = this.#write(chunk);
    this.#listen();
    if (isReady) this.#answer.resume();
    // The head of an answer whose body takes its time goes out now; else both go out in one write.
    setImmediate(() => {
      if (!this.#hasWritten && !this.#response.destroyed) this.#response.flushHeaders();
    });
  }

  #listen(): void {
    if (this.#answer.listenerCount("data") > 0) return;
    this.#answer.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#answer.once("end", () => this.#ended());
  }

  #take(chunk: Buffer): void {
    if (this.#isPassing) {
      if (!this.#write(chunk)) this.#answer.pause();
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > this.#limitBytes) {
      this.#answer.pause();
      this.#release(false);
    }
  }

  #ended(): void {
    this.#isEnded = true;
    if (this.#isPassing) this.#finish(undefined);
    else this.#release(true);
  }

  #closed(): void {
    if (this.#answer.complete) return;
    if (this.#onHeld !== null) this.#release(false);
    else if (this.#isPassing) this.onBroken();
  }

  #release(isWhole: boolean): void {
    this.#onHeld?.(isWhole);
    this.#onHeld = null;
  }

  #write(chunk: Buffer): boolean {
    this.#hasWritten = true;
    return this.#response.write(chunk);
  }

  #finish(last: Buffer | undefined): void {
    this.#hasWritten = true;
    const trailers = passableTrailers(this.#answer.rawTrailers);
    if (trailers.length > 0) this.#response.addTrailers(trailers);
    if (last === undefined) this.#response.end();
    else this.#response.end(last);
    this.onEnd();
  }
}

function noop(): void {
  // Nobody listens.
}
