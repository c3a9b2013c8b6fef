/** A frame of an event stream: what came between two blank lines. */
export interface Frame {
  /** `undefined` if it had none. */
  readonly id: string | undefined;
  /** `message` if it had none. */
  readonly event: string;
  /** `undefined` if it had none: a comment, an id alone. */
  readonly data: string | undefined;
}

/** Reads `text/event-stream` (WHATWG HTML §9.2.6), frames without data included. */
export class SseParser {
  readonly #onFrame: (frame: Frame) => void;
  readonly #onRetry: (ms: number) => void;
  #rest = "";
  #id: string | undefined;
  #event = "";
  #data: string[] = [];

  constructor(onFrame: (frame: Frame) => void, onRetry: (ms: number) => void) {
    this.#onFrame = onFrame;
    this.#onRetry = onRetry;
  }

  /** Takes the next piece of the stream. What is not a whole line yet waits for the rest. */
  push(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() as string;
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === "") {
      const data = this.#data.length === 0 ? undefined : this.#data.join("\n");
      if (data !== undefined || this.#id !== undefined) {
        this.#onFrame({ id: this.#id, event: this.#event || "message", data });
      }
      this.#id = undefined;
      this.#event = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "id") this.#id = value;
    else if (field === "event") this.#event = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#onRetry(Number(value));
  }
}
