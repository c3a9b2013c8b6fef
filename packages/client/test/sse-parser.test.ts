import { array, assert, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { sseParser, type Frame } from "../src/sse-parser.ts";

function framesOf(...pieces: readonly string[]): Frame[] {
  const frames: Frame[] = [];
  const parse = sseParser((frame) => frames.push(frame));
  for (const piece of pieces) parse(piece);
  return frames;
}

describe("sseParser", () => {
  test("frames without data are frames", () => {
    expect(framesOf("retry: 2143\n: cursor a-1\nid: a-1\n\n")).toMatchObject([{ id: "a-1", retry: "2143" }]);
    expect(framesOf("id: a-1\n\n")[0]).not.toHaveProperty("data");
  });

  test("lines of data are joined; one space behind the colon goes", () => {
    expect(framesOf("data: a\ndata:b\ndata:  c\ndata\n\n")).toEqual([{ data: "a\nb\n c\n" }]);
  });

  test.each(["\n", "\r\n", "\r"])("lines end with %j", (end) => {
    expect(framesOf(`event: gap${end}id: x${end}data: {}${end}${end}id: y${end}${end} `)).toEqual([
      { event: "gap", id: "x", data: "{}" },
      { id: "y" },
    ]);
  });

  test("however the stream is cut into pieces, the frames are the same", () => {
    const text = 'retry: 1\r\n: c\r\nid: a-1\r\n\r\nid: a-2\ndata: {"data":"a: b"}\n\nevent: gap\nid: a-3\ndata: x\n\n';
    const whole = framesOf(text);
    assert(
      property(array(nat(text.length), { maxLength: 20 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((place, index) => text.slice(places[index], place));
        expect(framesOf(...pieces)).toEqual(whole);
      }),
    );
  });
});
