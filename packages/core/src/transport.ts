import type { Bus } from "./bus.ts";
import type { Clock } from "./clock.ts";
import type { CloseReason } from "./close-reason.ts";
import type { StoredEvent } from "./event.ts";
import type { Gap } from "./gap.ts";

/**
 * Turns events into one wire format. One object per transport and format, shared by all its readers: it is the key
 * under which the bus keeps what it has encoded, so that a batch is encoded once and not once per reader.
 */
export interface Codec<Bytes> {
  /** Unique among the codecs of a process: `sse`, `sse-named`, `websocket`. */
  readonly name: string;
  /** Name of the transport, for the metrics. */
  readonly transport: string;
  /** The bytes of at least one event, whole: what two calls return may be sent one after the other. */
  encode(events: readonly StoredEvent[]): Bytes;
}

/** What one connected reader gives the bus. All calls are synchronous. */
export interface Sink<Bytes> {
  readonly codec: Codec<Bytes>;
  /**
   * Takes the bytes and answers whether more may come at once. On `false` the bytes are taken all the same; the bus
   * then leaves this reader until `subscription.resume()`.
   */
  write(bytes: Bytes, upTo: number): boolean;
  /** Tells the reader that events are missing, before those that follow. Answers like `write`. */
  gap(gap: Gap): boolean;
  /** The bus gives the reader up; the sink closes its connection. */
  close(reason: CloseReason): void;
}

/** What a subscription to the gateway's own figures gets. Called once per batch, not once per reader. */
export interface Meter {
  /** `readers` of `transport` were handed `events` events in `bytes` bytes each, `lagMs` after the first was published. */
  delivered(transport: string, readers: number, events: number, bytes: number, lagMs: number): void;
  /** A reader was left behind since its connection is full. */
  leftBehind(transport: string): void;
  /** A gap was told. */
  gapTold(transport: string, reason: Gap["reason"]): void;
  /** A reader came (+1) or went (-1). */
  connections(transport: string, change: 1 | -1): void;
  /** A request, or message of a client, was refused with this code. */
  refused(transport: string, code: string): void;
}

/** Counts nothing. */
export const silentMeter: Meter = Object.freeze({
  delivered: () => undefined,
  leftBehind: () => undefined,
  gapTold: () => undefined,
  connections: () => undefined,
  refused: () => undefined,
});

/** Says what happened, for the operator; never a token, cookie or payload. */
export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, text: string): void;
  info(fields: Readonly<Record<string, unknown>>, text: string): void;
  warn(fields: Readonly<Record<string, unknown>>, text: string): void;
  error(fields: Readonly<Record<string, unknown>>, text: string): void;
}

/** What a transport is given when it starts. */
export interface TransportContext {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly logger: Logger;
}

/** One way for events to leave. Made by a factory (`sse({ heartbeatMs })`); no base class, no registry, no module state. */
export interface Transport {
  readonly name: string;
  start(context: TransportContext): Promise<void>;
  /** Sends its readers away, spread over the time until `deadline` aborts; resolves when the last one is gone. */
  drain(reason: CloseReason, spreadMs: number, deadline: AbortSignal): Promise<void>;
}
