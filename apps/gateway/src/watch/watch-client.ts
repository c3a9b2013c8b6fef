import type { Start } from "@sluice/core";
import { NAME_PUBLIC } from "../client/address.ts";
import { networkCode, networkWords } from "../client/network.ts";
import type { Refusal } from "../client/answer.ts";

/** What is to be followed. */
export interface Ask {
  /** Where the gateway gives events out, without a query. */
  readonly url: URL;
  readonly filters: readonly string[];
  /** Empty: of every type. */
  readonly types: readonly string[];
  readonly token: string | null;
  readonly start: Start;
}

/** A gap, with the names that it has on the wire. */
export interface GapNote {
  readonly after: string;
  readonly resumed_at: string;
  readonly reason: string;
}

/** What comes out of a connection, in order. The text of an event is the one that came. */
export type Item = { readonly kind: "event"; readonly json: string } | { readonly kind: "gap"; readonly gap: GapNote };

/** Takes what a connection brings. */
export interface Receiver {
  /** The gateway has answered: the connection stands. */
  opened(): void;
  /** Items, and the cursor to go on behind them (`null`: still the one before). Resolves when more may come. */
  take(items: readonly Item[], cursor: string | null): Promise<void>;
}

/** How a connection ended. */
export type Ending =
  /** Coming back with the cursor makes sense, after so many milliseconds if the gateway said so. */
  | {
      readonly kind: "cut";
      readonly detail: string;
      readonly retryAfterMs: number | null;
      /** Nothing answered at that address. */
      readonly isUnreachable: boolean;
    }
  /** Another transport may be had where this one can't. */
  | { readonly kind: "unfit"; readonly detail: string }
  /** Asking again for the same makes no sense. */
  | { readonly kind: "refused"; readonly detail: string };

/** One way to follow topics. */
export interface WatchClient {
  readonly name: string;
  /** One connection, from its start to its end. Never rejects; ends when the signal is aborted. */
  connect(ask: Ask, receiver: Receiver, signal: AbortSignal): Promise<Ending>;
}

/** The URL that asks for this, by a transport. */
export function askUrl(ask: Ask, transport: string): URL {
  const url = new URL(ask.url);
  for (const filter of ask.filters) url.searchParams.append("topic", filter);
  for (const type of ask.types) url.searchParams.append("type", type);
  const { start } = ask;
  if (typeof start === "string") url.searchParams.set("after", start);
  else if ("cursor" in start) url.searchParams.set("after", start.cursor);
  else url.searchParams.set("last", String(start.last));
  url.searchParams.set("transport", transport);
  return url;
}

/** The headers that show who asks. */
export function askHeaders(ask: Ask): Record<string, string> {
  return ask.token === null ? {} : { authorization: `Bearer ${ask.token}` };
}

/** What an error of the network means. */
export function cutBy(error: unknown): Ending {
  const code = networkCode(error);
  const isUnreachable = code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EHOSTUNREACH";
  return { kind: "cut", detail: networkWords(error), retryAfterMs: null, isUnreachable };
}

/** What an answer other than the one hoped for means. */
export function endingOf(refusal: Refusal): Ending {
  const { status, isNowhere, retryAfterMs } = refusal;
  const detail = refusal.detail.replace(/\.$/, "");
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return { kind: "cut", detail, retryAfterMs, isUnreachable: false };
  }
  if (status === 406 || status === 426 || status === 405) return { kind: "unfit", detail };
  if (status >= 400) {
    const isElsewhere = isNowhere || refusal.code === null;
    return { kind: "refused", detail: isElsewhere ? `${detail}; ${NAME_PUBLIC}` : detail };
  }
  return { kind: "unfit", detail: `an answer with status ${status} is not what the transport needs` };
}
