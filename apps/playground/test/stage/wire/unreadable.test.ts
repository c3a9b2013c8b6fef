import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answer, arrowsOf, ask, message, readDialogue } from "./dialogue.ts";

const GET = message(["GET / HTTP/1.1"]);

/** Labels and bytes of a dialogue that comes in whole lines. Where it is cut decides how many arrows such bytes make. */
function seen(...lines: Parameters<typeof arrowsOf>[0]): unknown[][] {
  const arrows = arrowsOf(lines, (bytes) => [bytes], "client");
  arrowsOf(lines, (bytes) => [...bytes].map((byte) => Buffer.of(byte)), "client");
  return arrows.slice(1, -1).map(({ from, what, label, bytes }) => [from, what, label, bytes]);
}

describe("what can't be read is an arrow, and what comes after it too", () => {
  test("no request", () => {
    const hello = Buffer.from([0x16, 3, 1, 0, 5, 1, 10, 10]);
    expect(seen(ask(hello), ask("more"))).toEqual([
      ["client", "frame", "unreadable", 8],
      ["client", "frame", "unreadable", 4],
    ]);
  });

  test.each([
    ["no status", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["a field without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n"],
    ["no content length", "HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\n"],
    ["no chunk size", message(["HTTP/1.1 200 OK", "transfer-encoding: chunked"], "zz\r\n")],
    ["a chunk that does not end", message(["HTTP/1.1 200 OK", "transfer-encoding: chunked"], "1\r\nab\r\n0\r\n")],
    ["no frame", message(["HTTP/1.1 101 x", "upgrade: websocket"], "\u0003\u0000")],
    ["half a ping", message(["HTTP/1.1 101 x", "upgrade: websocket"], "\u0009\u0000")],
    ["a line that is too long", `HTTP/1.1 ${"x".repeat(200_000)}\r\n\r\n`],
    [
      "a frame of too many lines",
      message(["HTTP/1.1 200 OK", "content-type: text/event-stream"], "a: b\n".repeat(1_000)),
    ],
    ["too many fields", message(["HTTP/1.1 200 OK", ...Array.from({ length: 300 }, (_, index) => `a${index}: b`)])],
  ])("%s", (_name, text) => {
    const arrows = seen(ask(GET), answer(text), answer("more"));
    expect(arrows[0]).toEqual(["client", "request", "GET /", GET.length]);
    expect(arrows.at(-1)).toEqual(["gateway", "frame", "unreadable", 4]);
  });

  test("the other direction stays readable", () => {
    const arrows = seen(ask(GET), answer("nonsense\r\n\r\n"), ask(GET));
    expect(arrows.map((arrow) => arrow[2])).toEqual(["GET /", "unreadable", "GET /"]);
  });

  test("too many requests without an answer", () => {
    expect(seen(...Array.from({ length: 101 }, () => ask(GET))).at(-1)).toEqual([
      "client",
      "frame",
      "unreadable",
      GET.length,
    ]);
  });

  test("an end in the middle", () => {
    expect(readDialogue([ask("GET / HT")])).toMatchObject([{ label: "cut off", bytes: 8, text: "GET / HT" }]);
    const half = message(["HTTP/1.1 200 OK", "content-length: 9"], "half");
    expect(readDialogue([ask(GET), answer(half)])[1]).toMatchObject({ label: "cut off", text: half });
  });
});

test("any bytes are counted, and nothing is ever thrown", () => {
  const pieces = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        GET,
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 101 x\r\nupgrade: websocket\r\n\r\n",
        "content-type: text/event-stream\r\n",
        "transfer-encoding: chunked\r\n\r\n",
        "content-length: 5\r\n\r\n",
        "3\r\nabc\r\n",
        "data: {}\n\n",
        "\r\n",
      )
      .map((text) => Buffer.from(text)),
  );
  const line = fc.record({ by: fc.constantFrom("asker" as const, "other" as const), bytes: pieces });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      // It is there that bytes are summed up.
      arrowsOf(lines, (bytes) => (bytes.length === 0 ? [] : [bytes]), "client");
    }),
    { numRuns: 3_000 },
  );
});
