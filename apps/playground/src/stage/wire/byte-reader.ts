import { Piece } from "./piece.ts";

/**
 * A parser that reads bytes as they come. It yields when it needs more, and is run on when there are some: so it is
 * written as if it had them all, and splits of the input can't matter.
 */
export type Reading<Result = void> = Generator<undefined, Result, undefined>;

/** Where slices of bytes come from: a connection, or a body within it. */
export interface ByteSource {
  /**
   * The next bytes: at least one, at most `maxBytes`, none behind the first `end` byte. `null`: there are no more.
   */
  slice(maxBytes: number, end?: number): Reading<Buffer | null>;
}

/** What came is not in the format that is read. */
export class Unreadable extends Error {}

/** It ended in the middle of something. */
export class EndedEarly extends Error {}

const NOTHING = Buffer.alloc(0);
const LF = 10;
const CR = 13;

/**
 * One direction of a connection. Counts every byte that is read into the {@link piece} at hand.
 */
export class ByteReader implements ByteSource {
  #rest: Buffer = NOTHING;
  #at = 0;
  #isOver = false;
  #piece = new Piece();

  /** Adds bytes; those before must have been read. */
  push(bytes: Buffer, at: number): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#at = at;
  }

  /** No more will come. */
  end(): void {
    this.#isOver = true;
  }

  /** What has been read since the last {@link take}. */
  get piece(): Piece {
    return this.#piece;
  }

  /** Ends the piece at hand, and begins the next one. */
  take(): Piece {
    const piece = this.#piece;
    this.#piece = new Piece();
    return piece;
  }

  /** Reads what is there, whatever it is. */
  drain(): void {
    if (this.#rest.length > 0) this.#read(this.#rest.length);
  }

  /** Waits for the next byte, without reading it. False: there is none. */
  *hasMore(): Reading<boolean> {
    while (this.#rest.length === 0) {
      if (this.#isOver) return false;
      yield;
    }
    return true;
  }

  *slice(maxBytes: number, end?: number): Reading<Buffer | null> {
    if (!(yield* this.hasMore())) return null;
    const found = end === undefined ? -1 : this.#rest.indexOf(end);
    return this.#read(Math.min(maxBytes, found === -1 ? this.#rest.length : found + 1));
  }

  /** @throws {EndedEarly} */
  *exactly(bytes: number): Reading<Buffer> {
    const slices: Buffer[] = [];
    for (let left = bytes; left > 0;) {
      const slice = yield* this.slice(left);
      if (slice === null) throw new EndedEarly();
      slices.push(slice);
      left -= slice.length;
    }
    return slices.length === 1 ? (slices[0] as Buffer) : Buffer.concat(slices);
  }

  #read(bytes: number): Buffer {
    const slice = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    this.#piece.count(slice, this.#at);
    return slice;
  }
}

/**
 * A line without its end, which is LF or CRLF. `null`: there was nothing any more.
 * @throws {Unreadable} if it is longer than that
 * @throws {EndedEarly} if its end is missing
 */
export function* readLine(source: ByteSource, maxBytes: number): Reading<Buffer | null> {
  const slices: Buffer[] = [];
  for (let length = 0; ;) {
    const slice = yield* source.slice(maxBytes, LF);
    if (slice === null) {
      if (length > 0) throw new EndedEarly();
      return null;
    }
    slices.push(slice);
    length += slice.length;
    if (slice.at(-1) === LF) break;
    if (length > maxBytes) throw new Unreadable("a line is too long");
  }
  const line = slices.length === 1 ? (slices[0] as Buffer) : Buffer.concat(slices);
  return line.subarray(0, line.at(-2) === CR ? -2 : -1);
}
