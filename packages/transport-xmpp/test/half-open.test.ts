import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ANONYMOUS, HEAD, RawStream } from "./support/raw-stream.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const MINUTE_MS = 60_000;
const PING = "<iq id='p' type='get'><ping xmlns='urn:xmpp:ping'/></iq>";
const OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
const BIND = "<iq xmlns='jabber:client' id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

let clock: ManualClock;
let server: XmppServer;
const streams: { destroy(): void }[] = [];

function track<T extends { destroy(): void }>(stream: T): T {
  streams.push(stream);
  return stream;
}

async function start(hasTls: boolean): Promise<void> {
  server = await XmppServer.start({ clock, hasTls });
}

beforeEach(() => {
  clock = new ManualClock();
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  expect(server.errors).toEqual([]);
  await server.stop();
});

/** Lets so much time pass, and waits until the connection has been given up. */
async function givenUpAfter(ms: number): Promise<void> {
  clock.advance(ms - 1);
  expect(server.counts.connections).toBe(1);
  // What is at its end has two seconds for a last word.
  clock.advance(1);
  clock.advance(2000);
  await until("the end", () => server.counts.connections === 0);
}

describe("by TCP a client that vanishes without a word is given up", () => {
  test("after login: asked in the second minute of silence, ended with it", async () => {
    await start(false);
    const stream = track(await RawStream.bound(server.tcpPort));
    stream.pause();
    clock.advance(MINUTE_MS);
    await givenUpAfter(2 * MINUTE_MS);
    stream.resume();
    await stream.closed();
    expect(stream.text).toMatch(/<iq [^>]*><ping .*<stream:error[^>]*><connection-timeout /);
  });

  test("but not one that says something every minute, or answers when it is asked", async () => {
    await start(false);
    const stream = track(await RawStream.bound(server.tcpPort));
    for (let minute = 0; minute < 5; minute += 1) {
      clock.advance(MINUTE_MS);
      await stream.ask(PING, `id="p"`);
    }
    clock.advance(MINUTE_MS);
    clock.advance(MINUTE_MS);
    const asked = /<iq type="get" id="([^"]+)"/.exec(await stream.wait("</iq>", stream.text.lastIndexOf("<iq")));
    await stream.ask(`<iq type='result' id='${asked?.[1]}'/>${PING}`, `id="p"`);
    clock.advance(2 * MINUTE_MS);
    expect(server.counts.connections).toBe(1);
  });

  const early: readonly (readonly [name: string, texts: readonly (readonly [text: string, answer: string])[]])[] = [
    ["before its stream", []],
    ["before login", [[HEAD, "</stream:features>"]]],
    [
      "before bind",
      [
        [HEAD, "</stream:features>"],
        [ANONYMOUS, "<success"],
        [HEAD, "</stream:features>"],
      ],
    ],
  ];
  test.each(early)("%s: within 30 s", async (_name, texts) => {
    await start(false);
    const stream = track(await RawStream.open(server.tcpPort));
    for (const [text, answer] of texts) await stream.ask(text, answer);
    await until("the connection", () => server.counts.connections === 1);
    stream.pause();
    await givenUpAfter(30_000);
    stream.resume();
    await stream.closed();
    expect(stream.text).toContain("<connection-timeout ");
  });

  test("between <proceed/> and TLS: within 30 s", async () => {
    await start(true);
    const stream = track(await RawStream.open(server.tcpPort));
    await stream.ask(HEAD, "</stream:features>");
    await stream.ask("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed");
    await givenUpAfter(30_000);
    await stream.closed();
  });
});

describe("by WebSocket a client that vanishes without a word is given up", () => {
  async function connected(): Promise<{ ws: WebSocket; texts: string[] }> {
    const ws = new WebSocket(server.websocketUrl, "xmpp");
    track({ destroy: () => ws.terminate() });
    const texts: string[] = [];
    ws.on("message", (data: Buffer) => texts.push(data.toString()));
    ws.on("error", () => undefined);
    await new Promise((resolve) => ws.once("open", resolve));
    await until("the connection", () => server.counts.connections === 1);
    return { ws, texts };
  }

  test("after login: asked in the second minute of silence, ended with it", async () => {
    await start(false);
    const { ws, texts } = await connected();
    for (const [text, answer] of [
      [OPEN, "</stream:features>"],
      [ANONYMOUS, "<success"],
      [OPEN, "<bind "],
      [BIND, "</jid>"],
    ] as const) {
      ws.send(text);
      await until(answer, () => texts.at(-1)?.includes(answer) === true);
    }
    ws.pause();
    clock.advance(MINUTE_MS);
    await givenUpAfter(2 * MINUTE_MS);
    ws.resume();
    await until("the end", () => ws.readyState === WebSocket.CLOSED);
    expect(texts.at(-3)).toContain("<ping ");
    expect(texts.at(-2)).toContain("<connection-timeout ");
    expect(texts.at(-1)).toContain("<close ");
  });

  test("before login: within 30 s", async () => {
    await start(false);
    const { ws, texts } = await connected();
    ws.pause();
    await givenUpAfter(30_000);
    ws.resume();
    await until("the end", () => ws.readyState === WebSocket.CLOSED);
    expect(texts.at(-2)).toContain("<connection-timeout ");
  });
});
