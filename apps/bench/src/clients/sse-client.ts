import type { Socket } from "node:net";
import { topicName } from "../load/schedule.ts";
import { take, type Client, type ClientHost } from "./client.ts";
import { fill, type SseTarget } from "./targets.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const EVENT_END = Buffer.from("\n\n");
const ID = Buffer.from("id: ");
const NOTHING: Buffer = Buffer.alloc(0);
const NEWLINE = 0x0a;
const AGAIN_MS = 100;

/** An event stream. Chunks of the transfer encoding are taken to end where events do. */
export class SseClient implements Client {
  readonly #host: ClientHost;
  readonly #target: SseTarget;
  readonly #client: number;
  readonly #path: string;
  #socket: Socket | null = null;
  #rest: Buffer = NOTHING;
  #isOpen = false;
  #lastId = "";
  #timer: NodeJS.Timeout | null = null;

  constructor(host: ClientHost, target: SseTarget, client: number) {
    this.#host = host;
    this.#target = target;
    this.#client = client;
    this.#path = fill(target.path, { topic: topicName(host.tally.topicOf(client)) });
  }

  open(): void {
    const { wire } = this.#host;
    const { port } = this.#target;
    const socket = wire.connect(port);
    this.#socket = socket;
    this.#isOpen = false;
    const place = this.#lastId === "" ? "" : `Last-Event-ID: ${this.#lastId}\r\n`;
    wire.requests += 1;
    socket.write(`GET ${this.#path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n${place}\r\n`);
    socket.on("data", (chunk: Buffer) => {
      if (socket === this.#socket) this.#read(chunk);
    });
    socket.once("close", () => {
      if (socket !== this.#socket) return;
      this.cut();
      this.#host.failed(this.#client, "the stream ended");
      this.#timer = setTimeout(() => this.open(), AGAIN_MS);
    });
  }

  cut(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#rest = NOTHING;
    socket?.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const start = this.#isOpen ? 0 : this.#begin(bytes);
    // An event counts with its empty line: one that was cut short before it comes again.
    const last = bytes.lastIndexOf(EVENT_END);
    if (start < 0 || last < start) {
      this.#rest = bytes.subarray(Math.max(start, 0));
      return;
    }
    const end = last + EVENT_END.length;
    take(this.#host, this.#client, bytes, start, end);
    const id = bytes.lastIndexOf(ID, last);
    if (id >= start)
      this.#lastId = bytes.toString("latin1", id + ID.length, bytes.indexOf(NEWLINE, id + ID.length)).trimEnd();
    this.#rest = end === bytes.length ? NOTHING : bytes.subarray(end);
  }

  /** Where events begin; -1 as long as the answer's head is not all there. */
  #begin(bytes: Buffer): number {
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0) return -1;
    if (bytes.toString("latin1", 9, 12) !== "200") {
      this.#host.failed(this.#client, `${this.#target.path}: ${bytes.toString("latin1", 9, 12)}`);
      this.#socket?.destroy();
      return -1;
    }
    this.#isOpen = true;
    this.#host.ready(this.#client);
    return headEnd + HEAD_END.length;
  }
}
