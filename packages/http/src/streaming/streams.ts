import {
  HeartbeatWheel,
  interestIn,
  SluiceError,
  type Bus,
  type CloseReason,
  type Start,
  type TransportContext,
} from "@sluice/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Socket } from "node:net";
import type { ReadRequest } from "../reading/read-request.ts";
import { StreamCodecs } from "./stream-codec.ts";
import type { StreamFormat } from "./stream-format.ts";
import { streamHead, takeSocket } from "./stream-socket.ts";
import { Stream, type StreamHost } from "./stream.ts";

/** Options of {@link Streams}. */
export interface StreamsOptions {
  /** Name of the transport. */
  readonly transport: string;
  /** The longest silence on a stream. */
  readonly heartbeatMs: number;
  /** When a client should come back after a cut; told to each with up to a quarter of that more or less. */
  readonly retryMs: number;
}

/** Parts of a heartbeat's period: a heartbeat is early by one of them at the most, and never late. */
const STEPS = 5;
/** A reader that has taken nothing for so long is given up: its kernel's buffers are full, and nobody reads them. */
const STALLED_MS = 300_000;
/** How long a connection that was ended may take to close. */
const LINGER_MS = 5000;
/** How often a drain sends some more readers away. */
const DRAIN_TICK_MS = 50;

/** All readers of a transport whose responses don't end: opens them, keeps them alive, sends them away. */
export class Streams implements StreamHost {
  readonly bus: Bus;
  readonly meter: TransportContext["meter"];
  readonly stepsPerHeartbeat: number = STEPS;
  readonly stepsUntilStalled: number;
  readonly #context: TransportContext;
  readonly #options: StreamsOptions;
  readonly #codecs: StreamCodecs;
  readonly #wheel: HeartbeatWheel;
  readonly #stepMs: number;
  readonly #open = new Set<Stream>();
  #isDraining = false;
  readonly #onEmpty: (() => void)[] = [];

  constructor(context: TransportContext, options: StreamsOptions) {
    this.bus = context.bus;
    this.meter = context.meter;
    this.#context = context;
    this.#options = options;
    this.#codecs = new StreamCodecs(options.transport);
    this.#wheel = new HeartbeatWheel(context.clock);
    this.#stepMs = options.heartbeatMs / STEPS;
    this.stepsUntilStalled = Math.ceil(STALLED_MS / this.#stepMs);
  }

  /** How many readers there are. */
  get size(): number {
    return this.#open.size;
  }

  /** Answers a request with a stream. @throws {SluiceError} `draining`, `bad-request` */
  async open(format: StreamFormat, read: ReadRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (this.#isDraining) throw new SluiceError("draining", "The gateway is stopping.", { retryAfterSeconds: 1 });
    if (request.method === "HEAD") {
      reply.header("cache-control", "no-cache, no-transform").header("content-type", format.contentType).send();
      return;
    }
    const start = await this.#startOf(read);
    const socket = takeSocket(reply);
    if (socket === null) {
      read.seat?.release();
      return;
    }
    const { head, isChunked } = streamHead(reply, format.contentType);
    const codec = this.#codecs.of(format, isChunked);
    const cursor = typeof start === "object" && "cursor" in start ? start.cursor : this.#cursorOf(start);
    const { isPadded } = read.options;
    const hasSnapshot = read.snapshot !== null;
    const opening = format.opening(cursor, { isPadded, hasSnapshot, retryMs: this.retryMs() });
    const stream = new Stream(this, socket, codec, read.seat);
    this.#open.add(stream);
    this.#wheel.add(stream, this.#stepMs);
    const first = [Buffer.from(head, "latin1"), codec.frame(opening)];
    if (read.snapshot !== null) first.push(codec.encode([read.snapshot]));
    stream.begin(Buffer.concat(first), read, start);
  }

  /** Sends all readers away, one by one over `spreadMs`, and cuts those that are left at the deadline. */
  async drain(reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void> {
    this.#isDraining = true;
    const { clock } = this.#context;
    const waiting = [...this.#open];
    const total = waiting.length;
    const startedAtMs = clock.monotonic();
    const sendAway = (): void => {
      const elapsedMs = clock.monotonic() - startedAtMs;
      const due = elapsedMs >= spreadMs ? total : Math.floor((total * elapsedMs) / spreadMs);
      for (const stream of waiting.splice(0, due - (total - waiting.length))) stream.close(reason);
    };
    const stop = clock.every(DRAIN_TICK_MS, sendAway);
    sendAway();
    const cut = (): void => {
      for (const stream of waiting) stream.close(reason);
      for (const stream of this.#open) stream.destroy();
    };
    if (deadline.aborted) cut();
    else deadline.addEventListener("abort", cut, { once: true });
    await this.#emptied();
    deadline.removeEventListener("abort", cut);
    stop();
  }

  /** A little different for each reader, so that they don't come back all at once. */
  retryMs(): number {
    return Math.round(this.#options.retryMs * (0.75 + this.#context.clock.random() / 2));
  }

  left(stream: Stream): void {
    this.#open.delete(stream);
    this.#wheel.remove(stream);
    if (this.#open.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  linger(socket: Socket): void {
    const cancel = this.#context.clock.after(LINGER_MS, () => socket.destroy());
    socket.once("close", cancel);
  }

  #emptied(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  /**
   * The newest N as a place in the log, before the first of them: so the opening can tell where the reader begins, and one
   * that drops before the first event still gets them all.
   */
  async #startOf(read: ReadRequest): Promise<Start> {
    const { start } = read;
    if (typeof start === "string" || "cursor" in start) return start;
    const page = await this.bus.read(interestIn(read.filters, read.types), start, start.last);
    const first = page.events[0];
    return { cursor: first === undefined ? page.cursor : this.bus.cursorAt(first.position - 1) };
  }

  #cursorOf(start: Start): string {
    return this.bus.cursorAt(this.bus.resolve(start).after);
  }
}
