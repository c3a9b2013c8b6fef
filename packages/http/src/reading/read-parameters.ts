import { interestIn, parseCursor, SluiceError, type Filter, type Interest, type Start } from "@sluice/core";
import type { IncomingHttpHeaders } from "node:http";
import { cursorOfTags, preferredWait } from "../header-values.ts";
import { invalidParameter } from "./query.ts";
import { ReadQueries } from "./read-queries.ts";
import { DEFAULT_LIMIT } from "./read-query.ts";
import type { ReadOptions } from "./read-request.ts";

/** What a client asks for, read and checked, before it is known who asks. */
export interface ReadParameters {
  readonly filters: readonly Filter[];
  readonly types: readonly string[];
  /** Filters and types as the bus takes them. */
  readonly interest: Interest;
  readonly start: Start;
  /** Whether the reader is to begin with what its topic, a resource of the app, is now. */
  readonly wantsSnapshot: boolean;
  readonly limit: number;
  readonly waitMs: number | null;
  readonly ifNoneMatch: string | null;
  readonly options: ReadOptions;
  /** `transport=`: the name of the transport that the client insists on. */
  readonly transport: string | null;
  readonly accessToken: string | undefined;
  /** Path and query of the same request going on behind a cursor. */
  readonly nextUrl: (cursor: string) => string;
}

/** Options that nobody asked for. */
const NO_READ_OPTIONS: ReadOptions = Object.freeze({ isNamed: false, isPadded: false, callback: null });

/**
 * Reads `GET PREFIX/events?…`.
 * @param queries remembers those read lately
 * @throws {SluiceError} `invalid-parameter`, `invalid-filter`, `invalid-cursor` or `too-many-subscriptions`
 */
export function parametersOfQuery(
  url: string,
  headers: IncomingHttpHeaders,
  maxFilters: number,
  queries: ReadQueries = new ReadQueries(),
): ReadParameters {
  const { query, after } = queries.read(url);
  const { filters, types, interest, last, limit, options, transport, accessToken, nextUrl } = query;
  if (filters.length > maxFilters) throw tooManyFilters(maxFilters);
  if (after !== undefined && last !== undefined) throw invalidParameter("last", "last and after exclude each other");
  const asked = after === undefined ? (last === undefined ? null : lastStart(last)) : startAfter(after);
  const { start, ifNoneMatch } = placeOf(headers, asked);
  // Who comes back with a place goes on from there, whatever else the URL still says.
  const hasPlace = after !== undefined || ifNoneMatch !== null || hasLastEventId(headers);
  const wantsSnapshot = query.wantsSnapshot && !hasPlace;
  if (wantsSnapshot) checkSnapshot(filters, asked);
  const waitMs = query.waitMs ?? preferredWaitMs(headers);
  return {
    filters,
    types,
    interest,
    start,
    wantsSnapshot,
    limit,
    waitMs,
    ifNoneMatch,
    options,
    transport,
    accessToken,
    nextUrl,
  };
}

/**
 * Reads a request for a resource's own URL, where the query is the app's and headers alone speak to the gateway.
 * @throws {SluiceError} `invalid-cursor`
 */
export function parametersOfResource(
  filters: readonly Filter[],
  headers: IncomingHttpHeaders,
  nextUrl: (cursor: string) => string,
): ReadParameters {
  return {
    filters,
    types: [],
    interest: interestIn(filters),
    ...placeOf(headers, null),
    wantsSnapshot: false,
    limit: DEFAULT_LIMIT,
    waitMs: preferredWaitMs(headers),
    options: NO_READ_OPTIONS,
    transport: null,
    accessToken: undefined,
    nextUrl,
  };
}

/** A header that may stand more than once, as one line. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function placeOf(headers: IncomingHttpHeaders, asked: Start | null): Pick<ReadParameters, "start" | "ifNoneMatch"> {
  const ifNoneMatch = cursorOfTags(headers["if-none-match"]);
  const lastEventId = headerOf(headers, "last-event-id") ?? "";
  if (lastEventId !== "") {
    parseCursor(lastEventId, "Last-Event-ID");
    return { start: { cursor: lastEventId }, ifNoneMatch };
  }
  return { start: asked ?? (ifNoneMatch === null ? "latest" : { cursor: ifNoneMatch }), ifNoneMatch };
}

function hasLastEventId(headers: IncomingHttpHeaders): boolean {
  return (headerOf(headers, "last-event-id") ?? "") !== "";
}

function checkSnapshot(filters: readonly Filter[], asked: Start | null): void {
  if (asked !== null && asked !== "latest")
    throw invalidParameter("snapshot", "snapshot goes with last=0, or without last");
  if (filters.length !== 1) throw invalidParameter("snapshot", "snapshot goes with one topic");
}

function startAfter(after: string): Start {
  if (after === "latest" || after === "earliest") return after;
  parseCursor(after);
  return { cursor: after };
}

function lastStart(last: number): Start {
  return last === 0 ? "latest" : { last };
}

function preferredWaitMs(headers: IncomingHttpHeaders): number | null {
  const waitSeconds = preferredWait(headerOf(headers, "prefer"));
  return waitSeconds === null ? null : waitSeconds * 1000;
}

function tooManyFilters(maxFilters: number): SluiceError {
  return new SluiceError("too-many-subscriptions", `One connection may have ${maxFilters} topics.`, { field: "topic" });
}
