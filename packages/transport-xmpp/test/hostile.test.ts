import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ANONYMOUS, HEAD, RawStream } from "./support/raw-stream.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
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

describe("by TCP, out of order", () => {
  const cases: readonly (readonly [name: string, input: string, expected: RegExp])[] = [
    ["no XMPP at all", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /<stream:error/],
    ["another root", "<html>", /<invalid-namespace /],
    ["an unknown host", HEAD.replace("localhost", "example.net"), /<host-unknown /],
    ["a stream of a server", HEAD.replace("jabber:client", "jabber:server"), /<invalid-namespace /],
    ["no version", HEAD.replace("version='1.0' xmlns", "xmlns"), /<unsupported-version /],
    ["version 0.9", HEAD.replace("version='1.0' xmlns", "version='0.9' xmlns"), /<unsupported-version /],
    ["another encoding", HEAD.replace("'1.0'?", "'1.0' encoding='UTF-16'?"), /<unsupported-encoding /],
    ["text in a stream, and nothing behind it", `${HEAD}hello`, /<bad-format /],
    ["no host", HEAD.replace("to='localhost'", ""), /<host-unknown /],
    [
      "a stanza before login",
      `${HEAD}<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>`,
      /<not-authorized /,
    ],
    ["a second start", `${HEAD}${HEAD.replace(/<\?.*?\?>/, "")}</stream:stream>`, /<not-authorized /],
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

  test.each([
    ["a higher version", HEAD.replace("version='1.0' xmlns", "version='2.13' xmlns")],
    ["UTF-8 by its name", HEAD.replace("'1.0'?", "'1.0' encoding='utf-8'?")],
    ["the content's namespace left to each stanza", HEAD.replace("xmlns='jabber:client' ", "")],
    [
      "the stream's own namespace as the default",
      "<stream to='localhost' version='1.0' xmlns='http://etherx.jabber.org/streams'>",
    ],
  ])("%s: a stream of version 1.0", async (_name, head) => {
    const stream = await RawStream.open(server.tcpPort);
    expect(await stream.ask(head, "</stream:features>")).toMatch(/<stream:stream [^>]*version="1.0"/);
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

  test.each([
    ["version 0.9", "version='0.9'", "", "unsupported-version"],
    ["another encoding", "version='1.0'", "<?xml version='1.0' encoding='latin1'?>", "unsupported-encoding"],
  ])("%s", async (_name, version, declaration, condition) => {
    const ws = new WebSocket(server.websocketUrl, "xmpp");
    const texts: string[] = [];
    ws.on("message", (data: Buffer) => texts.push(data.toString()));
    await new Promise((resolve) => ws.once("open", resolve));
    ws.send(`${declaration}<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' ${version}/>`);
    await new Promise((resolve) => ws.once("close", resolve));
    expect(texts.join("")).toContain(`<${condition} `);
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
