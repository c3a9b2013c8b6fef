import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { body, post } from "./support/bosh-client.ts";
import { ANONYMOUS, HEAD, RawStream } from "./support/raw-stream.ts";
import { until } from "./support/until.ts";
import { XmppServer, type XmppServerOptions } from "./support/xmpp-server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(options: XmppServerOptions = {}): Promise<XmppServer> {
  const server = await XmppServer.start(options);
  closing.push(async () => {
    expect(server.errors).toEqual([]);
    await server.stop();
  });
  return server;
}

function track(stream: RawStream): RawStream {
  closing.push(() => stream.destroy());
  return stream;
}

async function opened(server: XmppServer): Promise<RawStream> {
  const stream = track(await RawStream.open(server.tcpPort));
  await stream.ask(HEAD, "</stream:features>");
  return stream;
}

/** `<auth/>` by which a token goes over the wire as it is. */
const asItIs = {
  PLAIN: (token: string): string => auth("PLAIN", `\0ann\0${token}`),
  OAUTHBEARER: (token: string): string => auth("OAUTHBEARER", `n,,\u0001auth=Bearer ${token}\u0001\u0001`),
};

function auth(mechanism: string, text: string): string {
  return `<auth xmlns='${SASL}' mechanism='${mechanism}'>${Buffer.from(text).toString("base64")}</auth>`;
}

describe("STARTTLS", () => {
  test.each([
    ["a login in the same packet", [`${STARTTLS}${ANONYMOUS}`]],
    ["a login and a stream in the same packet", [`${STARTTLS}${HEAD}${ANONYMOUS}`]],
    ["what is no XML in the same packet", [`${STARTTLS}<&`]],
    ["half an element in the same packet", [`${STARTTLS}<auth xmlns='${SASL}' mechanism='`]],
  ] as const)("what comes in the clear behind it is dropped: %s", async (_name, [text]) => {
    const stream = await opened(await start({ hasTls: true }));
    await stream.ask(text, "<proceed");
    await stream.secure();
    const from = stream.text.length;
    expect(await stream.ask(HEAD, "</stream:features>")).toContain("<mechanism>PLAIN</mechanism>");
    await stream.ask(auth("X-NONE", ""), "<invalid-mechanism");
    expect(stream.text.slice(from)).not.toContain("<success");
    expect(stream.text.slice(from).match(/<stream:stream/g)).toHaveLength(1);
  });

  test("what comes in the clear instead of TLS ends the connection without a word", async () => {
    const server = await start({ hasTls: true });
    const stream = await opened(server);
    const answer = await stream.ask(STARTTLS, "<proceed");
    stream.send(`${HEAD}${ANONYMOUS}`);
    await stream.closed();
    expect(stream.text.endsWith(answer)).toBe(true);
    await until("its end", () => server.counts.connections === 0);
  });

  test("asked for twice it is answered once", async () => {
    const stream = await opened(await start({ hasTls: true }));
    await stream.ask(`${STARTTLS}${STARTTLS}`, "<proceed");
    await stream.secure();
    await stream.ask(HEAD, "<mechanism>PLAIN</mechanism>");
    expect(stream.text.match(/<proceed/g)).toHaveLength(1);
  });

  test("the stream starts anew within TLS: nothing is taken before that, and white space is passed over", async () => {
    const server = await start({ hasTls: true });
    const hasty = await opened(server);
    await hasty.ask(STARTTLS, "<proceed");
    await hasty.secure();
    hasty.send(ANONYMOUS);
    await hasty.closed();
    expect(hasty.text).toMatch(/<stream:error[^>]*><invalid-namespace /);
    expect(hasty.text).not.toContain("<success");

    const stream = await opened(server);
    await stream.ask(STARTTLS, "<proceed");
    await stream.secure();
    const features = await stream.ask(`\n \r\n${HEAD}`, "</stream:features>");
    expect(features).not.toContain("<starttls");
    await stream.ask(`\n${asItIs.PLAIN(await server.token("ann"))}\n`, "<success");
    await stream.ask(`\n${HEAD}`, "<bind ");
  });

  test.each(Object.entries(asItIs))("before it %s is refused, and ends the stream", async (_name, write) => {
    const server = await start({ hasTls: true });
    const stream = await opened(server);
    stream.send(write(await server.token("ann")));
    await stream.closed();
    expect(stream.text).toMatch(/<stream:error[^>]*><not-authorized /);
  });
});

describe("direct TLS", () => {
  test("begins with the connection, and STARTTLS is not offered in it", async () => {
    const server = await start({ hasTls: true });
    const stream = track(await RawStream.openDirect(server.directPort));
    const features = await stream.ask(HEAD, "</stream:features>");
    expect(features).toContain("<mechanism>PLAIN</mechanism>");
    expect(features).not.toContain("<starttls");
    stream.send(STARTTLS);
    await stream.closed();
    expect(stream.text).toMatch(/<stream:error[^>]*><not-authorized /);
  });

  test("takes nothing in the clear", async () => {
    const server = await start({ hasTls: true });
    const stream = track(await RawStream.open(server.directPort));
    stream.send(HEAD);
    await stream.closed();
    expect(stream.text).not.toContain("<stream");
    await track(await RawStream.openDirect(server.directPort)).ask(HEAD, "</stream:features>");
  });
});

describe("without TLS a password or token is not taken as it is", () => {
  test.each(Object.entries(asItIs))("by TCP: %s", async (name, write) => {
    const server = await start();
    const stream = await opened(server);
    expect(stream.text).not.toContain(name);
    expect(await stream.ask(write(await server.token("ann")), "</failure>")).toContain("<invalid-mechanism/>");
  });

  /** What is said of a login by WebSocket. */
  async function byWebSocket(url: string, headers: Readonly<Record<string, string>>, text: string): Promise<string> {
    const ws = new WebSocket(url, "xmpp", { headers });
    closing.push(() => ws.terminate());
    const texts: string[] = [];
    ws.on("message", (data: Buffer) => texts.push(data.toString()));
    await new Promise((resolve) => ws.once("open", resolve));
    ws.send(OPEN);
    ws.send(text);
    await until("the answer", () => texts.length === 3);
    return texts[2] ?? "";
  }

  test.each(Object.entries(asItIs))(
    "by WebSocket: %s, unless a trusted proxy took it by https",
    async (_name, write) => {
      const server = await start();
      const text = write(await server.token("ann"));
      expect(await byWebSocket(server.websocketUrl, {}, text)).toContain("<invalid-mechanism/>");
      expect(await byWebSocket(server.websocketUrl, { "x-forwarded-proto": "https" }, text)).toContain("<success");
    },
  );

  test.each(Object.entries(asItIs))("by BOSH: %s, unless a trusted proxy took it by https", async (_name, write) => {
    const server = await start();
    const text = write(await server.token("ann"));
    for (const [proto, answer] of [
      ["http", "<invalid-mechanism/>"],
      ["https", "<success"],
    ] as const) {
      const headers = { "content-type": "text/xml", "x-forwarded-proto": proto };
      const creation = body({ rid: 1, to: "localhost", wait: 1, hold: 1 });
      const created = await fetch(server.boshUrl, { method: "POST", headers, body: creation });
      const [, sid = ""] = / sid="([^"]+)"/.exec(await created.text()) ?? [];
      expect(await post(server.boshUrl, body({ rid: 2, sid }, text))).toContain(answer);
    }
  });
});
