import type { Socket } from "node:net";
import type { Client, ClientHost } from "./client.ts";
import type { XmppTcpTarget } from "./targets.ts";
import { XmppDialogue } from "./xmpp-dialogue.ts";

const NOTHING: Buffer = Buffer.alloc(0);
const MESSAGE = Buffer.from("<message");
const MESSAGE_END = Buffer.from("</message>");
const GREATER = 0x3e;
const AGAIN_MS = 100;

/** XMPP by TCP, without TLS: what is measured is the gateway's own work. */
export class XmppTcpClient implements Client {
  readonly #host: ClientHost;
  readonly #target: XmppTcpTarget;
  readonly #client: number;
  readonly #dialogue: XmppDialogue;
  #socket: Socket | null = null;
  #rest: Buffer = NOTHING;
  #timer: NodeJS.Timeout | null = null;

  constructor(host: ClientHost, target: XmppTcpTarget, client: number) {
    this.#host = host;
    this.#target = target;
    this.#client = client;
    this.#dialogue = new XmppDialogue(host, client, target.domain);
  }

  open(): void {
    const { port, domain } = this.#target;
    const socket = this.#host.wire.connect(port);
    this.#socket = socket;
    this.#host.wire.requests += 1;
    socket.on("data", (chunk: Buffer) => {
      if (socket === this.#socket) this.#read(chunk);
    });
    socket.once("close", () => {
      if (socket !== this.#socket) return;
      this.cut();
      this.#host.failed(this.#client, "the stream ended");
      this.#timer = setTimeout(() => this.open(), AGAIN_MS);
    });
    this.#dialogue.start({
      header:
        `<?xml version="1.0"?><stream:stream to="${domain}" version="1.0" xmlns="jabber:client" ` +
        `xmlns:stream="http://etherx.jabber.org/streams">`,
      send: (text) => socket.write(text),
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
    let from = 0;
    while (!this.#dialogue.isLive) {
      const end = this.#dialogue.advance(bytes, from, bytes.length);
      if (end < 0) {
        this.#rest = bytes.subarray(from);
        return;
      }
      from = end;
    }
    const end = wholeEnd(bytes, from);
    if (end > from) this.#dialogue.take(bytes, from, end);
    this.#rest = end === bytes.length ? NOTHING : bytes.subarray(end);
  }
}

/** Where the last whole stanza ends: half a message is not looked at yet, so that it is not counted if it is cut short. */
function wholeEnd(bytes: Buffer, from: number): number {
  const begun = bytes.lastIndexOf(MESSAGE);
  if (begun >= from && bytes.indexOf(MESSAGE_END, begun) < 0) return begun;
  return Math.max(from, bytes.lastIndexOf(GREATER) + 1);
}
