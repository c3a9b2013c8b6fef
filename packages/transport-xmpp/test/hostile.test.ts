import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ANONYMOUS, HEAD, RawStream } from "./support/raw-stream.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const BOMB =
  `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">` +
  `<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>`;
/** By what they are refused with, in a stream whose start has been taken. */
const INPUTS: readonly (readonly [name: string, input: string | Buffer, condition: string])[] = [
  ["an entity of HTML", "<message><body>&nbsp;</body></message>", "not-well-formed"],
  ["a DOCTYPE", "<!DOCTYPE html><message/>", "not-well-formed|restricted-xml"],
  ["an entity bomb", BOMB, "not-well-formed|restricted-xml"],
  ["a comment", "<message><!-- x --></message>", "restricted-xml"],
  ["a processing instruction", "<message><?php x?></message>", "restricted-xml"],
  ["tags that cross", "<message><a><b></a></b></message>", "not-well-formed"],
  ["an attribute twice", "<message id='1' id='2'/>", "not-well-formed"],
  ["a prefix that is not bound", "<x:message/>", "not-well-formed"],
  ["text between stanzas", "text <message/>", "bad-format"],
  ["bad UTF-8", Buffer.from([0x3c, 0x6d, 0xff, 0xfe, 0x3e]), "bad-format"],
  ["a control character", "<message>\u0001</message>", "not-well-formed"],
  ["a reference to NUL", "<message>&#0;</message>", "not-well-formed"],
  ["depth", "<a>".repeat(60), "policy-violation"],
  ["size", `<message>${"x".repeat(300_000)}</message>`, "policy-violation"],
  ["a stanza without end", `<message>${"x".repeat(300_000)}`, "policy-violation"],
  ["an attribute without end", `<message id="${"x".repeat(300_000)}`, "policy-violation"],
  ["an element that is no stanza", "<other xmlns='urn:other'/>", "not-authorized|unsupported-stanza-type"],
  [
    "a second start",
    `${HEAD.replace(/<\?.*?\?>/, "")}</stream:stream>`,
    "bad-format|not-authorized|unsupported-stanza-type|policy-violation",
  ],
];

let server: XmppServer;

beforeEach(async () => {
  server = await XmppServer.start();
});

afterEach(async () => {
  expect(server.errors).toEqual([]);
  await server.stop();
});

/** Another client is there all the time, and goes on. */
async function withBystander(attack: () => Promise<void>): Promise<void> {
  const bystander = await RawStream.bound(server.tcpPort);
  await attack();
  await bystander.ask("<iq id='p' type='get'><ping xmlns='urn:xmpp:ping'/></iq>", `id="p"`);
  expect(bystander.isClosed).toBe(false);
  bystander.destroy();
}

describe.each(INPUTS)("by TCP: %s", (_name, input, condition) => {
  test("before login", async () => {
    await withBystander(async () => {
      const stream = await RawStream.open(server.tcpPort);
      await stream.ask(HEAD, "</stream:features>");
      stream.send(input);
      await stream.closed();
      expect(stream.text).toMatch(new RegExp(`<stream:error[^>]*><(?:${condition}) `));
      expect(stream.text.endsWith("</stream:stream>")).toBe(true);
    });
  });

  test("after login", async () => {
    await withBystander(async () => {
      const stream = await RawStream.bound(server.tcpPort);
      stream.send(input);
      await stream.closed();
      expect(stream.text).toMatch(new RegExp(`<stream:error[^>]*><(?:${condition}) `));
    });
  });
});

describe("by TCP, out of order", () => {
  const cases: readonly (readonly [name: string, input: string, expected: RegExp])[] = [
    ["no XMPP at all", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /<stream:error/],
    ["another root", "<html>", /<invalid-namespace /],
    ["an unknown host", HEAD.replace("localhost", "example.net"), /<host-unknown /],
    ["no host", HEAD.replace("to='localhost'", ""), /<host-unknown /],
    [
      "a stanza before login",
      `${HEAD}<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>`,
      /<not-authorized /,
    ],
    [
      "10 kB before login",
      `${HEAD}<auth xmlns='${SASL}' mechanism='PLAIN'>${"A".repeat(10_001)}</auth>`,
      /<policy-violation /,
    ],
  ];
  test.each(cases)("%s", async (_name, input, expected) => {
    await withBystander(async () => {
      const stream = await RawStream.open(server.tcpPort);
      stream.send(input);
      await stream.closed();
      expect(stream.text).toMatch(expected);
    });
  });

  test("an unknown mechanism, a response first, an abort, bad base64: failures; the fifth ends the stream", async () => {
    const stream = await RawStream.open(server.tcpPort);
    await stream.ask(HEAD, "</stream:features>");
    expect(await stream.ask(`<auth xmlns='${SASL}' mechanism='X-NONE'/>`, "</failure>")).toContain(
      "<invalid-mechanism/>",
    );
    expect(await stream.ask(`<response xmlns='${SASL}'>AA==</response>`, "</failure>")).toContain(
      "<malformed-request/>",
    );
    expect(await stream.ask(`<abort xmlns='${SASL}'/>`, "</failure>")).toContain("<aborted/>");
    const bad = `<auth xmlns='${SASL}' mechanism='ANONYMOUS'>§</auth>`;
    expect(await stream.ask(bad, "</failure>")).toContain("<incorrect-encoding/>");
    await stream.ask(`<auth xmlns='${SASL}' mechanism='PLAIN'>AGEAYg==</auth>`, "</stream:stream>");
    expect(stream.text).toContain("<policy-violation ");
    await stream.closed();
  });

  test("a character that is cut in two is one character", async () => {
    const stream = await RawStream.bound(server.tcpPort);
    const bytes = Buffer.from("<iq id='ü€𝄞' type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
    for (const byte of bytes) stream.send(Buffer.from([byte]));
    await stream.wait(`id="ü€𝄞"`);
    stream.destroy();
  });

  test("what was sent before the end of the stream is handled; what comes behind it is not", async () => {
    const stream = await RawStream.bound(server.tcpPort);
    const ping = (id: string): string => `<iq id='${id}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`;
    stream.send(`${ping("p")}${ping("q")}${ping("r")}</stream:stream>${ping("s")}`);
    await stream.closed();
    expect(stream.text).toMatch(/id="p".*id="q".*id="r".*<\/stream:stream>$/s);
    expect(stream.text).not.toContain(`id="s"`);
  });

  test("a stream error of the client's is not answered with another", async () => {
    const stream = await RawStream.bound(server.tcpPort);
    stream.send("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
    await stream.closed();
    expect(stream.text).not.toContain("<stream:error");
    expect(stream.text.endsWith("</stream:stream>")).toBe(true);
  });

  test("white space between streams and between stanzas is passed over", async () => {
    const stream = await RawStream.open(server.tcpPort);
    await stream.ask(`\n${HEAD}\n`, "</stream:features>");
    await stream.ask(`\n${ANONYMOUS}\n\n`, "<success");
    await stream.ask(`\n ${HEAD}`, "<bind ");
    stream.destroy();
  });

  test("faster than allowed", async () => {
    const stream = await RawStream.bound(server.tcpPort);
    stream.send("<presence to='x@localhost'/>".repeat(600));
    await stream.closed();
    expect(stream.text).toContain("<policy-violation ");
    expect(server.refused).toContain("rate-limited");
  });
});

describe("by WebSocket", () => {
  async function open(): Promise<{ ws: WebSocket; texts: string[]; code: () => number | null }> {
    const ws = new WebSocket(server.websocketUrl, "xmpp");
    const texts: string[] = [];
    let closed: number | null = null;
    ws.on("message", (data: Buffer) => texts.push(data.toString()));
    ws.on("close", (code) => (closed = code));
    ws.on("error", () => undefined);
    await new Promise((resolve) => ws.once("open", resolve));
    ws.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>");
    await until("features", () => texts.length === 2);
    return { ws, texts, code: () => closed };
  }

  const inputs = INPUTS.filter(([name]) => !["bad UTF-8", "a second start"].includes(name));
  test.each(inputs)("%s", async (_name, input, condition) => {
    await withBystander(async () => {
      const { ws, texts, code } = await open();
      ws.send(String(input));
      ws.send("<after-an-error/>");
      await until("the end", () => code() !== null);
      if (code() === 1009) return;
      const any = `${condition}|not-well-formed|bad-format`;
      expect(texts.at(-2)).toMatch(new RegExp(`<stream:error[^>]*><(?:${any}) `));
      expect(texts.at(-1)).toBe(`<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>`);
    });
  });

  test("bad UTF-8: 1007; a message above 256 kB: 1009", async () => {
    const first = await open();
    first.ws.send(Buffer.from([0x3c, 0xff]), { binary: false });
    await until("the end", () => first.code() !== null);
    expect(first.code()).toBe(1007);
    const second = await open();
    second.ws.send("x".repeat(256 * 1024 + 1));
    await until("the end", () => second.code() !== null);
    expect(second.code()).toBe(1009);
  });

  test("<auth/> before <open/>", async () => {
    const ws = new WebSocket(server.websocketUrl, "xmpp");
    const texts: string[] = [];
    ws.on("message", (data: Buffer) => texts.push(data.toString()));
    await new Promise((resolve) => ws.once("open", resolve));
    ws.send(ANONYMOUS);
    await new Promise((resolve) => ws.once("close", resolve));
    expect(texts.join("")).toMatch(/<stream:error.*<not-authorized /);
  });
});
