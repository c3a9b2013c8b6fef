import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { parseAddress, publishUrl, readUrl } from "../src/client/address.ts";
import { retryAfter } from "../src/client/answer.ts";
import { backoffMs } from "../src/watch/backoff.ts";
import { parsePage } from "../src/watch/event-page.ts";
import { jsonPrinter, prettyPrinter } from "../src/watch/printer.ts";
import { endingOf } from "../src/watch/watch-client.ts";

describe("waiting", () => {
  test("grows with each attempt in vain up to a bound, over its whole range", () => {
    expect([0, 1, 2, 3].map((attempt) => backoffMs(attempt, null, 0.999_999))).toEqual(
      [500, 1000, 2000, 4000].map((most) => most * 0.999_999),
    );
    expect(backoffMs(1000, null, 0.5)).toBe(7500);
    expect(backoffMs(5, null, 0)).toBe(0);
  });

  test("is never less than the gateway asked for", () => {
    expect(backoffMs(9, 3000, 0)).toBe(3000);
    expect(backoffMs(0, 3000, 0.5)).toBe(3250);
  });

  test.each([
    ["5", 5000],
    ["0", 0],
    ["999999999", 300_000],
    ["-1", null],
    ["soon", null],
    ["Wed, 21 Oct 2026 07:28:00 GMT", null],
    [undefined, null],
  ])("Retry-After: %s", (value, expected) => {
    expect(retryAfter(value)).toBe(expected);
  });
});

describe("addresses", () => {
  test.each([
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080/realtime/events"],
    ["http://127.0.0.1:8080/", "http://127.0.0.1:8080/realtime/events"],
    ["https://example.org/rt/", "https://example.org/rt/events"],
    ["https://example.org/rt/events?x=1", "https://example.org/rt/events"],
  ])("%s is read at %s", (given, expected) => {
    expect(readUrl(parseAddress(given)).href).toBe(expected);
  });

  test("an admin listener takes events at its root", () => {
    expect(publishUrl(parseAddress("http://127.0.0.1:8081")).href).toBe("http://127.0.0.1:8081/events");
  });
});

describe("what an answer means", () => {
  const kind = (status: number, code: string | null = "x"): string =>
    endingOf({ status, code, detail: "d", retryAfterMs: 2000, isNowhere: false }).kind;

  test("some are worth coming back after, some ask for another transport, the rest is final", () => {
    expect([408, 429, 500, 502, 503, 504].map((status) => kind(status))).toEqual(Array(6).fill("cut"));
    expect([405, 406, 426].map((status) => kind(status))).toEqual(Array(3).fill("unfit"));
    expect([400, 401, 403, 404, 431].map((status) => kind(status))).toEqual(Array(5).fill("refused"));
    expect(endingOf({ status: 503, code: "x", detail: "d", retryAfterMs: 2000, isNowhere: false })).toMatchObject({
      retryAfterMs: 2000,
    });
  });
});

describe("pages", () => {
  test("keep each event's own text", () => {
    const page = parsePage(
      '{"events":[{"id":"a","data":1.0},{"id":"b","data":"]"}],"cursor":"x-2","gap":{"after":"x-0","resumed_at":"x-1","reason":"expired"}}',
    );
    expect(page).toEqual({
      cursor: "x-2",
      items: [
        { kind: "gap", gap: { after: "x-0", resumed_at: "x-1", reason: "expired" } },
        { kind: "event", json: '{"id":"a","data":1.0}' },
        { kind: "event", json: '{"id":"b","data":"]"}' },
      ],
    });
  });

  test.each(["", "[]", "null", "{}", '{"events":{},"cursor":"a"}', "<html>"])("%j is none", (body) => {
    expect(parsePage(body)).toBeNull();
  });
});

describe("printing", () => {
  const shown = async (make: typeof jsonPrinter, json: string): Promise<string> => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const said = text(stdout);
    await make(stdout, stderr).take([
      { kind: "event", json },
      { kind: "gap", gap: { after: "x-0", resumed_at: "x-1", reason: "reset" } },
    ]);
    stdout.end();
    return said;
  };
  const event = (data: string): string =>
    `{"id":"a","topic":"t","type":"y","time":"2026-11-23T02:15:00.123Z","cursor":"x-1","data":${data}}`;

  test("JSON is what came", async () => {
    expect(await shown(jsonPrinter, event("1.0"))).toBe(
      `${event("1.0")}\n{"op":"gap","after":"x-0","resumed_at":"x-1","reason":"reset"}\n`,
    );
  });

  test("nothing in an event reaches the terminal as a command", async () => {
    const lines = stripVTControlCharacters(await shown(prettyPrinter, event('"\u009b31m\u202e\\u001b[2J"')));
    expect(lines).toContain('t  y  "\\u009b31m\\u202e\\u001b[2J"');
    expect(lines).toMatch(/^\d\d:\d\d:\d\d\.123 /);
    expect(lines).toContain("gap: events after x-0 are missing");
  });
});
