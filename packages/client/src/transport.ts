import type { Attempt } from "./attempt.ts";
import type { Clock } from "./clock.ts";
import type { Item } from "./event.ts";
import type { Timing } from "./timing.ts";

/** The ways for events to come. */
export type TransportName = "websocket" | "sse" | "long-polling" | "polling";

/** Whether cookies go along, as `fetch` has it. */
export type CookieMode = "include" | "omit" | "same-origin";

/** Where reading begins: behind a cursor (`earliest` and `latest` are such), or with the newest N. */
export type Start = { readonly after: string } | { readonly last: number };

/** Who asks. */
export interface Identity {
  readonly token: string | null;
  readonly credentials: CookieMode | undefined;
}

/** What is asked for. */
export interface Ask extends Identity {
  /** Where the gateway gives events out, without a query. */
  readonly url: URL;
  readonly topics: readonly string[];
  /** Empty: of every type. */
  readonly types: readonly string[];
  readonly start: Start;
}

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
  readonly WebSocket: typeof WebSocket;
}

/**
 * One way to read: one connection. It ends with the attempt. What it throws, and its own end, mean that the connection
 * was cut.
 */
export type Transport = (ask: Ask, receiver: Receiver, attempt: Attempt) => Promise<unknown>;
