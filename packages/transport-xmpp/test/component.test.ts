import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { systemClock } from "@sluice/core";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ComponentRig, type RigOptions } from "./support/component-rig.ts";
import { ScriptedServer, streamError } from "./support/scripted-server.ts";
import { until } from "./support/until.ts";
import { createLog } from "./support/xmpp-server.ts";

const PUBSUB = "http://jabber.org/protocol/pubsub";
const XML = "http://www.w3.org/XML/1998/namespace";
const PHONE = "ann@example.org/phone";
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function serve(): Promise<ScriptedServer> {
  const server = await ScriptedServer.start();
  closing.push(() => server.stop());
  return server;
}

async function joined(server: ScriptedServer, options: Partial<RigOptions> = {}): Promise<ComponentRig> {
  const before = server.joined;
  const rig = await ComponentRig.start({ port: server.port, ...options });
  closing.push(async () => {
    expect(rig.errors).toEqual([]);
    await rig.stop();
  });
  await server.waitJoined(before + 1);
  await rig.waitFor("the link", ({ state }) => state === "joined");
  return rig;
}

let iqs = 0;

/** Asks the service as somebody, and gives the answer. */
async function ask(server: ScriptedServer, from: string, type: string, content: string): Promise<string> {
  iqs += 1;
  const id = `q${iqs}`;
  const text = `<iq type='${type}' id='${id}' from='${from}' to='pubsub.example.org'>${content}</iq>`;
  const answer = await server.ask(text, `id="${id}"`);
  return answer.slice(answer.lastIndexOf("<iq ", answer.indexOf(`id="${id}"`)));
}

const pubsub = (content: string): string => `<pubsub xmlns='${PUBSUB}'>${content}</pubsub>`;

function subscribe(server: ScriptedServer, from: string, node: string, jid = from): Promise<string> {
  return ask(server, from, "set", pubsub(`<subscribe node='${node}' jid='${jid}'/>`));
}

function presence(from: string, type = ""): string {
  return `<presence from='${from}' to='pubsub.example.org'${type === "" ? "" : ` type='${type}'`}/>`;
}

function bounce(from: string, id: string, condition = "recipient-unavailable"): string {
  return (
    `<message type='error' id='${id}' from='${from}' to='pubsub.example.org'><error type='cancel'>` +
    `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`
  );
}

/** Data of the items in a text, with whom they are for. */
function itemsIn(text: string): { to: string; id: string; data: unknown; isLate: boolean }[] {
  const found = text.matchAll(/<message to="([^"]+)" type="headline" [^>]*>.*?<\/message>/gs);
  return [...found].flatMap(([message, to = ""]) => {
    const json = /<item id="([^"]+)"><json [^>]*>(.*?)<\/json>/s.exec(message);
    if (json === null) return [];
    const { data } = JSON.parse((json[2] ?? "").replaceAll("&quot;", '"')) as { data: unknown };
    return [{ to, id: json[1] ?? "", data, isLate: message.includes("<delay ") }];
  });
}

const dataIn = (server: ScriptedServer, to = PHONE): unknown[] =>
  itemsIn(server.text)
    .filter((item) => item.to === to)
    .map(({ data }) => data);

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

describe("the component towards its users", () => {
  test("a subscriber gets events in order; the link ends in order", async () => {
    const server = await serve();
    const rig = await joined(server);
    expect(await subscribe(server, PHONE, "public/a")).toContain('subscription="subscribed"');
    await rig.publish("public/a", ...range(0, 100));
    await until("100 items", () => dataIn(server).length === 100);
    expect(dataIn(server)).toEqual(range(0, 100));
    expect(itemsIn(server.text).some(({ isLate }) => isLate)).toBe(false);
    expect(rig.figures).toMatchObject({ state: "joined", users: 1, devices: 1 });
    await rig.stop();
    expect(server.text.endsWith("</stream:stream>")).toBe(true);
    expect(rig.figures.state).toBe("left");
    expect(rig.counts.connections).toBe(0);
  });

  test("what may be read: what is public, and what is granted to the JID or its domain", async () => {
    const server = await serve();
    const grants = [
      { jid: "example.org", read: ["orders/**"], publish: [] },
      { jid: "Ann@example.org", read: ["staff/**"], publish: ["orders/*"] },
    ];
    const rig = await joined(server, { grants });
    expect(await subscribe(server, "bob@elsewhere.net/x", "public/a")).toContain("subscribed");
    expect(await subscribe(server, "bob@elsewhere.net/x", "orders/1")).toContain("<forbidden ");
    expect(await subscribe(server, "bob@sub.example.org/x", "orders/1")).toContain("<forbidden ");
    expect(await subscribe(server, "bob@example.org/x", "orders/*")).toContain("subscribed");
    expect(await subscribe(server, "bob@example.org/x", "staff/1")).toContain("<forbidden ");
    expect(await subscribe(server, PHONE, "staff/**")).toContain("subscribed");
    expect(await subscribe(server, PHONE, "**")).toContain("<forbidden ");
    const item = "<item><json xmlns='urn:xmpp:json:0'>1</json></item>";
    const publish = pubsub(`<publish node='orders/1'>${item}</publish>`);
    expect(await ask(server, PHONE, "set", publish)).toContain('type="result"');
    expect(await ask(server, "bob@example.org/x", "set", publish)).toContain("<forbidden ");
    await until("the item", () => dataIn(server, "bob@example.org/x").length === 1);
    const nodes = await ask(server, PHONE, "get", "<query xmlns='http://jabber.org/protocol/disco#items'/>");
    expect([...nodes.matchAll(/node="([^"]+)"/g)].map(([, node]) => node)).toEqual([
      "public/**",
      "orders/**",
      "staff/**",
      "orders/1",
    ]);
    expect(rig.refused).toContain("forbidden");
  });

  test("a public filter that is taken back ends the reading at once; given again, it goes on with the next presence", async () => {
    const server = await serve();
    const rig = await joined(server);
    await subscribe(server, PHONE, "public/a");
    await rig.publish("public/a", 1);
    await until("the first", () => dataIn(server).length === 1);
    rig.publicFilters = ["other/**"];
    await rig.publish("public/a", 2);
    expect(await subscribe(server, PHONE, "public/b")).toContain("<forbidden ");
    expect(await subscribe(server, PHONE, "other/b")).toContain("subscribed");
    await rig.publish("other/b", 3);
    await until("another's", () => dataIn(server).includes(3));
    expect(dataIn(server)).toEqual([1, 3]);
    rig.publicFilters = ["public/**"];
    const before = server.text.length;
    server.send(presence(PHONE));
    await until("what was withheld", () => itemsIn(server.text.slice(before)).some(({ data }) => data === 2));
  });

  test("only one's own JID; requests that it does not know; whom it is not", async () => {
    const server = await serve();
    await joined(server);
    expect(await subscribe(server, PHONE, "public/a", "bob@example.org")).toContain("<invalid-jid ");
    expect(await subscribe(server, PHONE, "public/a", "ann@example.org/other")).toContain("<invalid-jid ");
    expect(await subscribe(server, PHONE, "public/a", "ANN@example.org")).toContain('jid="ann@example.org"');
    expect(await ask(server, PHONE, "get", "<vCard xmlns='vcard-temp'/>")).toContain("<feature-not-implemented ");
    expect(await ask(server, PHONE, "get", "<ping xmlns='urn:xmpp:ping'/>")).toContain('type="result"');
    expect(await ask(server, PHONE, "set", pubsub("<unsubscribe node='public/b' jid='ann@example.org'/>"))).toContain(
      "<not-subscribed ",
    );
    const chat = `<message from='${PHONE}' id='m1' type='chat' to='pubsub.example.org'><body>hi</body></message>`;
    expect(await server.ask(chat, "m1")).toContain("<service-unavailable ");
    const other = `<iq type='get' id='o1' from='${PHONE}' to='x@pubsub.example.org'><ping xmlns='urn:xmpp:ping'/></iq>`;
    expect(await server.ask(other, "o1")).toContain("<item-not-found ");
  });

  test("its presence is shared with whoever asks, and theirs is asked for with the first subscription", async () => {
    const server = await serve();
    await joined(server);
    await subscribe(server, PHONE, "public/a", "ann@example.org");
    await server.wait('<presence type="subscribe" from="pubsub.example.org" to="ann@example.org"/>');
    const answer = await server.ask(presence("ann@example.org", "subscribe"), 'type="subscribed"');
    expect(answer).toContain('<presence type="subscribed" from="pubsub.example.org" to="ann@example.org"/>');
    await ask(server, PHONE, "set", pubsub("<unsubscribe node='public/a' jid='ann@example.org'/>"));
    await server.wait('<presence type="unsubscribe" from="pubsub.example.org" to="ann@example.org"/>');
  });

  test("too many subscriptions, devices, requests", async () => {
    const server = await serve();
    const rig = await joined(server, { subscriptions: 2, messagesPerSecond: 2 });
    expect(await subscribe(server, PHONE, "public/a")).toContain("subscribed");
    expect(await subscribe(server, PHONE, "public/b")).toContain("subscribed");
    expect(await subscribe(server, PHONE, "public/c")).toContain("<too-many-subscriptions ");
    // Those of a resource that is not there make room.
    server.send(presence(PHONE, "unavailable"));
    await rig.waitFor("nobody there", ({ devices }) => devices === 0);
    expect(await subscribe(server, "ann@example.org/desk", "public/c")).toContain("subscribed");
    for (const n of range(0, 50)) server.send(presence(`ann@example.org/${n}`));
    await ask(server, "bob@example.org/x", "get", "<ping xmlns='urn:xmpp:ping'/>");
    expect(rig.figures.devices).toBe(32);
    const flood = range(0, 40).map((n) => `<iq type='get' id='f${n}' from='${PHONE}' to='pubsub.example.org'/>`);
    server.send(flood.join(""));
    await until("a refusal", () => rig.refused.includes("rate-limited"));
    expect(await subscribe(server, "bob@example.org/x", "public/a")).toContain("subscribed");
  });

  test("requests of many at once: so many wait, the others are refused, and then it goes on", async () => {
    const server = await serve();
    await joined(server);
    const pings = range(0, 100).map(
      (n) =>
        `<iq type='get' id='p${n}' from='u${n}@example.org/x' to='pubsub.example.org'><ping xmlns='urn:xmpp:ping'/></iq>`,
    );
    server.send(pings.join(""));
    await until("an answer to each", () => server.text.match(/ id="p\d+"/g)?.length === 100);
    // All 100 come at once, unless the machine cuts them in two.
    const refused = server.text.match(/<resource-constraint /g)?.length ?? 0;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(100 - 64);
    expect(await ask(server, "u99@example.org/x", "get", "<ping xmlns='urn:xmpp:ping'/>")).toContain('type="result"');
  });
});

describe("what has arrived", () => {
  test("a client that comes back gets what it has not confirmed, late; what it has, not again", async () => {
    const server = await serve();
    const rig = await joined(server);
    await subscribe(server, PHONE, "public/a", "ann@example.org");
    server.send(presence(PHONE));
    await rig.publish("public/a", 1);
    await until("the confirmation", () => /ack|to="ann@example.org\/phone"><ping/.test(server.text));
    server.send(presence(PHONE, "unavailable"));
    await rig.waitFor("nobody there", ({ devices }) => devices === 0);
    await rig.publish("public/a", 2, 3);
    const before = server.text.length;
    server.send(presence("ann@example.org/desk"));
    await until("both", () => itemsIn(server.text.slice(before)).length >= 2);
    const items = itemsIn(server.text.slice(before));
    expect(items.map(({ to, data, isLate }) => [to, data, isLate])).toEqual([
      ["ann@example.org/desk", 2, true],
      ["ann@example.org/desk", 3, true],
    ]);
  });

  test("an item that bounces comes again with the next presence, and all behind it", async () => {
    const server = await serve();
    const rig = await joined(server);
    server.send(presence(PHONE));
    await subscribe(server, PHONE, "public/a");
    await rig.publish("public/a", ...range(0, 10));
    await until("all", () => dataIn(server).length === 10);
    await until("the question", () => server.text.includes(`to="${PHONE}"><ping`));
    const ids = itemsIn(server.text).map(({ id }) => id);
    for (const id of ids.slice(6)) server.send(bounce(PHONE, id));
    await rig.waitFor("nobody there", ({ devices }) => devices === 0);
    const before = server.text.length;
    server.send(presence(PHONE));
    await until("the rest", () => itemsIn(server.text.slice(before)).length >= 4);
    expect(itemsIn(server.text.slice(before)).map(({ data }) => data)).toEqual([6, 7, 8, 9]);
    // Nobody moves another's cursor, or to where there is nothing.
    for (const id of ["", "x", "zzzz-1", `${(ids[0] ?? "").split("-")[0]}-zzzzzz`])
      server.send(bounce("bob@example.org/x", id));
    expect(await subscribe(server, PHONE, "public/b")).toContain("subscribed");
  });

  test("two subscribers with different positions, over a cut of the link", async () => {
    const server = await serve();
    const rig = await joined(server);
    const [ann, bob] = [PHONE, "bob@example.org/x"];
    // Bob's client takes what comes and confirms nothing.
    const there = server.answer;
    server.answer = (to, id) => (to === bob ? null : there(to, id));
    await subscribe(server, ann, "public/a");
    await subscribe(server, bob, "public/a");
    await rig.publish("public/a", 1, 2);
    await until("both", () => dataIn(server, ann).length === 2 && dataIn(server, bob).length === 2);
    await until("the question", () => server.text.includes(`to="${ann}"><ping`));
    await ask(server, ann, "get", "<ping xmlns='urn:xmpp:ping'/>");
    server.cut();
    // Full JIDs are asked whether they are there, as soon as the link is back.
    server.answer = there;
    await rig.waitFor("the cut", ({ streams }) => streams.broken === 1);
    await rig.publish("public/a", 3);
    await server.waitJoined(2);
    await until("what each lacks", () => dataIn(server, ann).length >= 1 && dataIn(server, bob).length >= 3);
    expect([dataIn(server, ann), dataIn(server, bob)]).toEqual([[3], [1, 2, 3]]);
  });

  test("a gap is told before what follows, and told again if it bounces", async () => {
    const server = await serve();
    const rig = await joined(server, { log: createLog({ events: 5 }) });
    await subscribe(server, PHONE, "public/a");
    server.send(presence(PHONE, "unavailable"));
    await rig.waitFor("nobody there", ({ devices }) => devices === 0);
    for (const n of range(0, 20)) await rig.publish("public/a", n);
    for (let time = 0; time < 2; time += 1) {
      const answer = await server.ask(presence(PHONE), '"data":19}');
      const [, id] =
        /<message to="[^"]+" type="headline" from="pubsub.example.org" id="(gap-[^"]+)"><gap /.exec(answer) ?? [];
      expect(id).toBeDefined();
      expect(answer.indexOf("<gap ")).toBeLessThan(answer.indexOf("<item "));
      expect(itemsIn(answer).map(({ data }) => data)).toEqual([15, 16, 17, 18, 19]);
      server.send(bounce(PHONE, id ?? ""));
      await rig.waitFor("nobody there", ({ devices }) => devices === 0);
    }
  });

  test("subscriptions and cursors outlive the gateway", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-component-"));
    closing.push(() => rm(folder, { recursive: true }));
    const options = { path: join(folder, "component.db"), log: createLog() };
    const server = await serve();
    const first = await joined(server, options);
    await subscribe(server, PHONE, "public/a", "ann@example.org");
    server.send(presence(PHONE));
    await first.publish("public/a", 1);
    // Twice, if the presence comes behind it: what was not confirmed before comes again then.
    await until("the first", () => dataIn(server).length >= 1);
    // A stop waits for what was handed over to be confirmed.
    await first.stop();
    const second = await joined(server, options);
    await second.publish("public/a", 2);
    await server.wait('<presence type="probe" from="pubsub.example.org" to="ann@example.org"/>');
    expect(second.figures).toMatchObject({ users: 1, devices: 0 });
    server.send(presence(PHONE));
    await until("the second", () => dataIn(server).length >= 1);
    expect(dataIn(server)).toEqual([2]);
  });

  test("one that answers a ping by service-unavailable is told from one that is not there", async () => {
    const server = await serve();
    const rig = await joined(server);
    const gone = "bob@example.org/x";
    server.answer = (to, id) => {
      const error = "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
      const echo = to === PHONE ? "<ping xmlns='urn:xmpp:ping'/>" : "";
      if (to === "example.org") return `<iq type='result' id='${id}' from='${to}' to='pubsub.example.org'/>`;
      return `<iq type='error' id='${id}' from='${to}' to='pubsub.example.org'>${echo}<error type='cancel'>${error}</error></iq>`;
    };
    await subscribe(server, PHONE, "public/a");
    await subscribe(server, gone, "public/a");
    await rig.publish("public/a", 1);
    await rig.waitFor("one of them", ({ devices }) => devices === 1);
    server.cut();
    await server.waitJoined(2);
    await rig.publish("public/a", 2);
    await until("all", () => dataIn(server).length >= 1 && dataIn(server, gone).length >= 2);
    expect([dataIn(server), dataIn(server, gone)]).toEqual([[2], [1, 2]]);
  });
});

describe("a client that is present, and a ping is answered as by a server that has nobody there", () => {
  const nobody = (to: string, id: string): string =>
    `<iq type='error' id='${id}' from='${to}' to='pubsub.example.org'><error type='cancel'>` +
    `<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;

  /** Somebody has been asked who is not there, and the answer has come. */
  async function doubted(server: ScriptedServer): Promise<void> {
    await until("the doubt", () => /to="ann@example.org\/(?!phone")[^"]+"><ping/.test(server.text));
    await ask(server, "bob@example.org/x", "get", "<ping xmlns='urn:xmpp:ping'/>");
  }

  test("if it has gone, and that is told later, nothing is taken to have arrived", async () => {
    const server = await serve();
    const rig = await joined(server);
    server.answer = nobody;
    await subscribe(server, PHONE, "public/a");
    server.send(presence(PHONE));
    await rig.publish("public/a", 1);
    await doubted(server);
    server.send(presence(PHONE, "unavailable"));
    await rig.waitFor("nobody there", ({ devices }) => devices === 0);
    const before = server.text.length;
    server.send(presence(PHONE));
    await until("it again", () => itemsIn(server.text.slice(before)).some(({ data }) => data === 1));
  });

  test("if it stays, it goes on after some seconds", async () => {
    const server = await serve();
    // Five seconds are a twentieth of one.
    const after = (ms: number, task: () => void): (() => void) => systemClock.after(ms < 5000 ? ms : ms / 100, task);
    const rig = await joined(server, { clock: { ...systemClock, after } });
    server.answer = (to, id) => (to === "example.org" ? `<iq type='result' id='${id}' from='${to}'/>` : nobody(to, id));
    await subscribe(server, PHONE, "public/a");
    server.send(presence(PHONE));
    await ask(server, PHONE, "get", "<ping xmlns='urn:xmpp:ping'/>");
    await rig.publish("public/a", ...range(0, 300));
    await until("all", () => dataIn(server).length >= 300);
    expect(dataIn(server)).toEqual(range(0, 300));
  });
});

test("of a client that answers nothing the server's word is taken after half a minute; it may still answer", async () => {
  const server = await serve();
  // Half a minute is a third of a second.
  const after = (ms: number, task: () => void): (() => void) => systemClock.after(ms < 30_000 ? ms : ms / 100, task);
  const clock = { ...systemClock, after };
  const rig = await joined(server, { clock });
  const there = server.answer;
  const held: string[] = [];
  server.answer = (to, id) => {
    if (to === PHONE) held.push(id);
    return to === PHONE ? null : there(to, id);
  };
  server.send(presence(PHONE));
  await subscribe(server, PHONE, "public/a");
  await rig.publish("public/a", ...range(0, 300));
  await until("200 items", () => dataIn(server).length >= 200);
  await until("the question", () => held.length >= 1);
  await until("the rest", () => dataIn(server).length >= 300);
  expect(held).toHaveLength(1);
  server.send(there(PHONE, held[0] ?? "") ?? "");
  await ask(server, "bob@example.org/x", "get", "<ping xmlns='urn:xmpp:ping'/>");
  await rig.publish("public/a", 300);
  await until("an item", () => dataIn(server).length === 301);
  await until("another question to itself", () => held.length === 2);
  server.cut();
  server.answer = there;
  await server.waitJoined(2);
  await until("what it has not confirmed", () => dataIn(server).includes(300));
  expect(dataIn(server)).toEqual([300]);
});

describe("room", () => {
  test("a device that confirms nothing gets 200 items, and the rest when it does", async () => {
    const server = await serve();
    const rig = await joined(server);
    const there = server.answer;
    const held: string[] = [];
    server.answer = (to, id) => {
      if (to !== PHONE) return there(to, id);
      held.push(id);
      return null;
    };
    server.send(presence(PHONE));
    await subscribe(server, PHONE, "public/a");
    await subscribe(server, "bob@example.org/x", "public/a");
    for (const n of range(0, 500)) await rig.publish("public/a", n);
    await until("another's", () => dataIn(server, "bob@example.org/x").length === 500);
    expect(dataIn(server)).toEqual(range(0, 200));
    expect(held).toHaveLength(1);
    server.answer = there;
    server.send(there(PHONE, held[0] ?? "") ?? "");
    await until("the rest", () => dataIn(server).length === 500);
    expect(dataIn(server)).toEqual(range(0, 500));
  });

  test("a link that does not answer has a megabyte out, whatever there is and however many read", async () => {
    const server = await serve();
    const rig = await joined(server);
    const held: [string, string][] = [];
    const there = server.answer;
    server.answer = (to, id) => {
      held.push([to, id]);
      return null;
    };
    const users = range(0, 40).map((n) => `u${n}@example.org/x`);
    for (const user of users) await subscribe(server, user, "public/a");
    for (const n of range(0, 20)) await rig.publish("public/a", `${n} ${"x".repeat(4096)}`);
    await until("the limit", () => server.text.length > 1024 * 1024);
    await ask(server, PHONE, "get", "<ping xmlns='urn:xmpp:ping'/>");
    // 40 users and 20 events of 4 kB are 3.3 MB.
    expect(server.text.length).toBeLessThan(1.1 * 1024 * 1024);
    expect(rig.counts.leftBehind).toBeGreaterThan(0);
    server.answer = there;
    for (const [to, id] of held) server.send(there(to, id) ?? "");
    await until("all", () => itemsIn(server.text).length >= 800);
    for (const user of users) {
      expect(dataIn(server, user).map((data) => Number.parseInt(String(data), 10))).toEqual(range(0, 20));
    }
  });

  test("a server that does not read: nothing piles up, and nothing is lost", async () => {
    const server = await serve();
    const rig = await joined(server);
    await subscribe(server, PHONE, "public/a");
    server.pause(true);
    for (const n of range(0, 60)) await rig.publish("public/a", `${n} ${"x".repeat(60_000)}`);
    server.pause(false);
    await until("all", () => dataIn(server).length >= 60);
    expect(dataIn(server).map((data) => Number.parseInt(String(data), 10))).toEqual(range(0, 60));
  });
});

describe("the link", () => {
  test("a server that is not there yet: one line, and then it is joined", async () => {
    const early = await ScriptedServer.start();
    const { port } = early;
    await early.stop();
    const rig = await ComponentRig.start({ port });
    closing.push(() => rig.stop());
    await rig.waitFor("two tries", ({ streams }) => streams.unreachable >= 2);
    expect(rig.figures).toMatchObject({ state: "connecting", detail: "ECONNREFUSED" });
    const server = await ScriptedServer.start(port);
    closing.push(() => server.stop());
    await server.waitJoined();
    await rig.waitFor("the link", ({ state }) => state === "joined");
    expect(rig.lines).toEqual([
      "warn: the XMPP server can't be reached; it is tried again until it can (ECONNREFUSED)",
    ]);
  });

  test.each([
    ["not-authorized", "the secret or the domain is not as in the server's configuration"],
    ["host-unknown", "the server's configuration has no component of that domain"],
    ["conflict", "another one has joined as that component already"],
  ])("refused by %s: one line that says what to do, and it is tried again", async (condition, remedy) => {
    const server = await serve();
    server.refusal = streamError(condition);
    const rig = await ComponentRig.start({ port: server.port });
    closing.push(() => rig.stop());
    await rig.waitFor("two tries", ({ streams }) => streams.refused >= 2);
    expect(rig.figures).toMatchObject({ state: "refused", detail: condition });
    expect(rig.lines).toEqual([`error: the XMPP server refuses the component: ${remedy} (${condition})`]);
    server.refusal = null;
    await rig.waitFor("the link", ({ state }) => state === "joined");
  });

  test.each([
    ["no XML", "<<<", "not-well-formed"],
    ["an entity bomb", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "restricted-xml"],
    ["a comment", "<!-- -->", "restricted-xml"],
    ["no UTF-8", Buffer.from([0x3c, 0xff, 0xfe]), "bad-format"],
    ["too much", `<message><body>${"x".repeat(5_000_000)}</body></message>`, "policy-violation"],
    ["a stream error", streamError("system-shutdown"), "system-shutdown"],
    ["an end", "</stream:stream>", "closed"],
  ])("a hostile server that sends %s is left, and joined again", async (_name, text, detail) => {
    const server = await serve();
    const rig = await joined(server);
    await subscribe(server, PHONE, "public/a");
    server.send(text);
    await rig.waitFor("the end", ({ streams }) => streams.broken === 1);
    expect(rig.figures).toMatchObject({ state: "connecting", detail });
    expect(rig.lines).toEqual([
      `warn: the link to the XMPP server broke; subscribers go on when it is back (${detail})`,
    ]);
    await server.waitJoined(2);
    await rig.publish("public/a", "after");
    await until("it goes on", () => dataIn(server).length >= 1);
  });

  test("odd stanzas disturb nobody", async () => {
    const server = await serve();
    const rig = await joined(server);
    const to = "to='pubsub.example.org'";
    for (const odd of [
      `<iq ${to}/>`,
      `<iq type='get' id='1' from='' ${to}/>`,
      `<iq type='get' id='1' from='@' ${to}/>`,
      `<iq type='get' id='1' from='pubsub.example.org' ${to}/>`,
      `<iq type='result' id='constructor' from='${PHONE}' ${to}/>`,
      `<iq type='get' from='${PHONE}' ${to}><query/></iq>`,
      `<presence from='${PHONE}' type='constructor' ${to}/>`,
      `<message from='${PHONE}' type='error' ${to}><error><constructor xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
      `<what from='${PHONE}'/>`,
      // What servers make of <xml:a xml:b='c'/>.
      `<message from='${PHONE}' ${to}><a xmlns='${XML}' xmlns:ns1='${XML}' ns1:b='c'/></message>`,
      `<presence from='${PHONE}' ${to}>${"<a>".repeat(2000)}${"</a>".repeat(2000)}</presence>`,
    ]) {
      server.send(odd);
    }
    expect(await subscribe(server, PHONE, "public/a")).toContain("subscribed");
    expect(rig.figures.streams).toMatchObject({ joined: 1, broken: 0 });
  });
});
