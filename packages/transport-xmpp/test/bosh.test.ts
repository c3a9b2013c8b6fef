import { hash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { body, BoshClient, dataOf, post } from "./support/bosh-client.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

let server: XmppServer;
let client: BoshClient;

beforeEach(async () => {
  server = await XmppServer.start();
  client = new BoshClient(server.boshUrl);
});

afterEach(async () => {
  expect(server.errors).toEqual([]);
  await server.stop();
});

const terminated = (condition: string): RegExp => new RegExp(`type="terminate" condition="${condition}"`);
const EMPTY = /^<body xmlns="http:\/\/jabber.org\/protocol\/httpbind"\/>$/;
const PING = `<iq xmlns="jabber:client" id="p" type="get"><ping xmlns="urn:xmpp:ping"/></iq>`;

describe("creation", () => {
  test("the answer says what the session is, and offers a login", async () => {
    const answer = await client.create({ wait: 7, hold: 5 });
    for (const one of [`wait="7"`, `hold="1"`, `requests="2"`, `ver="1.11"`, `from="localhost"`, `ack="1000000"`]) {
      expect(answer).toContain(one);
    }
    for (const name of ["polling", "inactivity", "maxpause", "xmpp:version", "xmpp:restartlogic"]) {
      expect(answer).toMatch(new RegExp(` ${name}="`));
    }
    expect(client.sid).toMatch(/^[\w-]{32}$/);
    expect(answer).toContain("<mechanism>ANONYMOUS</mechanism>");
    const other = new BoshClient(server.boshUrl);
    await other.create();
    expect(other.sid).not.toBe(client.sid);
  });

  const base = { rid: 1, to: "localhost", wait: 1, hold: 1 };
  const refused: readonly (readonly [name: string, text: string | Uint8Array, condition: string])[] = [
    ["no XML", "hello", "bad-request"],
    ["nothing", "", "bad-request"],
    ["an entity of HTML", body(base, "&nbsp;"), "bad-request"],
    ["a DOCTYPE", `<!DOCTYPE body>${body(base)}`, "bad-request"],
    ["a comment", body(base, "<!-- x -->"), "bad-request"],
    ["a processing instruction", body(base, "<?x y?>"), "bad-request"],
    ["bad UTF-8", Buffer.from([0x3c, 0xff]), "bad-request"],
    ["depth", body(base, `${"<a>".repeat(60)}${"</a>".repeat(60)}`), "policy-violation"],
    ["10 kB", body(base, `<a>${"x".repeat(10_000)}</a>`), "policy-violation"],
    ["half a body", body(base).slice(0, -3), "bad-request"],
    ["another namespace", body(base).replace("httpbind", "other"), "bad-request"],
    ["no rid", body({ to: "localhost" }), "bad-request"],
    ["a rid that is no number", body({ ...base, rid: "x" }), "bad-request"],
    ["a rid of zero", body({ ...base, rid: 0 }), "bad-request"],
    ["a rid beyond 2^53", body({ ...base, rid: "9007199254740993" }), "bad-request"],
    ["no host", body({ rid: 1 }), "improper-addressing"],
    ["an empty host", body({ rid: 1, to: "" }), "improper-addressing"],
    ["an unknown host", body({ ...base, to: "example.net" }), "host-unknown"],
    ["a content type that runs as something", body({ ...base, content: "text/html" }), "bad-request"],
    ["a sid that there is not", body({ rid: 2, sid: "nothing" }), "item-not-found"],
  ];
  test.each(refused)("refused: %s", async (_name, text, condition) => {
    expect(await post(server.boshUrl, text)).toMatch(terminated(condition));
    expect(await client.create()).toContain("sid=");
  });

  test("never more than the client asked for: wait, hold and version", async () => {
    for (const one of [`wait="0"`, `hold="0"`, `requests="1"`, `ver="1.6"`]) {
      expect(await client.create({ wait: 0, hold: 0, ver: "1.6" })).toContain(one);
    }
    const patient = new BoshClient(server.boshUrl);
    const answer = await patient.create({ wait: 3600, hold: 9, ver: "1.100" });
    for (const one of [`wait="120"`, `hold="1"`, `requests="2"`, `ver="1.11"`]) expect(answer).toContain(one);
  });

  test.each([256 * 1024 + 1, 4 * 1024 * 1024])("too large, by %i bytes: 413, and why", async (bytes) => {
    const response = await fetch(server.boshUrl, { method: "POST", body: "x".repeat(bytes) });
    expect(response.status).toBe(413);
    expect(await response.text()).toMatch(terminated("policy-violation"));
  });
});

describe("a session", () => {
  test("a stanza before login ends it; asked again it says so again, and then it is over", async () => {
    await client.create();
    const end = await client.send(PING);
    expect(end).toMatch(terminated("remote-stream-error"));
    expect(await client.repeat(client.rid, PING)).toBe(end);
    expect(await client.send()).toMatch(terminated("item-not-found"));
  });

  test.each([
    ["bad XML", "<a></b>", "bad-request"],
    ["depth", "<a>".repeat(60), "policy-violation"],
    ["10 kB before login", `<a>${"x".repeat(10_000)}</a>`, "policy-violation"],
  ])("a request with %s ends it, and all that it holds", async (_name, content, condition) => {
    await client.create();
    const held = await client.hold();
    const bad = client.send(content);
    expect(await bad).toMatch(terminated(condition));
    expect(await held.answer).toMatch(terminated(condition));
    expect(await client.send()).toMatch(terminated("item-not-found"));
    await until("its end", () => server.counts.connections === 0);
  });

  test("a stanza in the namespace of the body is meant for jabber:client", async () => {
    await client.login();
    const message = `<message to="nobody@localhost"><body>hello</body></message>`;
    const answer = await client.send(`${PING.replace(` xmlns="jabber:client"`, "")}${message}`);
    expect(answer).toContain(`<iq xmlns="jabber:client" type="result" id="p"`);
    expect(answer).toContain("<service-unavailable ");
  });

  test("a request without a rid ends it", async () => {
    await client.create();
    expect(await post(server.boshUrl, body({ sid: client.sid }))).toMatch(terminated("bad-request"));
    await until("its end", () => server.counts.connections === 0);
  });

  test("after login a request may be as large as a stanza", async () => {
    await client.login();
    const large = PING.replace("</iq>", `<x xmlns="urn:x">${"x".repeat(200_000)}</x></iq>`);
    expect(await client.send(large)).toContain(`type="result"`);
  });

  test("one that is too large ends it, and what is held is told so at once", async () => {
    await client.login({ wait: 60 });
    const held = await client.hold();
    expect(await client.send(`<x xmlns="urn:x">${"x".repeat(300_000)}</x>`)).toMatch(terminated("policy-violation"));
    expect(await held.answer).toMatch(terminated("policy-violation"));
    await until("its end", () => server.counts.connections === 0);
    expect(await client.send()).toMatch(terminated("item-not-found"));
  });

  test("the same rid again gets the same bytes", async () => {
    await client.login();
    const first = await client.send(PING);
    expect(first).toContain(`type="result"`);
    expect(await client.repeat(client.rid, PING)).toBe(first);
    expect(await client.repeat(client.rid)).toBe(first);
  });

  test("the same rid again while it is held: the former is answered, the new one is held", async () => {
    await client.login();
    await client.subscribe("public/a");
    const held = client.send();
    const again = client.repeat(client.rid);
    expect(dataOf(await held)).toEqual([]);
    await server.publish("public/a", 1);
    expect(dataOf(await again)).toEqual([1]);
  });

  test("requests that come one behind the other on one connection are answered so", async () => {
    await client.login({ wait: 1 });
    const { hostname, port, pathname } = new URL(server.boshUrl);
    const socket = connect(Number(port), hostname);
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    for (const content of ["", PING]) {
      client.rid += 1;
      const one = body({ rid: client.rid, sid: client.sid }, content);
      socket.write(`POST ${pathname} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${one.length}\r\n\r\n${one}`);
    }
    await until("both answers", () => text.match(/<body /g)?.length === 2);
    socket.destroy();
    expect(text).toMatch(/<body .* type="result".*<\/body>.*<body [^>]*\/>$/s);
  });

  test("rids outside the window end it", async () => {
    await client.login();
    expect(await client.repeat(client.rid + 10, PING)).toMatch(terminated("item-not-found"));
    expect(await client.send()).toMatch(terminated("item-not-found"));
    const late = new BoshClient(server.boshUrl);
    await late.login();
    expect(await late.repeat(late.rid - 100, PING)).toMatch(terminated("item-not-found"));
  });

  test("requests that overtake each other are worked off and answered in order", async () => {
    await client.login();
    const ping = (id: string): string => PING.replace(`"p"`, `"${id}"`);
    const second = client.repeat(client.rid + 2, ping("second"));
    const first = client.repeat(client.rid + 1, ping("first"));
    const answers = `${await first}${await second}`;
    client.rid += 2;
    expect(answers.indexOf(`id="first"`)).toBeGreaterThan(-1);
    expect(answers.indexOf(`id="second"`)).toBeGreaterThan(answers.indexOf(`id="first"`));
  });

  test("a request more than hold has the oldest answered at once; wait answers the rest", async () => {
    await client.create({ wait: 1 });
    const first = client.send();
    const second = client.send();
    expect(await first).toContain(`ack="${client.rid}"`);
    expect(await second).toMatch(EMPTY);
  });

  test("the answer to a pause is empty: what there is to say goes out before it, or waits", async () => {
    await client.login();
    await client.subscribe("public/a");
    const paused = client.send(PING, { pause: 10 });
    expect(await paused).toMatch(EMPTY);
    expect(await client.send()).toContain(`id="p"`);
  });

  test("pause answers what is held; terminate ends both ways", async () => {
    await client.login();
    const held = client.send();
    expect(await client.send("", { pause: 10 })).toMatch(EMPTY);
    expect(await held).toContain(`ack="${client.rid}"`);
    const waiting = client.send();
    const end = await client.send(`<presence xmlns="jabber:client" type="unavailable"/>`, { type: "terminate" });
    expect(`${await waiting}${end}`).toContain(`type="terminate"`);
    await until("its end", () => server.counts.connections === 0);
  });

  test("of requests that are held at the end the first one gets what there is to say", async () => {
    await client.login();
    const held = await client.hold();
    expect(await client.send(PING, { type: "terminate" })).toMatch(/^<body [^>]*type="terminate"\/>$/);
    expect(await held.answer).toMatch(/^<body [^>]*type="terminate"><iq .* id="p"/);
  });

  test("what comes with terminate is handled, all of it", async () => {
    await client.login();
    const end = await client.send(PING + PING.replace(`"p"`, `"q"`), { type: "terminate" });
    expect(end).toMatch(/^<body [^>]*type="terminate">.* id="p".* id="q".*<\/body>$/);
  });

  test("keys: each request shows what the one before was made of", async () => {
    const keys = ["seed"];
    for (let index = 0; index < 5; index += 1) keys.push(hash("sha1", keys.at(-1) as string));
    await client.create({ newkey: keys.pop() as string });
    const held = client.send("", { key: keys.pop() as string });
    const next = client.send("", { key: keys.pop() as string, pause: 5 });
    expect(`${await held}${await next}`).not.toContain("terminate");
    expect(await client.send("", { key: "wrong" })).toMatch(terminated("item-not-found"));
  });

  test("keys: a new chain begins where the old one ends", async () => {
    const old = ["seed", hash("sha1", "seed")] as const;
    const next = ["other seed", hash("sha1", "other seed")] as const;
    await client.create({ wait: 0, newkey: old[1] });
    expect(await client.send("", { key: old[0], newkey: next[1] })).toMatch(EMPTY);
    expect(await client.send("", { key: next[0] })).toMatch(EMPTY);
    expect(await client.send("")).toMatch(terminated("item-not-found"));
  });

  test("too many requests too fast: policy-violation, repeated ones too", async () => {
    await client.login();
    const answer = await client.send(PING);
    const { rid } = client;
    let last = answer;
    for (let count = 0; last === answer && count < 1000; count += 1) last = await client.repeat(rid, PING);
    expect(last).toMatch(terminated("policy-violation"));
  });

  test("a request that events are the answer to is not held against the client", async () => {
    const few = await XmppServer.start({ messagesPerSecond: 1 });
    const reader = new BoshClient(few.boshUrl);
    await reader.login();
    await reader.subscribe("public/a");
    const received: unknown[] = [];
    while (received.length < 50) {
      const asking = reader.send();
      await few.publish("public/a", received.length);
      received.push(...dataOf(await asking));
    }
    expect(received).toEqual(Array.from({ length: 50 }, (_, index) => index));
    await few.stop();
  });

  test("a gateway that stops says so", async () => {
    await client.login();
    const held = client.send();
    await until("the request", () => server.counts.connections === 1);
    await client.send("", { pause: 5 });
    await held;
    const last = client.send();
    const stopping = server.transport.drain(
      { code: "draining", detail: "", mayReconnect: true },
      0,
      AbortSignal.timeout(5000),
    );
    const [answer] = await Promise.all([last, stopping]);
    expect(answer).toMatch(terminated("system-shutdown"));
  });
});

test("1000 events while requests are lost, repeated and reordered: none lost, none doubled", async () => {
  await server.stop();
  server = await XmppServer.start({ messagesPerSecond: 100_000 });
  client = new BoshClient(server.boshUrl);
  await client.login();
  await client.subscribe("public/a");
  const publishing = (async () => {
    for (let n = 0; n < 1000; n += 1) await server.publish("public/a", n);
  })();
  const seen: unknown[] = [];
  const { sid } = client;
  let chance = 1;
  const random = (): number => {
    chance = (chance * 48_271) % 2_147_483_647;
    return chance / 2_147_483_647;
  };
  while (seen.length < 1000) {
    client.rid += 1;
    const fate = random();
    // The answer to this is never read: the connection breaks once the gateway has it.
    if (fate < 0.3) await lose(server.boshUrl, body({ rid: client.rid, sid }));
    const rids = [client.rid];
    // The next one overtakes it.
    if (fate > 0.7) rids.unshift((client.rid += 1));
    const sent = rids.map((rid) => client.repeat(rid));
    const answers = (await Promise.all(sent)).toReversed();
    for (const answer of answers) {
      expect(answer).not.toContain("terminate");
      seen.push(...dataOf(answer));
    }
  }
  await publishing;
  expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => n));
});

/** Sends a request and breaks its connection when the gateway has begun to answer, or has held it for a moment. */
function lose(url: string, text: string): Promise<void> {
  return new Promise((resolve) => {
    const request = httpRequest(url, { method: "POST", headers: { "content-type": "text/xml" }, agent: false });
    request.once("response", () => request.destroy());
    request.once("error", () => undefined);
    request.once("close", () => resolve());
    request.end(text, () => setImmediate(() => setImmediate(() => request.destroy())));
  });
}
