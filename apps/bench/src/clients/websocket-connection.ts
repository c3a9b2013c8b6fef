import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Wire } from "./wire.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const NOTHING: Buffer = Buffer.alloc(0);
const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** Who is told what comes on a WebSocket. */
export interface WebSocketListener {
  opened(): void;
  /** A message, of `bytes` from `from` to `to`: all that is kept of it must be copied. */
  received(bytes: Buffer, from: number, to: number): void;
  /** Lost, refused, or ended by the server. */
  closed(reason: string): void;
}

/** The client's side of RFC 6455, as much of it as servers of events use: whole text messages, and pings. */
export class WebSocketConnection {
  readonly #socket: Socket;
  readonly #listener: WebSocketListener;
  #rest: Buffer = NOTHING;
  #isOpen = false;
  #isCut = false;

  constructor(wire: Wire, port: number, path: string, protocol: string | null, listener: WebSocketListener) {
    this.#listener = listener;
    this.#socket = wire.connect(port);
    wire.requests += 1;
    const asked = protocol === null ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n${asked}\r\n`,
    );
    this.#socket.on("data", (chunk: Buffer) => {
      if (!this.#isCut) this.#read(chunk);
    });
    this.#socket.once("close", () => this.#lost("the connection ended"));
  }

  /** Sends a text message. */
  send(text: string): void {
    this.#write(OPCODE.text, Buffer.from(text));
  }

  /** Ends it without a word to the listener. */
  cut(): void {
    this.#isCut = true;
    this.#rest = NOTHING;
    this.#socket.destroy();
  }

  #lost(reason: string): void {
    if (this.#isCut) return;
    this.cut();
    this.#listener.closed(reason);
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = NOTHING;
    if (!this.#isOpen) {
      const headEnd = bytes.indexOf(HEAD_END);
      if (headEnd < 0) {
        this.#rest = bytes;
        return;
      }
      const status = bytes.toString("latin1", 9, 12);
      if (status !== "101") return this.#lost(`the upgrade was answered ${status}`);
      this.#isOpen = true;
      bytes = bytes.subarray(headEnd + HEAD_END.length);
      this.#listener.opened();
    }
    let from = 0;
    while (!this.#isCut) {
      const end = this.#frame(bytes, from);
      if (end < 0) break;
      from = end;
    }
    if (!this.#isCut && from < bytes.length) this.#rest = bytes.subarray(from);
    return undefined;
  }

  /** Handles the frame that begins there; answers where it ends, or -1 if it is not all there. */
  #frame(bytes: Buffer, from: number): number {
    if (bytes.length < from + 2) return -1;
    const short = (bytes[from + 1] ?? 0) & 127;
    const start = from + (short < 126 ? 2 : short === 126 ? 4 : 10);
    if (bytes.length < start) return -1;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(from + 2) : Number(bytes.readBigUInt64BE(from + 2));
    const end = start + length;
    if (bytes.length < end) return -1;
    const opcode = (bytes[from] ?? 0) & 15;
    if (opcode === OPCODE.ping) this.#write(OPCODE.pong, bytes.subarray(start, end));
    else if (opcode === OPCODE.close) this.#lost("the server closed it");
    else if (opcode === OPCODE.text) this.#listener.received(bytes, start, end);
    return end;
  }

  /** Masked with zeros, which is a mask like any other. */
  #write(opcode: number, payload: Buffer): void {
    const { length } = payload;
    const head =
      length < 126
        ? Buffer.from([0x80 | opcode, 0x80 | length, 0, 0, 0, 0])
        : Buffer.from([0x80 | opcode, 0x80 | 126, length >> 8, length & 255, 0, 0, 0, 0]);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}
