import { invalidParameter } from "./query.ts";
import { parseReadQuery, type ReadQuery } from "./read-query.ts";

/** A query, and where the client wants to begin. */
export interface LocatedQuery {
  readonly query: ReadQuery;
  /** `after=` as it came. */
  readonly after: string | undefined;
}

/** Queries remembered at the most, a few KiB each; the oldest make way. */
const MAX_KEPT = 1_000;
/** Longer URLs are read each time. */
const MAX_LENGTH = 512;

/** `after=` with a cursor, without escapes: what the polls of a reader differ by. */
const AFTER = /[?&]after=([0-9a-z-]{1,40})(?:&|$)/;

/**
 * Reads queries, and remembers the latest: a client that polls asks the same again and again but for its cursor, and so
 * do all readers of a topic. Reading one anew took 16 % of the CPU of a long poll. What holds a token is not remembered.
 */
export class ReadQueries {
  readonly #kept = new Map<string, ReadQuery>();

  /** @throws {SluiceError} `invalid-parameter` or `invalid-filter` */
  read(url: string): LocatedQuery {
    const cut = AFTER.exec(url);
    if (cut === null) {
      const query = this.#query(url);
      return { query, after: query.after };
    }
    const query = this.#query(url.slice(0, cut.index + 1) + url.slice(cut.index + cut[0].length));
    if (query.after !== undefined) throw invalidParameter("after", "after may be given once");
    return { query, after: cut[1] };
  }

  #query(url: string): ReadQuery {
    const known = this.#kept.get(url);
    if (known !== undefined) return known;
    const query = parseReadQuery(url);
    const isOneOfMany = query.accessToken === undefined && query.after === undefined;
    if (!isOneOfMany || url.length > MAX_LENGTH) return query;
    this.#kept.set(url, query);
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value as string);
    return query;
  }
}
