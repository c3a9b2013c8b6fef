import { parseFilter, SluiceError } from "@sluice/core";
import { describe, expect, test } from "vitest";
import { parametersOfQuery, parametersOfResource } from "../src/reading/read-parameters.ts";

const read = (query: string, headers: Record<string, string> = {}): ReturnType<typeof parametersOfQuery> =>
  parametersOfQuery(`/realtime/events${query}`, headers, 50);

function faultOf(act: () => unknown): SluiceError {
  try {
    act();
  } catch (error) {
    if (error instanceof SluiceError) return error;
    throw error;
  }
  throw new Error("there was no fault");
}

describe("the query", () => {
  test("defaults", () => {
    expect(read("?topic=a")).toMatchObject({
      types: [],
      start: "latest",
      limit: 100,
      waitMs: null,
      ifNoneMatch: null,
      transport: null,
      accessToken: undefined,
      options: { isNamed: false, isPadded: false, callback: null },
    });
  });

  test("everything", () => {
    const all = read(
      "?topic=a/b&topic=c/**&topic=a/b&type=x.y&type=z&after=abc-1&limit=7&wait=60&named=1&pad=true&callback=a.b&transport=sse&access_token=T",
    );
    expect(all.filters.map(({ text }) => text)).toEqual(["a/b", "c/**"]);
    expect(all).toMatchObject({
      types: ["x.y", "z"],
      start: { cursor: "abc-1" },
      limit: 7,
      waitMs: 60_000,
      transport: "sse",
      accessToken: "T",
      options: { isNamed: true, isPadded: true, callback: "a.b" },
    });
  });

  test("escapes are UTF-8, a plus is a space", () => {
    expect(read("?topic=caf%C3%A9/%F0%9F%8D%95").filters[0]?.text).toBe("café/🍕");
    expect(faultOf(() => read("?topic=a+b")).code).toBe("invalid-filter");
  });

  test.each([
    ["last=5", { last: 5 }],
    ["last=0", "latest"],
    ["after=earliest", "earliest"],
    ["after=latest", "latest"],
  ])("%s", (query, start) => expect(read(`?topic=a&${query}`).start).toEqual(start));

  test.each([
    ["topic=", "invalid-filter", "topic"],
    ["topic=a//b", "invalid-filter", "topic"],
    ["topic=%00", "invalid-filter", "topic"],
    ["topic=%FF", "invalid-parameter", undefined],
    ["topic=%", "invalid-parameter", undefined],
    ["topic=a&after=!", "invalid-cursor", "after"],
    ["topic=a&after=", "invalid-cursor", "after"],
    ["topic=a&after=x-1&after=x-2", "invalid-parameter", "after"],
    ["topic=a&after=x-1&last=1", "invalid-parameter", "last"],
    ["topic=a&last=101", "invalid-parameter", "last"],
    ["topic=a&last=-1", "invalid-parameter", "last"],
    ["topic=a&last=1e1", "invalid-parameter", "last"],
    ["topic=a&limit=0", "invalid-parameter", "limit"],
    ["topic=a&limit=1001", "invalid-parameter", "limit"],
    ["topic=a&limit=ten", "invalid-parameter", "limit"],
    ["topic=a&wait=0", "invalid-parameter", "wait"],
    ["topic=a&wait=61", "invalid-parameter", "wait"],
    ["topic=a&wait=1.5", "invalid-parameter", "wait"],
    ["topic=a&type=", "invalid-parameter", "type"],
    ["topic=a&type=a%20b", "invalid-parameter", "type"],
    ["topic=a&named=yes", "invalid-parameter", "named"],
    ["topic=a&callback=alert(1)", "invalid-parameter", "callback"],
    ["topic=a&callback=a..b", "invalid-parameter", "callback"],
    ["topic=a&transport=sse&transport=sse", "invalid-parameter", "transport"],
  ])("%s is refused as %s", (query, code, field) => {
    const fault = faultOf(() => read(`?${query}`));
    expect([fault.code, fault.field, fault.status]).toEqual([code, field, 400]);
  });

  test("so many topics and no more", () => {
    const topics = (count: number): string => Array.from({ length: count }, (_, index) => `topic=t${index}`).join("&");
    expect(read(`?${topics(50)}`).filters).toHaveLength(50);
    expect(faultOf(() => read(`?${topics(51)}`)).code).toBe("too-many-subscriptions");
    const fault = faultOf(() => parametersOfQuery(`/e?${topics(101)}`, {}, 1000));
    expect([fault.code, fault.field]).toEqual(["invalid-parameter", "topic"]);
  });
});

describe("where to begin", () => {
  test("Last-Event-ID wins over after and last", () => {
    expect(read("?topic=a&after=x-1", { "last-event-id": "x-2" }).start).toEqual({ cursor: "x-2" });
    expect(read("?topic=a&last=3", { "last-event-id": "x-2" }).start).toEqual({ cursor: "x-2" });
    expect(read("?topic=a&after=x-1", { "last-event-id": "" }).start).toEqual({ cursor: "x-1" });
    expect(faultOf(() => read("?topic=a", { "last-event-id": "nonsense" }))).toMatchObject({
      code: "invalid-cursor",
      field: "Last-Event-ID",
    });
    expect(faultOf(() => read("?topic=a&after=!", { "last-event-id": "x-2" })).code).toBe("invalid-cursor");
  });

  test.each([
    ['"x-5"', "x-5"],
    ['W/"x-5"', "x-5"],
    ['"other", W/"x-5", "x-6"', "x-5"],
    ['"other"', null],
    ["*", null],
    ["x-5", null],
  ])("If-None-Match: %s", (header, cursor) => {
    expect(read("?topic=a", { "if-none-match": header })).toMatchObject({
      start: cursor === null ? "latest" : { cursor },
      ifNoneMatch: cursor,
    });
    expect(read("?topic=a&after=x-1", { "if-none-match": header })).toMatchObject({
      start: { cursor: "x-1" },
      ifNoneMatch: cursor,
    });
  });
});

describe("how long to wait", () => {
  test.each([
    ["wait=7", 7000],
    ["respond-async, wait=7", 7000],
    ['Wait="7"; foo=bar', 7000],
    ["wait=7, wait=9", 7000],
    // More than anybody is let wait is a wish all the same.
    ["wait=600", 600_000],
    ["wait=0", null],
    ["wait=soon", null],
    ["wait", null],
    ["return=minimal", null],
  ])("Prefer: %s", (prefer, waitMs) => expect(read("?topic=a", { prefer }).waitMs).toBe(waitMs));

  test("the query says it before the header does", () => {
    expect(read("?topic=a&wait=3", { prefer: "wait=7" }).waitMs).toBe(3000);
  });
});

describe("the next request", () => {
  test("keeps every other parameter, and replaces the place", () => {
    const { nextUrl } = read("?topic=a/*&after=x-1&x=%3E%22&flag&type=m&limit=2");
    expect(nextUrl("x-9")).toBe("/realtime/events?topic=a/*&x=%3E%22&flag=&type=m&limit=2&after=x-9");
    expect(read("?last=3&topic=b").nextUrl("x-9")).toBe("/realtime/events?topic=b&after=x-9");
  });
});

describe("a resource's own URL", () => {
  test("headers speak, the query is the app's", () => {
    const filters = [parseFilter("orders/42")];
    const next = (): string => "/orders/42?wait=60";
    const headers = { prefer: "wait=5", "if-none-match": 'W/"x-3"', "last-event-id": "" };
    expect(parametersOfResource(filters, headers, next)).toMatchObject({
      filters,
      types: [],
      start: { cursor: "x-3" },
      limit: 100,
      waitMs: 5000,
      ifNoneMatch: "x-3",
      options: { isNamed: false, isPadded: false, callback: null },
      transport: null,
      accessToken: undefined,
      nextUrl: next,
    });
  });
});
