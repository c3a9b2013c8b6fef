import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { Pace } from "./pace.ts";

/** Options of a {@link Pipe}. */
export interface PipeOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly pace: Pace;
  readonly now: Clock;
  /** Sees the bytes as they come in, or as they go out. */
  readonly look: (bytes: Buffer, at: number) => void;
  readonly lookAt: "entry" | "exit";
}

/** Bytes on their way, or the end of the stream. */
interface Waiting {
  readonly bytes: Buffer | null;
  readonly enteredAt: number;
}

/** The most that is on its way. Beyond, the sender has to wait. */
const WINDOW_BYTES = 64 * 1024;

/** One direction of a connection, as slow as its pace says. Bytes keep their order, whatever happens to the pace. */
export class Pipe {
  readonly #options: PipeOptions;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PipeOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on("data", (bytes: Buffer) => this.#enter(bytes));
    from.on("end", () => this.#enter(null));
    to.on("drain", () => this.pump());
    from.on("close", () => this.#stopIfDestroyed());
    to.on("close", () => this.#stop());
  }

  /** Passes on what may go now; to be called too when the pace has changed. */
  pump(): void {
    clearTimeout(this.#timer);
    const { to, pace, now } = this.#options;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (to.destroyed || to.writableNeedDrain) return;
      const time = now();
      const delayMs = Math.max(first.enteredAt + pace.latencyMs, pace.freeAt) - time;
      if (delayMs > 0) {
        this.#timer = setTimeout(() => this.pump(), Math.ceil(delayMs));
        return;
      }
      this.#leave(first, time);
    }
  }

  #enter(bytes: Buffer | null): void {
    const { from, look, lookAt, now } = this.#options;
    const enteredAt = now();
    if (bytes !== null && lookAt === "entry") look(bytes, enteredAt);
    this.#waiting.push({ bytes, enteredAt });
    this.#waitingBytes += bytes?.length ?? 0;
    this.pump();
    if (this.#waitingBytes >= WINDOW_BYTES) from.pause();
  }

  #leave({ bytes, enteredAt }: Waiting, time: number): void {
    const { from, to, pace, look, lookAt } = this.#options;
    this.#waiting.shift();
    if (bytes === null) {
      to.end();
      return;
    }
    const taken = pace.take(bytes.length, time);
    const slice = bytes.subarray(0, taken);
    if (taken < bytes.length) this.#waiting.unshift({ bytes: bytes.subarray(taken), enteredAt });
    this.#waitingBytes -= taken;
    if (lookAt === "exit") look(slice, time);
    to.write(slice);
    if (this.#waitingBytes < WINDOW_BYTES && from.isPaused()) from.resume();
  }

  /** A stream that ended as it should has still to be passed on to its end. */
  #stopIfDestroyed(): void {
    if (!this.#options.from.readableEnded) this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }
}
