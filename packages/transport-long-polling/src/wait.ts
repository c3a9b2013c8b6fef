import {
  SluiceError,
  type Bus,
  type CloseReason,
  type ErrorCode,
  type Gap,
  type Guard,
  type Meter,
  type Sink,
  type Subscription,
} from "@sluice/core";
import { pageBody, sendPage, type PageBody, type ReadRequest } from "@sluice/http";
import type { FastifyReply } from "fastify";
import type { Socket } from "node:net";
import type { PageBytes, PageCodec } from "./page-codec.ts";
import type { QueuedWait, WaitQueue } from "./wait-queue.ts";

/** What the waits of a transport share. */
export interface WaitSurroundings {
  readonly bus: Bus;
  readonly meter: Meter;
}

/** How a wait that ends without a page is told. */
const FAULTS: Readonly<Record<CloseReason["code"], ErrorCode>> = {
  "token-expired": "unauthorized",
  "grant-revoked": "forbidden",
  policy: "forbidden",
  "app-unavailable": "app-unavailable",
  draining: "draining",
  "too-slow": "internal",
  internal: "internal",
};

/** One client that waits for its page: a sink that takes one batch. It ends once, by whatever comes first. */
export class Wait implements Sink<PageBytes>, QueuedWait {
  readonly codec: PageCodec;
  endsAtMs = 0;
  readonly #surroundings: WaitSurroundings;
  readonly #queue: WaitQueue;
  readonly #read: ReadRequest;
  readonly #reply: FastifyReply;
  readonly #socket: Socket;
  readonly #subscription: Subscription<PageBytes>;
  readonly #onClose = (): void => void this.#end();
  #guard: Guard | null = null;
  #isOver = false;

  /** @param queue of the waits that are as long */
  constructor(
    surroundings: WaitSurroundings,
    codec: PageCodec,
    queue: WaitQueue,
    read: ReadRequest,
    reply: FastifyReply,
  ) {
    this.codec = codec;
    this.#surroundings = surroundings;
    this.#queue = queue;
    this.#read = read;
    this.#reply = reply;
    this.#socket = reply.raw.req.socket;
    this.#subscription = surroundings.bus.subscribe(this);
  }

  /** @param cursor of the empty page that the client has in effect; what comes after it ends the wait */
  begin(cursor: string): void {
    const { access, principal, filters, interest } = this.#read;
    this.#surroundings.meter.connections(this.codec.transport, 1);
    // Of the socket, since a request that waits behind another on the same connection hears of nothing else.
    this.#socket.on("close", this.#onClose);
    this.#guard = access.guard(
      principal,
      () => filters,
      (reason) => this.close(reason),
    );
    if (this.#isOver || this.#socket.destroyed) {
      this.#guard.release();
      this.#end();
      return;
    }
    this.#queue.add(this);
    this.#subscription.add(interest, { cursor });
  }

  write(bytes: PageBytes): boolean {
    this.#send({ body: bytes, cursor: bytes.cursor });
    return false;
  }

  /** Told at once; the events behind it are the next page. */
  gap(gap: Gap): boolean {
    this.#send(pageBody([], gap.resumedAt, gap));
    return false;
  }

  /** Ends the wait with an empty page: nothing that matches is new. */
  answer(): void {
    this.#send(pageBody([], this.#surroundings.bus.cursorAt(this.#subscription.resumePosition), null));
  }

  /** The gateway is stopping: the same, and the connection ends with it. */
  dismiss(): void {
    if (!this.#isOver) this.#reply.header("connection", "close");
    this.answer();
  }

  /** The reader may no longer read, or can't be served: it gets that instead of a page. */
  close(reason: CloseReason): void {
    if (!this.#end()) return;
    this.#reply.send(new SluiceError(FAULTS[reason.code], reason.detail));
  }

  #send(page: PageBody): void {
    if (this.#end()) sendPage(this.#reply, this.#read, page);
  }

  /** Lets go of everything. Answers whether the client can still be told something. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#subscription.close();
    this.#queue.remove(this);
    this.#guard?.release();
    this.#socket.off("close", this.#onClose);
    this.#read.seat?.release();
    this.#surroundings.meter.connections(this.codec.transport, -1);
    if (!this.#socket.destroyed) return true;
    this.#reply.hijack();
    return false;
  }
}
