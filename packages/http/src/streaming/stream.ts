import type { Bus, CloseReason, Gap, Guard, HeartbeatMember, Meter, Sink, Start, Subscription } from "@sluice/core";
import type { Socket } from "node:net";
import type { ReadRequest } from "../reading/read-request.ts";
import type { StreamCodec } from "./stream-codec.ts";

/** What all streams of a transport share. */
export interface StreamHost {
  readonly bus: Bus;
  readonly meter: Meter;
  /** Times in a heartbeat's period that {@link Stream.beat} is called. */
  readonly stepsPerHeartbeat: number;
  /** Steps for which a reader may take nothing before it is given up. */
  readonly stepsUntilStalled: number;
  /** When a reader that is sent away should come back. */
  retryMs(): number;
  /** The connection is gone. */
  left(stream: Stream): void;
  /** Cuts the connection unless it closes by itself soon. */
  linger(socket: Socket): void;
}

/** One connected reader. All that an idle one needs: it is kept small, there may be ten thousands of them. */
export class Stream implements Sink<Buffer>, HeartbeatMember {
  readonly codec: StreamCodec;
  readonly #host: StreamHost;
  readonly #socket: Socket;
  readonly #subscription: Subscription<Buffer>;
  readonly #seat: ReadRequest["seat"];
  #guard: Guard | null = null;
  /** Steps since anything was written, or, while the connection is full, since it became so. */
  #steps = 0;
  #isEnding = false;

  constructor(host: StreamHost, socket: Socket, codec: StreamCodec, seat: ReadRequest["seat"]) {
    this.codec = codec;
    this.#host = host;
    this.#socket = socket;
    this.#seat = seat;
    this.#subscription = host.bus.subscribe(this);
  }

  /** Writes `first`, and from then on what the reader asked for. */
  begin(first: Buffer, read: ReadRequest, start: Start): void {
    const socket = this.#socket;
    this.#host.meter.connections(this.codec.transport, 1);
    socket.on("error", ignore);
    socket.on("close", () => this.#left());
    socket.on("drain", () => this.#drained());
    // What a client says on a stream is nobody's business, but its hanging up is seen only by reading.
    socket.resume();
    // Some hundred bytes, and with a snapshot one event more: what makes the socket full is a batch behind that at most.
    socket.write(first);
    const subscription = this.#subscription;
    this.#guard = read.access.guard(
      read.principal,
      () => subscription.filters,
      (reason) => this.close(reason),
    );
    if (this.#isEnding) this.#letGo();
    else subscription.extend(read.filters, read.types, start);
  }

  write(bytes: Buffer): boolean {
    this.#steps = 0;
    return this.#socket.write(bytes);
  }

  gap(gap: Gap): boolean {
    return this.write(this.codec.frame(this.codec.format.gap(gap)));
  }

  beat(): void {
    this.#steps += 1;
    if (this.#subscription.isFull) {
      // Nothing may be queued here; what the reader misses is in the log.
      if (this.#steps > this.#host.stepsUntilStalled) this.#socket.destroy();
      return;
    }
    if (this.#steps < this.#host.stepsPerHeartbeat) return;
    const cursor = this.#subscription.isLive ? this.#host.bus.cursor : null;
    this.write(this.codec.heartbeat(cursor));
  }

  /** Says goodbye and ends the body as a whole one. */
  close(reason: CloseReason): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#letGo();
    this.#socket.end(this.codec.last(this.codec.format.farewell(reason, this.#host.retryMs())));
    this.#host.linger(this.#socket);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  #drained(): void {
    this.#steps = 0;
    this.#subscription.resume();
  }

  #left(): void {
    this.#isEnding = true;
    this.#letGo();
    this.#host.meter.connections(this.codec.transport, -1);
    this.#host.left(this);
  }

  #letGo(): void {
    this.#subscription.close();
    this.#guard?.release();
    this.#seat?.release();
  }
}

/** A connection that fails closes too, and that is what counts. */
function ignore(): void {}
