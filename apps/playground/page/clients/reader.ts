import type { SluiceEvent } from "@sluice/client";

/** An order as the shop shows it: the data of each event. */
export interface OrderData {
  readonly id: string;
  readonly pizza: string;
  readonly status: "placed" | "baking" | "ready" | "cancelled";
}

/** A change of an order. */
export type OrderEvent = SluiceEvent<OrderData>;

/**
 * - `connecting`: it has asked, and nothing has come yet
 * - `open`: events come
 * - `waiting`: the connection broke; it tries again by itself
 * - `closed`: it does not read any more
 */
export type ReaderState = "connecting" | "open" | "waiting" | "closed";

/** What a reader tells. */
export interface ReaderListener {
  /** Once for each event, whatever happened on the way. */
  event(event: OrderEvent): void;
  /** An event came again, and was recognised: it is not handed on a second time. */
  repeated(event: OrderEvent): void;
  state(state: ReaderState): void;
  /** The log no longer holds what the reader has missed. */
  gap(): void;
}

/** Where a reader begins, and whom it tells. */
export interface ReaderOptions {
  /** The address of the gateway, or of what stands before it. */
  readonly url: string;
  /** The cursor behind which it begins. */
  readonly after: string;
  readonly listener: ReaderListener;
}

/** One client of the gateway, by one transport. It comes back by itself, from its cursor, until it is closed. */
export interface Reader {
  close(): void;
}

/** Every new order, and all that happens to one. */
const TOPICS = ["orders", "orders/**"] as const;

/** The gateway's one URL for reading. */
export function eventsUrl(base: string, query: Readonly<Record<string, string>> = {}): string {
  const url = new URL("/realtime/events", base);
  for (const topic of TOPICS) url.searchParams.append("topic", topic);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}
