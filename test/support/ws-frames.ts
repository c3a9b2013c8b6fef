import { randomBytes } from "node:crypto";
import { RawConnection } from "./raw-connection.ts";

/** A WebSocket handshake without a WebSocket client: for frames that no client would send. */
export async function rawWebSocket(url: string, path: string): Promise<RawConnection> {
  const connection = await RawConnection.open(url);
  connection.send(
    `GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await connection.until("the welcome", (received) => received.includes('"op":"welcome"'));
  return connection;
}

/** A client's frame (RFC 6455 §5.2), masked with zeros, of up to 64 KiB. `first` is FIN, reserved bits and opcode. */
export function frame(first: number, payload: Uint8Array, options: { readonly isMasked?: boolean } = {}): Buffer {
  const mask = options.isMasked === false ? 0 : 0x80;
  const head =
    payload.length < 126
      ? Buffer.from([first, mask | payload.length])
      : Buffer.from([first, mask | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, Buffer.alloc(mask === 0 ? 0 : 4), payload]);
}

/** The code of the close frame that ends what a server sent; `null` without one. */
export function closeCodeIn(received: string): number | null {
  const bytes = Buffer.from(received, "latin1");
  const start = bytes.indexOf("\r\n\r\n") + 4;
  for (let at = start; at + 2 <= bytes.length;) {
    const opcode = (bytes[at] as number) & 0x0f;
    let length = (bytes[at + 1] as number) & 0x7f;
    let body = at + 2;
    if (length === 126) {
      length = bytes.readUInt16BE(body);
      body += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(body));
      body += 8;
    }
    if (opcode === 8) return length < 2 ? null : bytes.readUInt16BE(body);
    at = body + length;
  }
  return null;
}
