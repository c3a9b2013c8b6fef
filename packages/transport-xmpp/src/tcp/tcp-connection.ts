import type { Socket } from "node:net";
import { TLSSocket, type SecureContext } from "node:tls";
import type { Seat } from "@sluice/http";
import { createElement } from "ltx";
import type { Channel } from "../session/channel.ts";
import { UNFRAMED, type Framing } from "../session/framing.ts";
import { NS } from "../xml/namespaces.ts";
import { Session } from "../session/session.ts";
import type { Shared } from "../session/shared.ts";
import { versionFault } from "../session/version-fault.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import { LOGGED_IN, LOGGED_OUT, XmlReader, type XmlHandler } from "../xml/xml-reader.ts";

/** A client's side of the end is waited for so long. */
const CLOSE_TIMEOUT_MS = 2000;

/** What a stream may declare for its content, which may also do so itself, each stanza by its own (RFC 6120 §4.8). */
const CONTENT: ReadonlySet<string | undefined> = new Set([NS.client, NS.stream, undefined]);

/** How a TCP connection is protected. */
export interface TcpSecurity {
  /** Null where no certificate is configured: on loopback alone. */
  readonly context: SecureContext | null;
  /** TLS began with the connection. */
  readonly isDirect: boolean;
}

/** One client by TCP (RFC 6120 §3–5): a stream of XML, and TLS within the connection. */
export class TcpConnection implements Channel, XmlHandler {
  readonly isConfirming = false;
  readonly declaration = "";
  readonly framing: Framing = UNFRAMED;
  readonly #shared: Shared;
  readonly #security: TcpSecurity;
  readonly #session: Session;
  #socket: Socket;
  #reader: XmlReader;
  #isEncrypted: boolean;
  #isEnding = false;

  /** Takes over a socket. It lives as long as that does. */
  static serve(shared: Shared, socket: Socket, security: TcpSecurity, seat: Seat): TcpConnection {
    return new TcpConnection(shared, socket, security, seat);
  }

  private constructor(shared: Shared, socket: Socket, security: TcpSecurity, seat: Seat) {
    this.#shared = shared;
    this.#socket = socket;
    this.#security = security;
    this.#isEncrypted = security.isDirect;
    this.#reader = this.#createReader();
    this.#session = new Session(shared, this);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, shared.idleMs);
    this.#listen(socket);
    socket.once("close", () => {
      seat.release();
      this.#session.gone();
    });
  }

  get isSecure(): boolean {
    return this.#isEncrypted;
  }

  get needsTls(): boolean {
    return !this.#isEncrypted && this.#security.context !== null;
  }

  get isBacklogged(): boolean {
    return this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  /** Most often not: the kernel has taken them at once, and has a copy of its own. */
  get isHolding(): boolean {
    return this.#socket.writableLength > 0;
  }

  faultOf(root: XmlNode): string | null {
    const isOpening = root.is("stream", NS.stream) && CONTENT.has(root.attribute("xmlns"));
    return isOpening ? versionFault(root) : "invalid-namespace";
  }

  open(from: string, id: string): void {
    const head = createElement("stream:stream", {
      xmlns: NS.client,
      "xmlns:stream": NS.stream,
      from,
      id,
      version: "1.0",
      "xml:lang": "en",
    });
    this.write(Buffer.from(`<?xml version="1.0"?>${head.toString().replace(/\/>$/, ">")}`));
  }

  write(bytes: Buffer): boolean {
    // `writable` says more, and takes twenty times as long: 0.4 µs for each item. What is ended by the client is destroyed.
    if (this.#isEnding || this.#socket.destroyed) return false;
    // `write` says false for a batch above the high-water mark even if the kernel took all of it.
    return this.#socket.write(bytes) || this.#socket.writableLength === 0;
  }

  restart(): void {
    this.#reader.stop();
    this.#reader = this.#createReader();
  }

  startTls(): void {
    const plain = this.#socket;
    const { context } = this.#security;
    if (context === null) return;
    plain.off("data", this.#onData);
    plain.off("drain", this.#onDrain);
    this.#isEncrypted = true;
    const secured = new TLSSocket(plain, { isServer: true, secureContext: context });
    // Whoever sends what is no TLS gets no answer in the clear.
    secured.once("error", () => plain.destroy());
    secured.once("close", () => plain.destroy());
    this.#socket = secured;
    this.#listen(secured);
  }

  pause(isPaused: boolean): void {
    if (isPaused === this.#socket.isPaused()) return;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  end(): void {
    if (this.#isEnding) return;
    const socket = this.#socket;
    if (socket.writable) socket.write("</stream:stream>");
    this.#isEnding = true;
    this.#reader.stop();
    socket.end();
    socket.resume();
    const cancel = this.#shared.clock.after(CLOSE_TIMEOUT_MS, () => socket.destroy());
    socket.once("close", cancel);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // What the reader tells.

  opened(root: XmlNode): void {
    this.#session.opened(root);
  }

  received(node: XmlNode): void {
    // What comes behind it in the clear is not looked at (RFC 6120 §5.4.3.3).
    if (this.needsTls && node.is("starttls", NS.tls)) this.#reader.stop();
    this.#session.received(node);
  }

  closed(): void {
    this.#reader.stop();
    this.#session.closed();
  }

  failed(fault: string): void {
    this.#shared.meter.refused("xmpp", "invalid-message");
    this.#session.end(fault);
  }

  #createReader(): XmlReader {
    return new XmlReader(this, () => (this.#session.isLoggedIn ? LOGGED_IN : LOGGED_OUT), "stream");
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#session.heard();
    this.#reader.feed(chunk);
  };

  readonly #onDrain = (): void => this.#session.drained();

  #listen(socket: Socket): void {
    socket.on("data", this.#onData);
    socket.on("drain", this.#onDrain);
    socket.on("error", () => socket.destroy());
  }
}
