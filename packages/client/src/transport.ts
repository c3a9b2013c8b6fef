import type { Clock } from "./clock.ts";
import type { Item } from "./event.ts";
import type { SluiceError } from "./sluice-error.ts";
import type { Timing } from "./timing.ts";

/** The ways for events to come. */
export type TransportName = "websocket" | "sse" | "long-polling" | "polling";

/** Whether cookies go along, as `fetch` has it. */
export type CookieMode = "include" | "omit" | "same-origin";

/** Where reading begins: behind a cursor (`earliest` and `latest` are such), or with the newest N. */
export type Start = { readonly after: string } | { readonly last: number };

/** What is asked for. */
export interface Ask {
  /** Where the gateway gives events out, without a query. */
  readonly url: URL;
  readonly topics: readonly string[];
  /** Empty: of every type. */
  readonly types: readonly string[];
  readonly start: Start;
  readonly token: string | null;
  /** Whether cookies go along to other origins, as `fetch` has it. */
  readonly credentials: CookieMode | undefined;
}

/** How a connection ended. */
export type Ending =
  /** Whoever opened it has stopped it. */
  | { readonly how: "stopped" }
  /** The reader could not keep up, and this transport can't be made to wait: come back when there is room. */
  | { readonly how: "full" }
  /** Coming back makes sense. `toldMs`: not before, says the gateway. */
  | { readonly how: "cut"; readonly error: SluiceError; readonly toldMs?: number | null }
  /** Something between does not let this transport through, or not in time. */
  | { readonly how: "unfit"; readonly error: SluiceError }
  /** It stood and fell silent. */
  | { readonly how: "dead"; readonly error: SluiceError }
  /** The gateway does not have this transport. */
  | { readonly how: "off"; readonly error: SluiceError }
  /** Asking for the same again makes no sense. */
  | { readonly how: "refused"; readonly error: SluiceError };

/** Takes what a connection brings. */
export interface Receiver {
  /** The gateway has answered, and what is asked for is on its way. */
  opened(): void;
  /**
   * Items in order, and the cursor behind them (`null`: still the one before). Whether there is room for more; what was
   * given is taken in any case. `sizeBytes` is about what they weigh.
   */
  take(items: readonly Item[], cursor: string | null, sizeBytes: number): boolean;
  /** Resolves when there is room again. */
  room(): Promise<void>;
  /** From now on topics can be added and taken away without a new connection. */
  steerable(helm: Helm): void;
}

/** Changes the topics of a connection that stands. */
export interface Helm {
  subscribe(topics: readonly string[], done: () => void): void;
  unsubscribe(topics: readonly string[]): void;
  /** Finds out whether the connection still lives; one that doesn't ends as `dead`. */
  check(): void;
}

/** What a transport works with. */
export interface Tools {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket | undefined;
}

/** One way to read: one connection, from its start to its end. Never rejects; ends soon after the signal is aborted. */
export type Transport = (ask: Ask, receiver: Receiver, signal: AbortSignal, tools: Tools) => Promise<Ending>;
