import { EndedEarly, readLine, Unreadable, type ByteReader, type ByteSource, type Reading } from "./byte-reader.ts";
import { hasToken, type HttpHead } from "./http-head.ts";

/** How the end of a body is found (RFC 9112 §6.3). */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** As long as the connection. */
  | { readonly kind: "rest" };

const MAX_LINE_BYTES = 16 * 1024;
/** The most that is kept of a body to look for events in it. */
const MAX_CONTENT_BYTES = 1024 * 1024;
const SLICE_BYTES = 64 * 1024;
const NONE: Framing = { kind: "none" };

/** @throws {Unreadable} */
export function requestFraming(head: HttpHead): Framing {
  if (hasToken(head, "transfer-encoding", "chunked")) return { kind: "chunked" };
  return head.fields.has("content-length") ? lengthOf(head) : NONE;
}

/**
 * @param method of the request that it answers, if that was seen
 * @throws {Unreadable}
 */
export function responseFraming(head: HttpHead, status: number, method: string | undefined): Framing {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return NONE;
  if (hasToken(head, "transfer-encoding", "chunked")) return { kind: "chunked" };
  return head.fields.has("content-length") ? lengthOf(head) : { kind: "rest" };
}

function lengthOf(head: HttpHead): Framing {
  const text = head.fields.get("content-length") ?? "";
  if (!/^\d{1,15}$/.test(text)) throw new Unreadable("no content length");
  return { kind: "length", bytes: Number(text) };
}

/**
 * A body without its framing. The framing is read with it, and so counted with what it stands next to: a chunk's head
 * with the chunk's first bytes, its end with the last ones.
 */
export class Body implements ByteSource {
  readonly #reader: ByteReader;
  readonly #framing: Framing;
  /** Of the chunk at hand, or of the whole body. */
  #left: number;
  #isOver = false;

  constructor(reader: ByteReader, framing: Framing) {
    this.#reader = reader;
    this.#framing = framing;
    this.#left = framing.kind === "length" ? framing.bytes : 0;
  }

  *slice(maxBytes: number, end?: number): Reading<Buffer | null> {
    if (this.#isOver) return null;
    const { kind } = this.#framing;
    if (kind === "none") return null;
    if (kind === "rest") return yield* this.#reader.slice(maxBytes, end);
    if (kind === "chunked" && this.#left === 0) yield* this.#beginChunk();
    if (this.#left === 0) {
      this.#isOver = true;
      return null;
    }
    const slice = yield* this.#reader.slice(Math.min(maxBytes, this.#left), end);
    if (slice === null) throw new EndedEarly();
    this.#left -= slice.length;
    if (kind === "chunked" && this.#left === 0) yield* this.#expectEmptyLine();
    return slice;
  }

  /** Reads the size of the next chunk, and behind the last one the trailers too. */
  *#beginChunk(): Reading {
    const line = (yield* this.#line()).toString("latin1");
    const size = /^([\da-f]{1,8})\s*(?:;.*)?$/i.exec(line)?.[1];
    if (size === undefined) throw new Unreadable("no chunk size");
    this.#left = Number.parseInt(size, 16);
    if (this.#left > 0) return;
    while ((yield* this.#line()).length > 0);
  }

  *#expectEmptyLine(): Reading {
    if ((yield* this.#line()).length > 0) throw new Unreadable("a chunk that does not end");
  }

  *#line(): Reading<Buffer> {
    const line = yield* readLine(this.#reader, MAX_LINE_BYTES);
    if (line === null) throw new EndedEarly();
    return line;
  }
}

/** Reads a body to its end, and shows it. What is answered is its beginning, if it is a large one. */
export function* readContent(reader: ByteReader, framing: Framing): Reading<Buffer> {
  const body = new Body(reader, framing);
  const kept: Buffer[] = [];
  let length = 0;
  for (let slice = yield* body.slice(SLICE_BYTES); slice !== null; slice = yield* body.slice(SLICE_BYTES)) {
    reader.piece.show(slice);
    length += slice.length;
    if (length <= MAX_CONTENT_BYTES) kept.push(slice);
  }
  return Buffer.concat(kept);
}
