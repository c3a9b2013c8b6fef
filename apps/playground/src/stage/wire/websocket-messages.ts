import { EndedEarly, Unreadable, type ByteReader, type Reading } from "./byte-reader.ts";
import { eventIn, eventLabel, isRecord, parseJson } from "./event-text.ts";
import { Piece } from "./piece.ts";
import type { Exchange, Sight, Tell } from "./talk.ts";

/** The head of a frame (RFC 6455 §5.2). */
interface FrameHead {
  readonly isLast: boolean;
  readonly isCompressed: boolean;
  readonly opcode: number;
  readonly lengthBytes: number;
  /** Four bytes, or none. */
  readonly mask: Buffer;
}

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const MAX_CONTENT_BYTES = 1024 * 1024;
const SLICE_BYTES = 64 * 1024;

/**
 * Reads WebSocket frames (RFC 6455): each control frame is an arrow, and each message, with all its fragments.
 * @throws {Unreadable}
 */
export function* readMessages(reader: ByteReader, asked: Exchange, tell: Tell): Reading {
  let message = new Message();
  try {
    while (yield* reader.hasMore()) {
      const head = yield* readFrameHead(reader);
      const isControl = head.opcode >= CLOSE;
      if (isControl && !head.isLast) throw new Unreadable("a control frame in fragments");
      if (!isControl && (head.opcode === CONTINUATION) !== message.hasBegun) throw new Unreadable("a stray fragment");
      const part = isControl ? new Message() : message;
      yield* readPayload(reader, head, part);
      part.add(head, reader.take());
      if (!head.isLast) continue;
      if (!isControl) message = new Message();
      tell({ ...sightOf(part), answerTo: asked.number }, part.piece);
    }
  } finally {
    // The fragments of a message that was never finished are not in the reader any more.
    if (message.hasBegun) tell({ what: "frame", label: "half a message", answerTo: asked.number }, message.piece);
  }
}

/** A message that is being put together, or a control frame. */
class Message {
  readonly piece = new Piece();
  opcode = -1;
  isCompressed = false;
  readonly #slices: Buffer[] = [];
  #length = 0;

  get hasBegun(): boolean {
    return this.opcode !== -1;
  }

  get content(): Buffer {
    return Buffer.concat(this.#slices);
  }

  keep(payload: Buffer): void {
    this.#length += payload.length;
    if (this.#length <= MAX_CONTENT_BYTES) this.#slices.push(payload);
  }

  add(head: FrameHead, piece: Piece): void {
    if (!this.hasBegun) {
      this.opcode = head.opcode;
      this.isCompressed = head.isCompressed;
    }
    this.piece.absorb(piece);
  }
}

function* readFrameHead(reader: ByteReader): Reading<FrameHead> {
  const [first = 0, second = 0] = yield* reader.exactly(2);
  const opcode = first & 0x0f;
  if (![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode)) throw new Unreadable("no frame");
  let lengthBytes = second & 0x7f;
  if (lengthBytes === 126) lengthBytes = (yield* reader.exactly(2)).readUInt16BE();
  else if (lengthBytes === 127) lengthBytes = Number((yield* reader.exactly(8)).readBigUInt64BE());
  const mask = yield* reader.exactly((second & 0x80) === 0 ? 0 : 4);
  return { isLast: (first & 0x80) !== 0, isCompressed: (first & 0x40) !== 0, opcode, lengthBytes, mask };
}

function* readPayload(reader: ByteReader, { lengthBytes, mask }: FrameHead, message: Message): Reading {
  for (let done = 0; done < lengthBytes;) {
    const slice = yield* reader.slice(Math.min(SLICE_BYTES, lengthBytes - done));
    if (slice === null) throw new EndedEarly();
    const payload = unmask(slice, mask, done);
    done += slice.length;
    reader.piece.show(payload);
    message.keep(payload);
  }
}

/** A copy: the bytes themselves are on their way. */
function unmask(bytes: Buffer, mask: Buffer, offset: number): Buffer {
  const payload = Buffer.from(bytes);
  if (mask.length === 0) return payload;
  for (let index = 0; index < payload.length; index += 1) {
    payload[index] = (payload[index] as number) ^ (mask[(offset + index) % 4] as number);
  }
  return payload;
}

function sightOf(message: Message): Sight {
  if (message.opcode === PING) return { what: "heartbeat", label: "ping" };
  if (message.opcode === PONG) return { what: "heartbeat", label: "pong" };
  const { content } = message;
  if (message.opcode === CLOSE) {
    return { what: "frame", label: content.length < 2 ? "close" : `close ${content.readUInt16BE()}` };
  }
  if (message.isCompressed) return { what: "frame", label: "compressed" };
  if (message.opcode === BINARY) return { what: "frame", label: "binary" };
  const value = parseJson(content);
  const op = isRecord(value) ? value["op"] : undefined;
  if (typeof op === "string") return { what: isSignOfLife(op) ? "heartbeat" : "frame", label: op };
  const event = eventIn(value);
  return event === null ? { what: "frame", label: "text" } : { what: "event", label: eventLabel(event), events: 1 };
}

function isSignOfLife(op: string): boolean {
  return op === "heartbeat" || op === "ping" || op === "pong";
}
