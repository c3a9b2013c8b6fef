import type { Access, Filter, Interest, Principal, Start, StoredEvent } from "@sluice/core";

/** A place among the connections that the gateway may hold. Whoever holds a reader gives it back when the reader is gone. */
export interface Seat {
  /** Idempotent. */
  release(): void;
}

/**
 * What a client asked for, read, checked and authorised once, whatever the transport. A transport sees neither query
 * strings nor tokens.
 */
export interface ReadRequest {
  /** At least one, all granted; may be empty on the transport `websocket` alone. */
  readonly filters: readonly Filter[];
  /** Empty: of every type. */
  readonly types: readonly string[];
  /** {@link filters} and {@link types} as the bus takes them. */
  readonly interest: Interest;
  /** `Last-Event-ID`, else `after` or `last`, else `If-None-Match` where that is a cursor, else `latest`. */
  readonly start: Start;
  /**
   * What the reader is given first, before it is read from `start`, which is then the cursor of this event; `null` but
   * for those who asked for it. It is not in the log, so it is encoded for this reader alone and counts for nothing there.
   */
  readonly snapshot: StoredEvent | null;
  /** Events of one page at the most. */
  readonly limit: number;
  /** How long the client is ready to wait for the first event; `null` if it did not say. */
  readonly waitMs: number | null;
  /** The cursor of `If-None-Match`; `null` without one. */
  readonly ifNoneMatch: string | null;
  readonly principal: Principal;
  /** For topics that a connection adds later, and to watch over it while it lives. */
  readonly access: Access;
  /** Counted against the connection limits. A transport that answers at once may ignore it: it is null there. */
  readonly seat: Seat | null;
  /** What one transport alone understands. */
  readonly options: ReadOptions;
  /** Path and query of the same request going on behind a cursor, with every other parameter kept. */
  nextUrl(cursor: string): string;
}

/** Parameters that mean something to one transport alone. */
export interface ReadOptions {
  /** SSE: `event:` is the event's type. */
  readonly isNamed: boolean;
  /** SSE: begin with 2 KiB of comment, for proxies that buffer. */
  readonly isPadded: boolean;
  /** Comet: the function that gets the events. */
  readonly callback: string | null;
}
