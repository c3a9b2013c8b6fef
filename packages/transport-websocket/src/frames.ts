import type { Codec, StoredEvent } from "@sluice/core";

/** First byte of a whole text message: FIN and opcode 1 (RFC 6455 §5.2). */
const WHOLE_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** A ping without payload (RFC 6455 §5.5.2). */
export const PING: Buffer = Buffer.from([0x89, 0]);

/** A text message in one unmasked frame, as servers send it: head and payload in one buffer, so in one write. */
export function textFrame(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headBytes(bytes) + bytes);
  writeFrame(frame, 0, text, bytes);
  return frame;
}

/** Frames events, each a message of its own; a batch is its frames one behind the other. */
export const eventCodec: Codec<Buffer> = {
  name: "websocket",
  transport: "websocket",
  encode(events: readonly StoredEvent[]): Buffer {
    let total = 0;
    const sizes: number[] = [];
    for (const { json } of events) {
      const bytes = Buffer.byteLength(json);
      sizes.push(bytes);
      total += headBytes(bytes) + bytes;
    }
    const frames = Buffer.allocUnsafe(total);
    let at = 0;
    for (const [index, { json }] of events.entries()) at = writeFrame(frames, at, json, sizes[index] as number);
    return frames;
  },
};

function headBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_16) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Answers the place behind the frame. */
function writeFrame(target: Buffer, from: number, text: string, bytes: number): number {
  target[from] = WHOLE_TEXT;
  if (bytes < LENGTH_16) {
    target[from + 1] = bytes;
  } else if (bytes < 65_536) {
    target[from + 1] = LENGTH_16;
    target.writeUInt16BE(bytes, from + 2);
  } else {
    target[from + 1] = LENGTH_64;
    target.writeBigUInt64BE(BigInt(bytes), from + 2);
  }
  return from + headBytes(bytes) + target.write(text, from + headBytes(bytes));
}
