import { interestIn, parseFilter, type Filter, type Interest } from "@sluice/core";
import { invalidParameter, Query } from "./query.ts";
import type { ReadOptions } from "./read-request.ts";

/**
 * What the query of a read says, but for where the client is in the log: the same with each poll of a reader, and for
 * all readers who ask the same.
 */
export interface ReadQuery {
  readonly filters: readonly Filter[];
  readonly types: readonly string[];
  /** Filters and types as the bus takes them. */
  readonly interest: Interest;
  /** `after=`, unless it was cut off before; see {@link ReadQueries}. */
  readonly after: string | undefined;
  readonly last: number | undefined;
  /** `snapshot=1`. */
  readonly wantsSnapshot: boolean;
  readonly limit: number;
  /** `wait=`; `null` without. */
  readonly waitMs: number | null;
  readonly options: ReadOptions;
  /** `transport=`; `null` without. */
  readonly transport: string | null;
  readonly accessToken: string | undefined;
  /** Path and query of the same request going on behind a cursor. */
  readonly nextUrl: (cursor: string) => string;
}

/** Events of a page, if the client does not say. */
export const DEFAULT_LIMIT = 100;

/** Topic filters in one query at the most. */
const MAX_FILTERS = 100;
const MAX_TYPES = 100;
const MAX_LIMIT = 1000;
const MAX_LAST = 100;
/** Seconds of `wait=` at the most. `Prefer: wait` is a wish and not a bound: more is cut down to what the operator lets wait. */
const MAX_WAIT_SECONDS = 60;

const TYPE = /^[A-Za-z0-9._-]{1,128}$/;
const CALLBACK = /^[A-Za-z_$][\w$]{0,63}(?:\.[A-Za-z_$][\w$]{0,63}){0,3}$/;
const PLACES: ReadonlySet<string> = new Set(["after", "last", "snapshot"]);

/**
 * Reads the query of a URL.
 * @throws {SluiceError} `invalid-parameter` or `invalid-filter`
 */
export function parseReadQuery(url: string): ReadQuery {
  const query = new Query(url);
  const filters = filtersOf(query);
  const types = typesOf(query);
  const waitSeconds = query.integer("wait", 1, MAX_WAIT_SECONDS);
  const rest = query.without(PLACES);
  const next = `${query.path}?${rest === "" ? "" : `${rest}&`}after=`;
  return {
    filters,
    types,
    interest: interestIn(filters, types),
    after: query.one("after"),
    last: query.integer("last", 0, MAX_LAST),
    wantsSnapshot: query.flag("snapshot"),
    limit: query.integer("limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT,
    waitMs: waitSeconds === undefined ? null : waitSeconds * 1000,
    options: { isNamed: query.flag("named"), isPadded: query.flag("pad"), callback: callbackOf(query) },
    transport: query.one("transport") ?? null,
    accessToken: query.one("access_token"),
    nextUrl: (cursor) => next + cursor,
  };
}

function filtersOf(query: Query): readonly Filter[] {
  const texts = new Set(query.all("topic"));
  if (texts.size > MAX_FILTERS) throw invalidParameter("topic", `at most ${MAX_FILTERS} topics`);
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
