import { describe, expect, test } from "vitest";
import { ReadQueries } from "../src/reading/read-queries.ts";

describe("queries that come again", () => {
  test("are read once, wherever the cursor stands and whatever it is", () => {
    const queries = new ReadQueries();
    const { query, after } = queries.read("/e?topic=a&after=x-1&wait=30");
    expect(after).toBe("x-1");
    expect(queries.read("/e?topic=a&after=x-2&wait=30")).toEqual({ query, after: "x-2" });
    expect(queries.read("/e?topic=a&after=x-2&wait=30").query).toBe(query);
    expect(queries.read("/e?after=x-3&topic=a&wait=30").query).toBe(queries.read("/e?topic=a&wait=30").query);
    expect(queries.read("/e?topic=a&wait=30&after=earliest")).toMatchObject({
      after: "earliest",
      query: { waitMs: 30_000 },
    });
    expect(query.nextUrl("x-9")).toBe("/e?topic=a&wait=30&after=x-9");
  });

  test("are not taken for one another", () => {
    const queries = new ReadQueries();
    const texts = (url: string): readonly string[] => queries.read(url).query.filters.map(({ text }) => text);
    expect(texts("/e?topic=a&after=x-1&topic=b")).toEqual(["a", "b"]);
    expect(texts("/e?topic=a&after=x-1")).toEqual(["a"]);
    expect(texts("/e?topic=a&topic=after=x-1")).toEqual(["a", "after=x-1"]);
    expect(queries.read("/f?topic=a&after=x-1").query.nextUrl("x-2")).toBe("/f?topic=a&after=x-2");
  });

  test.each([
    "after=x-1&after=x-2",
    "after=x-1&%61fter=x-2",
    "after=x-1&after=",
    "after=&after=x-1",
    "after&after=x-1",
  ])("%s: a cursor is given once", (places) =>
    expect(() => new ReadQueries().read(`/e?topic=a&${places}`)).toThrow("after may be given once"),
  );

  test("a cursor in escapes, or none, is as it was written", () => {
    const queries = new ReadQueries();
    expect(queries.read("/e?topic=a&after=x%2D1").after).toBe("x-1");
    expect(queries.read("/e?topic=a&%61fter=x-1").after).toBe("x-1");
    expect(queries.read("/e?topic=a&after=").after).toBe("");
    expect(queries.read("/e?topic=a").after).toBeUndefined();
    // Another cursor of the same kind gets its own answer, not what is remembered of the last.
    expect(queries.read("/e?topic=a&%61fter=x-2").after).toBe("x-2");
  });

  test("what holds a token, or is long, is not remembered", () => {
    const queries = new ReadQueries();
    const isRemembered = (url: string): boolean => queries.read(url).query === queries.read(url).query;
    expect(isRemembered("/e?topic=a")).toBe(true);
    expect(isRemembered("/e?topic=a&access_token=T")).toBe(false);
    expect(isRemembered("/e?topic=a&access%5Ftoken=T")).toBe(false);
    expect(isRemembered(`/e?topic=a&x=${"y".repeat(600)}`)).toBe(false);
  });

  test("the oldest make way", () => {
    const queries = new ReadQueries();
    const first = queries.read("/e?topic=a").query;
    for (let index = 0; index < 999; index += 1) queries.read(`/e?topic=t${index}`);
    expect(queries.read("/e?topic=a").query).toBe(first);
    queries.read("/e?topic=one/more");
    expect(queries.read("/e?topic=a").query).not.toBe(first);
  });
});
