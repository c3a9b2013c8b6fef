import { topicName } from "../load/schedule.ts";
import { take, type Client, type ClientHost } from "./client.ts";
import { fill, type WebSocketTarget } from "./targets.ts";
import { WebSocketConnection, type WebSocketListener } from "./websocket-connection.ts";

const CURSOR = Buffer.from('"cursor":"');
const QUOTE = 0x22;
const AGAIN_MS = 100;

/** JSON over WebSocket: the gateway's, and with a little conversation before it that of others. */
export class WebSocketClient implements Client, WebSocketListener {
  readonly #host: ClientHost;
  readonly #target: WebSocketTarget;
  readonly #client: number;
  readonly #values: Record<string, string>;
  #connection: WebSocketConnection | null = null;
  #step = 0;
  #cursor = "";
  #timer: NodeJS.Timeout | null = null;

  constructor(host: ClientHost, target: WebSocketTarget, client: number) {
    this.#host = host;
    this.#target = target;
    this.#client = client;
    this.#values = { topic: topicName(host.tally.topicOf(client)) };
  }

  open(): void {
    const { port, path, resume } = this.#target;
    const place = resume === null || this.#cursor === "" ? "" : fill(resume, { cursor: this.#cursor });
    this.#step = 0;
    this.#connection = new WebSocketConnection(this.#host.wire, port, fill(path, this.#values) + place, null, this);
  }

  cut(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#connection?.cut();
    this.#connection = null;
  }

  opened(): void {
    this.#talk();
  }

  received(bytes: Buffer, from: number, to: number): void {
    const { opening, reply, resume } = this.#target;
    const step = opening[this.#step];
    if (step !== undefined && "wait" in step) {
      const text = bytes.toString("utf8", from, to);
      if (!text.includes(step.wait)) return;
      if (step.capture !== undefined) this.#values["captured"] = captured(text, step.capture);
      this.#step += 1;
      this.#talk();
      return;
    }
    const events = take(this.#host, this.#client, bytes, from, to);
    if (events > 0 && resume !== null) {
      const start = bytes.lastIndexOf(CURSOR, to - 1) + CURSOR.length;
      this.#cursor = bytes.toString("latin1", start, bytes.indexOf(QUOTE, start));
    } else if (events === 0 && reply !== null && bytes.toString("utf8", from, to) === reply[0]) {
      this.#connection?.send(reply[1]);
    }
  }

  closed(reason: string): void {
    this.#connection = null;
    this.#host.failed(this.#client, reason);
    this.#timer = setTimeout(() => this.open(), AGAIN_MS);
  }

  /** Says what is to be said up to the next answer. */
  #talk(): void {
    for (let step = this.#target.opening[this.#step]; step !== undefined; step = this.#target.opening[this.#step]) {
      if ("wait" in step) return;
      this.#connection?.send(fill(step.send, this.#values));
      this.#step += 1;
    }
    this.#host.ready(this.#client);
  }
}

function captured(text: string, before: string): string {
  const start = text.indexOf(before) + before.length;
  return text.slice(start, text.indexOf('"', start));
}
