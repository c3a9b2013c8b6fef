import type { Client, ClientHost } from "./client.ts";
import type { XmppWebSocketTarget } from "./targets.ts";
import { WebSocketConnection, type WebSocketListener } from "./websocket-connection.ts";
import { XmppDialogue } from "./xmpp-dialogue.ts";

const AGAIN_MS = 100;

/** XMPP by WebSocket (RFC 7395): every frame is a whole element. */
export class XmppWebSocketClient implements Client, WebSocketListener {
  readonly #host: ClientHost;
  readonly #target: XmppWebSocketTarget;
  readonly #client: number;
  readonly #dialogue: XmppDialogue;
  #connection: WebSocketConnection | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(host: ClientHost, target: XmppWebSocketTarget, client: number) {
    this.#host = host;
    this.#target = target;
    this.#client = client;
    this.#dialogue = new XmppDialogue(host, client, target.domain);
  }

  open(): void {
    const { port, path } = this.#target;
    this.#connection = new WebSocketConnection(this.#host.wire, port, path, "xmpp", this);
  }

  cut(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#connection?.cut();
    this.#connection = null;
  }

  opened(): void {
    const connection = this.#connection;
    this.#dialogue.start({
      header: `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${this.#target.domain}" version="1.0"/>`,
      send: (text) => connection?.send(text),
    });
  }

  received(bytes: Buffer, from: number, to: number): void {
    if (this.#dialogue.isLive) this.#dialogue.take(bytes, from, to);
    else this.#dialogue.advance(bytes, from, to);
  }

  closed(reason: string): void {
    this.#connection = null;
    this.#host.failed(this.#client, reason);
    this.#timer = setTimeout(() => this.open(), AGAIN_MS);
  }
}
