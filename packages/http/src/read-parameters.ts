import { parseCursor, parseFilter, SluiceError, type Filter, type Start } from "@sluice/core";
import type { IncomingHttpHeaders } from "node:http";
import { cursorOfTags, preferredWait } from "./header-values.ts";
import { invalidParameter, Query } from "./query.ts";
import type { ReadOptions } from "./read-request.ts";

/** What a client asks for, read and checked, before it is known who asks. */
export interface ReadParameters {
  readonly filters: readonly Filter[];
  readonly types: readonly string[];
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

/** Topic filters in one query at the most. */
const MAX_FILTERS = 100;
const MAX_TYPES = 100;
const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;
const MAX_LAST = 100;
/** Seconds of `wait=` at the most. `Prefer: wait` is a wish and not a bound: more is cut down to what the operator lets wait. */
const MAX_WAIT_SECONDS = 60;

const TYPE = /^[A-Za-z0-9._-]{1,128}$/;
const CALLBACK = /^[A-Za-z_$][\w$]{0,63}(?:\.[A-Za-z_$][\w$]{0,63}){0,3}$/;
const PLACES: ReadonlySet<string> = new Set(["after", "last", "snapshot"]);

/** Options that nobody asked for. */
export const NO_READ_OPTIONS: ReadOptions = Object.freeze({ isNamed: false, isPadded: false, callback: null });

/**
 * Reads `GET PREFIX/events?…`.
 * @throws {SluiceError} `invalid-parameter`, `invalid-filter`, `invalid-cursor` or `too-many-subscriptions`
 */
export function parametersOfQuery(url: string, headers: IncomingHttpHeaders, maxFilters: number): ReadParameters {
  const query = new Query(url);
  const after = query.one("after");
  const last = query.integer("last", 0, MAX_LAST);
  if (after !== undefined && last !== undefined) throw invalidParameter("last", "last and after exclude each other");
  const asked = after === undefined ? (last === undefined ? null : lastStart(last)) : startAfter(after);
  const place = placeOf(headers, asked);
  // Who comes back with a place goes on from there, whatever else the URL still says.
  const hasPlace = after !== undefined || place.ifNoneMatch !== null || hasLastEventId(headers);
  const wantsSnapshot = query.flag("snapshot") && !hasPlace;
  if (wantsSnapshot) checkSnapshot(query.all("topic"), asked);
  const waitSeconds = query.integer("wait", 1, MAX_WAIT_SECONDS) ?? preferredWait(headerOf(headers, "prefer"));
  const rest = query.without(PLACES);
  return {
    filters: filtersOf(query, maxFilters),
    types: typesOf(query),
    ...place,
    wantsSnapshot,
    limit: query.integer("limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT,
    waitMs: waitSeconds === null ? null : waitSeconds * 1000,
    options: {
      isNamed: query.flag("named"),
      isPadded: query.flag("pad"),
      callback: callbackOf(query),
    },
    transport: query.one("transport") ?? null,
    accessToken: query.one("access_token"),
    nextUrl: (cursor) => `${query.path}?${rest === "" ? "" : `${rest}&`}after=${cursor}`,
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
  const waitSeconds = preferredWait(headerOf(headers, "prefer"));
  return {
    filters,
    types: [],
    ...placeOf(headers, null),
    wantsSnapshot: false,
    limit: DEFAULT_LIMIT,
    waitMs: waitSeconds === null ? null : waitSeconds * 1000,
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
    parseCursor(lastEventId);
    return { start: { cursor: lastEventId }, ifNoneMatch };
  }
  return { start: asked ?? (ifNoneMatch === null ? "latest" : { cursor: ifNoneMatch }), ifNoneMatch };
}

function hasLastEventId(headers: IncomingHttpHeaders): boolean {
  return (headerOf(headers, "last-event-id") ?? "") !== "";
}

function checkSnapshot(topics: readonly string[], asked: Start | null): void {
  if (asked !== null && asked !== "latest")
    throw invalidParameter("snapshot", "snapshot goes with last=0, or without last");
  if (new Set(topics).size !== 1) throw invalidParameter("snapshot", "snapshot goes with one topic");
}

function startAfter(after: string): Start {
  if (after === "latest" || after === "earliest") return after;
  parseCursor(after);
  return { cursor: after };
}

function lastStart(last: number): Start {
  return last === 0 ? "latest" : { last };
}

function filtersOf(query: Query, maxFilters: number): readonly Filter[] {
  const texts = new Set(query.all("topic"));
  if (texts.size > MAX_FILTERS) throw invalidParameter("topic", `at most ${MAX_FILTERS} topics`);
  if (texts.size > maxFilters) {
    throw new SluiceError("too-many-subscriptions", `One connection may have ${maxFilters} topics.`, {
      field: "topic",
    });
  }
  return [...texts].map((text) => parseFilter(text));
}

function typesOf(query: Query): readonly string[] {
  const types = [...new Set(query.all("type"))];
  if (types.length > MAX_TYPES) throw invalidParameter("type", `at most ${MAX_TYPES} types`);
  for (const type of types)
    if (!TYPE.test(type)) throw invalidParameter("type", "a type is 1–128 of A–Z a–z 0–9 . _ -");
  return types;
}

function callbackOf(query: Query): string | null {
  const name = query.one("callback");
  if (name === undefined) return null;
  if (!CALLBACK.test(name)) throw invalidParameter("callback", "callback must be the name of a function");
  return name;
}
