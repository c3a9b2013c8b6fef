import type { Framing } from "../session/framing.ts";

/** FIN and opcode 1 (RFC 6455 §5.2). */
const WHOLE_TEXT = 0x81;

/** Each element in a text frame of its own, unmasked (RFC 7395 §3.3.3). */
export const textFraming: Framing = {
  headBytes(elementBytes: number): number {
    if (elementBytes < 126) return 2;
    return elementBytes < 65_536 ? 4 : 10;
  },

  writeHead(target: Buffer, at: number, elementBytes: number): number {
    target[at] = WHOLE_TEXT;
    if (elementBytes < 126) {
      target[at + 1] = elementBytes;
      return at + 2;
    }
    if (elementBytes < 65_536) {
      target[at + 1] = 126;
      return target.writeUInt16BE(elementBytes, at + 2);
    }
    target[at + 1] = 127;
    return target.writeBigUInt64BE(BigInt(elementBytes), at + 2);
  },
};
