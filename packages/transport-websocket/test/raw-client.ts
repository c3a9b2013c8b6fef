import { connect, type Socket } from "node:net";
import { until } from "./until.ts";

/** One frame of the gateway. */
export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A client that speaks TCP and makes its frames by hand, broken ones too. */
export class RawClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  isEnded = false;

  private constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (chunk: Buffer) => (this.#received = Buffer.concat([this.#received, chunk])));
    this.socket.on("error", () => {});
    this.socket.on("close", () => (this.isEnded = true));
  }

  /** Connects, sends the handshake and waits for its answer. */
  static async open(port: number, query = "", headers: readonly string[] = []): Promise<RawClient> {
    const client = new RawClient(port);
    const head = [
      `GET /realtime/events${query === "" ? "" : `?${query}`} HTTP/1.1`,
      "Host: 127.0.0.1",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ...headers,
    ];
    client.socket.write(`${head.join("\r\n")}\r\n\r\n`);
    await until("the handshake", () => client.head !== "" || client.isEnded);
    return client;
  }

  /** The head of the handshake's answer. */
  get head(): string {
    const end = this.#received.indexOf("\r\n\r\n");
    return end < 0 ? "" : this.#received.toString("latin1", 0, end);
  }

  get frames(): readonly Frame[] {
    const frames: Frame[] = [];
    let at = this.#received.indexOf("\r\n\r\n") + 4;
    while (at >= 4 && at + 2 <= this.#received.length) {
      let length = (this.#received[at + 1] as number) & 0x7f;
      let from = at + 2;
      if (length === 126) length = this.#received.readUInt16BE(from);
      else if (length === 127) length = Number(this.#received.readBigUInt64BE(from));
      if (length >= 65_536) from += 8;
      else if (length >= 126) from += 2;
      if (from + length > this.#received.length) break;
      frames.push({
        opcode: (this.#received[at] as number) & 0x0f,
        payload: this.#received.subarray(from, from + length),
      });
      at = from + length;
    }
    return frames;
  }

  /** The messages so far, as text. */
  get texts(): readonly string[] {
    return this.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => payload.toString());
  }

  /** Sends bytes as they are. */
  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Waits for a close frame and answers its code. */
  async untilClosed(): Promise<number> {
    const find = (): Frame | undefined => this.frames.find(({ opcode }) => opcode === 8);
    await until("a close frame", () => find() !== undefined || this.isEnded);
    return find()?.payload.readUInt16BE(0) ?? 1006;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A frame of a client: masked, unless told otherwise. */
export function clientFrame(first: number, payload: Buffer | string, isMasked = true): Buffer {
  const body = Buffer.from(payload);
  const mask = Buffer.from(isMasked ? [1, 2, 3, 4] : []);
  const masked = body.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  const flag = isMasked ? 0x80 : 0;
  let head: Buffer;
  if (body.length < 126) head = Buffer.from([first, flag | body.length]);
  else if (body.length < 65_536) head = Buffer.from([first, flag | 126, body.length >> 8, body.length & 255]);
  else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = flag | 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, mask, masked]);
}
