import { expect, test } from "vitest";
import { XmlReader, type XmlHandler } from "../src/xml/xml-reader.ts";

/** What comes out of a stream that comes in pieces. */
function read(pieces: readonly string[]): string[] {
  const seen: string[] = [];
  const handler: XmlHandler = {
    opened: ({ name }) => seen.push(`opened ${name}`),
    received: ({ name, text, children }) => seen.push(`${name} ${text}${children.map((child) => child.text).join()}`),
    closed: () => seen.push("closed"),
    failed: (fault) => seen.push(fault),
  };
  const reader = new XmlReader(handler, () => ({ characters: 1000 }), "stream");
  for (const piece of pieces) reader.write(piece);
  return seen;
}

const START = "<?xml version='1.0'?><s xmlns='urn:s'>";
const STREAM = `${START} \r\n<a/>\n<b c='d > e'>f &amp;\r<g>𝄞</g></b><h>i</h>  </s>`;

test("a stream is the same wherever it is cut, in two or in single characters", () => {
  const whole = read([STREAM]);
  expect(whole).toEqual(["opened s", "a ", "b f &\n𝄞", "h i", "closed"]);
  for (let at = 0; at <= STREAM.length; at += 1) expect(read([STREAM.slice(0, at), STREAM.slice(at)])).toEqual(whole);
  expect(read(STREAM.split(""))).toEqual(whole);
});

test("text between elements is refused as soon as it is there, wherever it is cut", () => {
  for (const between of ["", "<a/>", "<a/> ", "\r\n<a>b</a>\r\n"]) {
    const stream = `${START}${between}t`;
    for (let at = 0; at <= stream.length; at += 1) {
      expect(read([stream.slice(0, at), stream.slice(at)]).at(-1)).toBe("bad-format");
    }
    expect(read(stream.split("")).at(-1)).toBe("bad-format");
  }
});
