import type { Socket } from "node:net";
import { createElement, type Element } from "ltx";
import { WebSocket } from "ws";
import type { Channel } from "../session/channel.ts";
import { framed, type Framing } from "../session/framing.ts";
import { NS } from "../xml/namespaces.ts";
import { Session } from "../session/session.ts";
import type { Shared } from "../session/shared.ts";
import { versionFault } from "../session/version-fault.ts";
import { textFraming } from "./text-framing.ts";
import { MAX_PLAIN_LENGTH, plainAnswer } from "../xml/plain-answer.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import { LOGGED_IN, LOGGED_OUT, XmlReader, type XmlHandler } from "../xml/xml-reader.ts";

/** A client's close frame is waited for so long. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * One client by WebSocket (RFC 7395): each message is one element, whole.
 *
 * Frames go straight to the TCP socket, what there is to send at once in one buffer. Without compression `ws` writes its own
 * (pongs, the closing handshake) whole and at once too, so that the two never mix.
 */
export class WebSocketConnection implements Channel, XmlHandler {
  readonly isSecure: boolean;
  readonly needsTls = false;
  readonly isConfirming = false;
  readonly declaration: string = ` xmlns="${NS.client}"`;
  readonly framing: Framing = textFraming;
  readonly #shared: Shared;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #session: Session;
  #isEnding = false;

  /**
   * Takes over a socket whose upgrade has been accepted. It lives as long as that does.
   * @param isSecure whether the client came by https
   */
  static serve(shared: Shared, ws: WebSocket, socket: Socket, isSecure: boolean): void {
    new WebSocketConnection(shared, ws, socket, isSecure).#listen();
  }

  private constructor(shared: Shared, ws: WebSocket, socket: Socket, isSecure: boolean) {
    this.#shared = shared;
    this.#ws = ws;
    this.#socket = socket;
    this.isSecure = isSecure;
    this.#session = new Session(shared, this);
  }

  #listen(): void {
    const ws = this.#ws;
    ws.on("message", (data, isBinary) => this.#message(data as Buffer, isBinary));
    ws.on("ping", (data) => {
      this.#session.heard();
      if (!this.#isEnding) ws.pong(data);
    });
    ws.on("pong", () => this.#session.heard());
    ws.on("error", () => this.#shared.meter.refused("xmpp", "invalid-message"));
    ws.on("close", () => this.#session.gone());
    this.#socket.on("drain", () => this.#session.drained());
  }

  get isBacklogged(): boolean {
    return this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  /** Most often not: the kernel has taken them at once, and has a copy of its own. */
  get isHolding(): boolean {
    return this.#socket.writableLength > 0;
  }

  faultOf(root: XmlNode): string | null {
    return root.is("open", NS.framing) ? versionFault(root) : "invalid-namespace";
  }

  open(from: string, id: string): void {
    const open = createElement("open", { xmlns: NS.framing, from, id, version: "1.0", "xml:lang": "en" });
    this.#put(open);
  }

  write(frames: Buffer): boolean {
    if (this.#isEnding || this.#ws.readyState !== WebSocket.OPEN) return false;
    return this.#socket.write(frames) || this.#socket.writableLength === 0;
  }

  restart(): void {
    // Each message is read by itself.
  }

  startTls(): void {
    // RFC 7395 §3.8: TLS is the WebSocket's own.
  }

  pause(isPaused: boolean): void {
    if (isPaused === this.#ws.isPaused) return;
    if (isPaused) this.#ws.pause();
    else this.#ws.resume();
  }

  end(): void {
    if (this.#isEnding) return;
    this.#put(createElement("close", { xmlns: NS.framing }));
    this.#isEnding = true;
    this.#ws.close(1000);
    if (this.#ws.isPaused) this.#ws.resume();
    const cancel = this.#shared.clock.after(CLOSE_TIMEOUT_MS, () => this.#ws.terminate());
    this.#ws.once("close", cancel);
  }

  destroy(): void {
    this.#ws.terminate();
  }

  // What the reader tells.

  opened(): void {
    // Each message is a document: there is no root around the elements.
  }

  received(node: XmlNode): void {
    if (node.is("close", NS.framing)) this.#session.closed();
    else if (node.ns === NS.framing) this.#session.opened(node);
    else this.#session.received(node);
  }

  closed(): void {
    // As `opened`.
  }

  failed(fault: string): void {
    this.#shared.meter.refused("xmpp", "invalid-message");
    this.#session.end(fault);
  }

  #put(element: Element): void {
    this.write(framed(this.framing, Buffer.from(element.toString())));
  }

  #message(data: Buffer, isBinary: boolean): void {
    if (this.#isEnding) return;
    this.#session.heard();
    if (isBinary) return this.failed("bad-format");
    const answer = data.length > MAX_PLAIN_LENGTH ? null : plainAnswer(data.toString("latin1"));
    if (answer !== null) return this.#session.received(answer);
    const reader = new XmlReader(this, () => (this.#session.isLoggedIn ? LOGGED_IN : LOGGED_OUT), "document");
    reader.feed(data);
    reader.end();
    return undefined;
  }
}
