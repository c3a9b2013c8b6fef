import { expect, test } from "vitest";
import { plainAnswer } from "../src/xml/plain-answer.ts";
import type { XmlNode } from "../src/xml/xml-node.ts";
import { XmlReader } from "../src/xml/xml-reader.ts";

/** What the parser makes of a document. */
function parsed(text: string): XmlNode | string {
  const seen: (XmlNode | string)[] = [];
  const nothing = (): void => undefined;
  const received = (node: XmlNode) => seen.push(node);
  const failed = (fault: string) => seen.push(fault);
  const reader = new XmlReader(
    { opened: nothing, received, closed: nothing, failed },
    () => ({ characters: 1000 }),
    "document",
  );
  reader.write(text);
  reader.end();
  return seen[0] ?? "nothing";
}

test.each([
  `<a xmlns="urn:xmpp:sm:3" h="0"/>`,
  `<a xmlns='urn:xmpp:sm:3' h='4294967295'/>`,
  `<a xmlns='urn:xmpp:sm:3' h="12" />`,
])("%s is known by sight, and the same as what the parser reads", (text) => {
  expect(plainAnswer(text)).toEqual(parsed(text));
});

test.each([
  `<a xmlns="urn:xmpp:sm:3' h="0"/>`,
  `<a xmlns="urn:xmpp:sm:3" h="0">`,
  `<a xmlns="urn:xmpp:sm:3" h="-1"/>`,
  `<a xmlns="urn:xmpp:sm:3" h="12345678901"/>`,
  `<a xmlns="urn:xmpp:sm:2" h="1"/>`,
  `<a xmlns="urn:xmpp:sm:3" h="1"/><r xmlns="urn:xmpp:sm:3"/>`,
  `<a xmlns="urn:xmpp:sm:3" h="1"/>\n`,
  `<a xmlns="urn:xmpp:sm:3" h="1"/>${" ".repeat(100)}`,
  `<a h="1"/>`,
])("%j is left to the parser", (text) => {
  expect(plainAnswer(text)).toBeNull();
});

test("in a stream it is the same wherever it is cut, and between what it stands", () => {
  const answer = `<a xmlns="urn:xmpp:sm:3" h="7"/>`;
  const stream = `<s xmlns="urn:s"><b/>${answer}${answer}\n<b/>`;
  const cuts = Array.from(stream, (_, at) => [stream.slice(0, at), stream.slice(at)]);
  const parts = [`<s xmlns="urn:s"><b/>`, answer, answer, `\n`, `<b/>`];
  for (const pieces of [...cuts, parts, stream.split("")]) {
    const seen: string[] = [];
    const reader = new XmlReader(
      {
        opened: ({ name }) => seen.push(`opened ${name}`),
        received: ({ name, ns, attributes }) => seen.push(`${ns} ${name} ${attributes.get("h") ?? ""}`),
        closed: () => seen.push("closed"),
        failed: (fault) => seen.push(fault),
      },
      () => ({ characters: 1000 }),
      "stream",
    );
    for (const piece of pieces) reader.write(piece);
    expect(seen).toEqual(["opened s", "urn:s b ", "urn:xmpp:sm:3 a 7", "urn:xmpp:sm:3 a 7", "urn:s b "]);
  }
});

test("outside of a stream's root it is no answer", () => {
  const seen: string[] = [];
  const reader = new XmlReader(
    {
      opened: ({ name }) => seen.push(`opened ${name}`),
      received: ({ name }) => seen.push(name),
      closed: () => seen.push("closed"),
      failed: (fault) => seen.push(fault),
    },
    () => ({ characters: 1000 }),
    "stream",
  );
  reader.write(`<a xmlns="urn:xmpp:sm:3" h="7"/>`);
  expect(seen).toEqual(["opened a", "closed"]);
});
