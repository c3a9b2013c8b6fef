/** Frames of a WebSocket server (RFC 6455 §5.2), as they come: unmasked, not in parts. */
export class ServerFrames {
  readonly #take: (opcode: number, payload: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);
  isUpgraded = false;

  constructor(take: (opcode: number, payload: Buffer) => void) {
    this.#take = take;
  }

  feed(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 2) {
      const short = (bytes[at + 1] ?? 0) & 0x7f;
      const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length - at < headBytes) break;
      const long = short === 126 ? bytes.readUInt16BE(at + 2) : short;
      const length = short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : long;
      const end = at + headBytes + length;
      if (bytes.length < end) break;
      this.#take((bytes[at] ?? 0) & 0x0f, bytes.subarray(at + headBytes, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }
}

/** A client's frame, with a mask of zeros. */
export function asFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head, 0, 0, 0, 0]), payload]);
}
