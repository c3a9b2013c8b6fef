import type { Socket } from "node:net";
import type { Wire } from "./wire.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const NOTHING: Buffer = Buffer.alloc(0);
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** An answer. The body may still have the marks of chunked encoding in it: nobody here reads more than stamps. */
export interface HttpAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
}

/** Who is told what comes of a request. */
export interface HttpListener {
  answered(answer: HttpAnswer): void;
  /** A connection is there, and a request on its way. */
  connected?(): void;
  /** The connection is gone; a request that was under way has no answer. */
  closed(): void;
}

/** Keep-alive HTTP/1.1 on a raw socket, one request after the other. Opens a connection when it has none. */
export class HttpConnection {
  readonly #wire: Wire;
  readonly #port: number;
  readonly #listener: HttpListener;
  #socket: Socket | null = null;
  #rest: Buffer = NOTHING;

  constructor(wire: Wire, port: number, listener: HttpListener) {
    this.#wire = wire;
    this.#port = port;
    this.#listener = listener;
  }

  /** Sends a whole request. */
  send(request: string): void {
    this.#wire.requests += 1;
    this.#socket ??= this.#connect();
    this.#socket.write(request);
  }

  /** Ends the connection without a word to the listener. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#rest = NOTHING;
    socket?.destroy();
  }

  #connect(): Socket {
    const socket = this.#wire.connect(this.#port);
    socket.once("connect", () => {
      if (socket === this.#socket) this.#listener.connected?.();
    });
    socket.on("data", (chunk: Buffer) => {
      if (socket === this.#socket) this.#read(chunk);
    });
    socket.once("close", () => {
      if (socket !== this.#socket) return;
      this.cut();
      this.#listener.closed();
    });
    return socket;
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let answer = this.#whole(); answer !== null; answer = this.#whole()) {
      // The next request is not to run into the end of this connection.
      if (headerOf(answer.head, "connection")?.toLowerCase() === "close") this.cut();
      this.#listener.answered(answer);
    }
  }

  /** Takes the first answer off what has come, if it is all there. */
  #whole(): HttpAnswer | null {
    const bytes = this.#rest;
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0) return null;
    const head = bytes.toString("latin1", 0, headEnd);
    const start = headEnd + HEAD_END.length;
    const status = Number(head.slice(9, 12));
    const end = status === 204 || status === 304 ? start : bodyEnd(bytes, head, start);
    if (end < 0 || end > bytes.length) return null;
    this.#rest = end === bytes.length ? NOTHING : bytes.subarray(end);
    return { status, head, body: bytes.subarray(start, end) };
  }
}

function bodyEnd(bytes: Buffer, head: string, start: number): number {
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const last = bytes.indexOf(LAST_CHUNK, start);
    return last < 0 ? -1 : last + LAST_CHUNK.length;
  }
  return start + Number(headerOf(head, "content-length") ?? 0);
}

/** A header's value; `null` if the head has none of that name. */
export function headerOf(head: string, name: string): string | null {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, "i").exec(head)?.[1] ?? null;
}
