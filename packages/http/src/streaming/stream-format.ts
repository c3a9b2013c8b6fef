import type { CloseReason, Gap, StoredEvent } from "@sluice/core";

/** How a response that doesn't end tells things. One object for all readers of a kind; it knows text, no sockets. */
export interface StreamFormat {
  /** Unique in the process, for instance `sse-named`. */
  readonly name: string;
  readonly contentType: string;
  events(events: readonly StoredEvent[]): string;
  /** The first bytes. `cursor`: where the reader begins, or goes on if it drops before the first event. */
  opening(cursor: string, options: OpeningOptions): string;
  /** Shows that the connection lives; `cursor` is the log's newest, `null` if the reader isn't there yet. */
  heartbeat(cursor: string | null): string;
  gap(gap: Gap): string;
  /** The last bytes. `retryMs`: when the reader should come back. */
  farewell(reason: CloseReason, retryMs: number): string;
}

/** What differs from reader to reader of one format. */
export interface OpeningOptions {
  readonly isPadded: boolean;
  /** Whether a snapshot comes next: a reader that drops before it has that must not go on as if it had. */
  readonly hasSnapshot: boolean;
  /** When to come back after a cut. */
  readonly retryMs: number;
}
