/** One frame of an event stream: what stands between two blank lines. */
export interface SseFrame {
  readonly id: string | undefined;
  readonly event: string | undefined;
  /** `undefined` without a `data:` line: browsers then dispatch nothing. */
  readonly data: string | undefined;
  readonly retry: string | undefined;
  readonly comments: readonly string[];
}

const LINE_END = /\r\n|\n|\r(?!$)/g;

/** Reads `text/event-stream` by the letter of WHATWG HTML §9.2.6, bytes in and frames out. Invalid UTF-8 throws. */
export class SseParser {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #onFrame: (frame: SseFrame) => void;
  #rest = "";
  /** How far the rest has been looked through for a line's end. */
  #scanned = 0;
  #lines: string[] = [];

  constructor(onFrame: (frame: SseFrame) => void) {
    this.#onFrame = onFrame;
  }

  push(bytes: Uint8Array): void {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    for (;;) {
      LINE_END.lastIndex = this.#scanned;
      const end = LINE_END.exec(this.#rest);
      // A CR that is last may be half of a CRLF.
      this.#scanned = end === null ? Math.max(0, this.#rest.length - 1) : 0;
      if (end === null) return;
      const line = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      if (line !== "") this.#lines.push(line);
      else this.#dispatch();
    }
  }

  /** Whether the stream could end here: no frame has been begun. */
  get isAtBoundary(): boolean {
    return this.#rest === "" && this.#lines.length === 0;
  }

  #dispatch(): void {
    const lines = this.#lines;
    this.#lines = [];
    const last = (name: string): string | undefined => valuesOf(lines, name).at(-1);
    const data = valuesOf(lines, "data");
    this.#onFrame({
      id: last("id"),
      event: last("event"),
      data: data.length === 0 ? undefined : data.join("\n"),
      retry: last("retry"),
      comments: valuesOf(lines, ""),
    });
  }
}

function valuesOf(lines: readonly string[], name: string): string[] {
  return lines
    .filter((line) => line === name || line.startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1).replace(/^ /, ""));
}
