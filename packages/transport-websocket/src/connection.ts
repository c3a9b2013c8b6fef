import type { Socket } from "node:net";
import {
  CLOSE_REASONS,
  SluiceError,
  type Access,
  type CloseReason,
  type Codec,
  type Guard,
  type HeartbeatMember,
  type Principal,
  type Sink,
  type Subscription,
} from "@sluice/core";
import type { ReadRequest, Seat } from "@sluice/http";
import { WebSocket } from "ws";
import { CLOSE_CODES, closeText } from "./close-codes.ts";
import { eventCodec, PING, textFrame } from "./frames.ts";
import { Inbox } from "./inbox.ts";
import { Replayed, resumeCursor } from "./operations.ts";
import type { Peer, Shared } from "./peer.ts";

/** Pings that may stay unanswered. */
const MAX_UNANSWERED = 2;
/** `#taken` while the client has nothing to catch up with. */
const NOT_BACKLOGGED = -1;

/** How `ws` names the faults that it closes with 1009. */
const TOO_LARGE: ReadonlySet<unknown> = new Set([
  "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
  "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH",
]);

/**
 * One client: the sink of its subscription, the answers to its messages, its heartbeat and its end.
 *
 * Frames go straight to the TCP socket, each a whole one in one buffer. `ws` reads and checks what comes, makes pongs
 * and sees to the closing handshake; without compression it writes its frames whole and at once too, so that the two
 * never mix.
 *
 * ```
 *   open ──── close(), the client's close frame, a broken frame ───► closing ──── socket closed ───► gone
 *     └────────────────── terminate(), the network ────────────────────────────────────────────────────▲
 * ```
 */
export class Connection implements Sink<Buffer>, HeartbeatMember, Peer {
  readonly shared: Shared;
  readonly access: Access;
  readonly subscription: Subscription<Buffer>;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #seat: Seat | null;
  readonly #guard: Guard;
  #principal: Principal;
  #inbox: Inbox | null = null;
  #isDismissed = false;
  /** Whether events have gone out since the last beat. */
  #hasSent = false;
  #unanswered = 0;
  /** Bytes that the client's side had taken at the last beat, if there was a backlog then. */
  #taken = NOT_BACKLOGGED;

  /** Takes over a socket whose upgrade has been accepted. Keeps nothing of the request but who asked. */
  constructor(shared: Shared, read: ReadRequest, ws: WebSocket, socket: Socket) {
    this.shared = shared;
    this.access = read.access;
    this.#principal = read.principal;
    this.#seat = read.seat;
    this.#ws = ws;
    this.#socket = socket;
    this.subscription = shared.bus.subscribe(this);
    this.#guard = read.access.guard(
      read.principal,
      () => this.subscription.filters,
      (reason) => this.close(reason),
    );
    listen(this, ws, socket);
    shared.wheel.add(this, shared.heartbeatMs);
    shared.meter.connections("websocket", 1);
  }

  get codec(): Codec<Buffer> {
    return eventCodec;
  }

  get principal(): Principal {
    return this.#principal;
  }

  get isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  get isDismissed(): boolean {
    return this.#isDismissed;
  }

  get isBacklogged(): boolean {
    return this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  /** Welcomes the client and begins with what the URL asked for. */
  start(session: string, { filters, types, start, snapshot }: ReadRequest): void {
    const { bus, heartbeatMs } = this.shared;
    const { after } = bus.resolve(start);
    const heartbeat = heartbeatMs / 1000;
    this.send(`{"op":"welcome","session":"${session}","cursor":"${bus.cursorAt(after)}","heartbeat":${heartbeat}}`);
    if (filters.length === 0) return;
    if (snapshot !== null) this.write(eventCodec.encode([snapshot]));
    this.subscription.extend(filters, types, start, start === "latest" ? {} : { observer: new Replayed(this, "") });
  }

  write(bytes: Buffer): boolean {
    if (!this.isOpen) return false;
    this.#hasSent = true;
    return this.#put(bytes);
  }

  send(text: string): boolean {
    return this.isOpen && this.#put(textFrame(text));
  }

  /** What the live topics missed: the client was too slow for the log to keep it. */
  gap(): boolean {
    this.close(CLOSE_REASONS["too-slow"]);
    return false;
  }

  refuse(error: unknown, ref: string): void {
    const told =
      error instanceof SluiceError ? error : new SluiceError("internal", "A fault in the gateway.", { cause: error });
    if (told.code === "internal") this.shared.logger.error({ err: error }, "a client's message could not be handled");
    this.shared.meter.refused("websocket", told.code);
    const { code, message: detail, index, field } = told;
    this.send(`{"op":"error"${ref},${JSON.stringify({ code, detail, index, field }).slice(1)}`);
  }

  authorize(principal: Principal): void {
    this.#principal = principal;
    this.#guard.replace(principal);
  }

  /** Sends the client away. Nothing is delivered from here on. */
  close(reason: CloseReason): void {
    if (this.#isDismissed) return;
    this.#isDismissed = true;
    this.subscription.close();
    if (reason.reconnectAfterMs !== undefined) {
      this.send(`{"op":"closing","reconnect_after_ms":${Math.round(reason.reconnectAfterMs)}}`);
    }
    this.#ws.close(CLOSE_CODES[reason.code], closeText(reason));
    // The client's close frame may lie behind messages that were left unread.
    if (this.#ws.isPaused) this.#ws.resume();
  }

  /** Ends the connection without a closing handshake. */
  terminate(): void {
    this.#isDismissed = true;
    this.#ws.terminate();
  }

  /**
   * Pings the client, and tells it the cursor if it has heard nothing since the last beat. One that doesn't read gets
   * neither: it is alive as long as it takes something from one beat to the next.
   */
  beat(): void {
    if (!this.isOpen) return;
    if (this.#socket.writableLength > 0) {
      this.#beatBacklogged();
      return;
    }
    this.#taken = NOT_BACKLOGGED;
    // A client that is not read from, since its messages wait for the log or the app, can't answer.
    if (this.#unanswered >= MAX_UNANSWERED && !this.#ws.isPaused) {
      this.terminate();
      return;
    }
    this.#unanswered += 1;
    this.#put(this.#hasSent ? PING : this.shared.heartbeat(resumeCursor(this)));
    this.#hasSent = false;
  }

  regulate(): void {
    if (!this.isOpen) return;
    const mustPause = this.isBacklogged || this.#inbox?.isFull === true;
    if (mustPause === this.#ws.isPaused) return;
    if (mustPause) this.#ws.pause();
    else this.#ws.resume();
  }

  /** The client has sent a message. */
  receive(text: string | null): void {
    if (!this.isOpen) return;
    this.#unanswered = 0;
    this.#inbox ??= new Inbox(this);
    this.#inbox.take(text);
    this.regulate();
  }

  /** The client has sent a ping. It counts as a message; over the limit it is left unanswered. */
  pinged(data: Buffer): void {
    if (!this.isOpen) return;
    this.#unanswered = 0;
    this.#inbox ??= new Inbox(this);
    if (this.#inbox.allow() === "granted") this.#ws.pong(data);
    this.regulate();
  }

  ponged(): void {
    if (this.#unanswered > 0) this.#unanswered = 0;
    // One that nobody asked for (RFC 6455 §5.5.3) is allowed, but not any number of them.
    else (this.#inbox ??= new Inbox(this)).allow();
  }

  drained(): void {
    this.regulate();
    this.#inbox?.work();
    this.subscription.resume();
  }

  /** `ws` found a frame broken; it closes the connection with the code that says so. */
  broken(error: Error & { readonly code?: unknown }): void {
    this.#isDismissed = true;
    this.subscription.close();
    this.shared.meter.refused("websocket", TOO_LARGE.has(error.code) ? "too-large" : "invalid-message");
  }

  gone(): void {
    this.subscription.close();
    this.#guard.release();
    this.#seat?.release();
    this.shared.wheel.remove(this);
    this.shared.meter.connections("websocket", -1);
    this.shared.forget(this);
  }

  /**
   * A batch larger than the stream's high-water mark makes `write` say false although the kernel took all of it: such a
   * reader is not full, and sending it through the log again for each batch would cost more than the batch.
   */
  #put(bytes: Buffer): boolean {
    return this.#socket.write(bytes) || this.#socket.writableLength === 0;
  }

  #beatBacklogged(): void {
    const taken = this.#socket.bytesWritten - this.#socket.writableLength;
    if (taken === this.#taken) this.#unanswered += 1;
    else this.#unanswered = 0;
    this.#taken = taken;
    if (this.#unanswered >= MAX_UNANSWERED) this.terminate();
  }
}

/** Where a socket's connection is kept, so that the listeners can be the same functions for all. */
const CONNECTION: unique symbol = Symbol("connection");

interface Held {
  [CONNECTION]: Connection;
}

/** Closures would cost each idle connection about a hundred bytes per event. */
function listen(connection: Connection, ws: WebSocket, socket: Socket): void {
  (ws as WebSocket & Held)[CONNECTION] = connection;
  (socket as Socket & Held)[CONNECTION] = connection;
  ws.on("message", onMessage);
  ws.on("ping", onPing);
  ws.on("pong", onPong);
  ws.on("error", onError);
  ws.on("close", onClose);
  socket.on("drain", onDrain);
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  (this as WebSocket & Held)[CONNECTION].receive(isBinary ? null : String(data));
}

function onPing(this: WebSocket, data: Buffer): void {
  (this as WebSocket & Held)[CONNECTION].pinged(data);
}

function onPong(this: WebSocket): void {
  (this as WebSocket & Held)[CONNECTION].ponged();
}

function onError(this: WebSocket, error: Error): void {
  (this as WebSocket & Held)[CONNECTION].broken(error);
}

function onClose(this: WebSocket): void {
  (this as WebSocket & Held)[CONNECTION].gone();
}

function onDrain(this: Socket): void {
  (this as Socket & Held)[CONNECTION].drained();
}
