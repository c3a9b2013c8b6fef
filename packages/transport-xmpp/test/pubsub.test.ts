import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { ANONYMOUS, HEAD, RawStream } from "./support/raw-stream.ts";
import { ask, bound, dataIn, loggedIn, PUBSUB, pubsub, subscribe } from "./support/streams.ts";
import { until } from "./support/until.ts";
import { createLog, XmppServer, type XmppServerOptions } from "./support/xmpp-server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function plain(...args: Parameters<typeof bound>): Promise<RawStream> {
  const stream = await bound(...args);
  closing.push(() => stream.destroy());
  return stream;
}

async function start(options: XmppServerOptions = {}): Promise<XmppServer> {
  const server = await XmppServer.start(options);
  closing.push(async () => {
    expect(server.errors).toEqual([]);
    await server.stop();
  });
  return server;
}

describe("login", () => {
  test("STARTTLS: nothing else is offered or taken before it; what comes in the clear behind it is dropped", async () => {
    const server = await start({ hasTls: true });
    const refused = await RawStream.open(server.tcpPort);
    const features = await refused.ask(HEAD, "</stream:features>");
    expect(features).toContain("<required/>");
    expect(features).not.toContain("mechanism");
    refused.send(ANONYMOUS);
    await refused.closed();
    expect(refused.text).toContain("<not-authorized ");

    const stream = await RawStream.open(server.tcpPort);
    await stream.ask(HEAD, "</stream:features>");
    await stream.ask(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`, "<proceed");
    await stream.secure();
    const secured = await stream.ask(HEAD, "</stream:features>");
    expect(secured).toContain("<mechanism>PLAIN</mechanism>");
    stream.destroy();

    const injecting = await RawStream.open(server.tcpPort);
    await injecting.ask(HEAD, "</stream:features>");
    await injecting.ask(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${ANONYMOUS}`, "<proceed");
    await injecting.secure();
    expect(await injecting.ask(HEAD, "</stream:features>")).not.toContain("<success");
    injecting.destroy();
  });

  test("PLAIN and OAUTHBEARER take a token, over TLS alone; the JID is the token's subject", async () => {
    const server = await start({ hasTls: true });
    const stream = await plain(server, await server.token("Ann & co", ["orders/**"]));
    expect(stream.jid).toBe("Ann\\20\\26\\20co@localhost/desk");

    const bearer = await RawStream.openDirect(server.directPort);
    closing.push(() => bearer.destroy());
    await bearer.ask(HEAD, "</stream:features>");
    const auth = (token: string): string =>
      `<auth xmlns='${SASL}' mechanism='OAUTHBEARER'>` +
      `${Buffer.from(`n,,\u0001auth=Bearer ${token}\u0001\u0001`).toString("base64")}</auth>`;
    await bearer.ask(auth("nonsense"), "</challenge>");
    expect(await bearer.ask(`<response xmlns='${SASL}'>AQ==</response>`, "</failure>")).toContain("<not-authorized/>");
    await bearer.ask(auth(await server.token("bob")), "<success");

    const clear = await start();
    const offered = await RawStream.open(clear.tcpPort);
    closing.push(() => offered.destroy());
    const features = await offered.ask(HEAD, "</stream:features>");
    expect(features).not.toContain("PLAIN");
    expect(features).not.toContain("OAUTHBEARER");
  });

  test("without public filters nobody is anonymous", async () => {
    const server = await start({ publicFilters: [] });
    const stream = await RawStream.open(server.tcpPort);
    closing.push(() => stream.destroy());
    await stream.ask(HEAD, "</stream:features>");
    expect(await stream.ask(ANONYMOUS, "</failure>")).toContain("<invalid-mechanism/>");
  });

  test("the same resource again ends the former stream", async () => {
    const server = await start({ hasTls: true });
    const token = await server.token("ann");
    const first = await plain(server, token);
    const second = await plain(server, token);
    await first.closed();
    expect(first.text).toContain("<conflict ");
    expect(second.jid).toBe(first.jid);
  });

  test("what clients wait for is answered", async () => {
    const server = await start();
    const stream = await RawStream.bound(server.tcpPort);
    closing.push(() => stream.destroy());
    const queries = [
      ["set", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"],
      ["get", "<query xmlns='jabber:iq:roster'/>"],
      ["get", "<ping xmlns='urn:xmpp:ping'/>"],
      ["get", "<query xmlns='jabber:iq:version'/>"],
      ["set", "<enable xmlns='urn:xmpp:carbons:2'/>"],
      ["get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"],
    ] as const;
    for (const [type, content] of queries)
      expect(await ask(stream, type, content, "localhost")).toContain(`type="result"`);
    expect(stream.text).toMatch(/<name>Sluice<\/name><version>\d+\.\d+\.\d+[^<]*<\/version>/);
    const items = await ask(stream, "get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", "localhost");
    expect(items).toContain(`jid="pubsub.localhost"`);
    expect(await ask(stream, "get", "<vCard xmlns='vcard-temp'/>", "localhost")).toContain("<service-unavailable ");
    const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    expect(await ask(stream, "set", bind, "localhost")).toContain("<not-allowed ");
    await stream.ask("<presence/>", `<presence from="${stream.jid}"`);
  });
});

describe("nodes", () => {
  test("disco", async () => {
    const server = await start({ hasTls: true });
    const stream = await plain(server, await server.token("ann", ["orders/**"]));
    const info = await ask(stream, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    expect(info).toContain(`category="pubsub" type="service"`);
    for (const one of ["subscribe", "retrieve-items", "retrieve-subscriptions", "item-ids", "persistent-items"]) {
      expect(info).toContain(`var="${PUBSUB}#${one}"`);
    }
    const items = await ask(stream, "get", "<query xmlns='http://jabber.org/protocol/disco#items'/>");
    expect(items).toContain(`node="public/**"`);
    expect(items).toContain(`node="orders/**"`);
    const leaf = (node: string): string => `<query xmlns='http://jabber.org/protocol/disco#info' node='${node}'/>`;
    expect(await ask(stream, "get", leaf("orders/1"))).toContain(`type="leaf"`);
    expect(await ask(stream, "get", leaf("secret"))).toContain("<forbidden ");
  });

  test("subscribe, subscriptions, unsubscribe; what is not one's own, granted or a node is refused", async () => {
    const server = await start();
    const stream = await RawStream.bound(server.tcpPort);
    closing.push(() => stream.destroy());
    expect(await subscribe(stream, "public/*")).toContain(`subscription="subscribed"`);
    expect(await ask(stream, "get", pubsub("<subscriptions/>"))).toContain(`node="public/*"`);
    expect(await subscribe(stream, "public/a", "other@localhost")).toContain("<invalid-jid ");
    expect(await subscribe(stream, "secret")).toContain("<forbidden ");
    expect(await subscribe(stream, "a//b")).toContain("<item-not-found ");
    expect(await ask(stream, "set", pubsub("<create node='x'/>"))).toContain("<feature-not-implemented ");
    await server.publish("public/a", "<&>\ufffe\uffff]]>");
    await stream.wait("</json>");
    const unsubscribe = pubsub(`<unsubscribe node='public/*' jid='${stream.jid}'/>`);
    expect(await ask(stream, "set", unsubscribe)).toContain(`type="result"`);
    expect(await ask(stream, "set", unsubscribe)).toContain("<not-subscribed ");
    await server.publish("public/a", "unheard");
    await subscribe(stream, "public/b");
    await server.publish("public/b", "heard");
    await until("the last", () => dataIn(stream.text).includes("heard"));
    expect(dataIn(stream.text)).toEqual(["<&>\ufffe\uffff]]>", "heard"]);
    expect(stream.text).toMatch(
      new RegExp(
        `<message to="${stream.jid}" type="headline" from="pubsub.localhost" id="[^"]+"><event xmlns="${PUBSUB}#event">`,
      ),
    );
  });

  test("items: the newest, by id, by RSM", async () => {
    const server = await start();
    const stream = await RawStream.bound(server.tcpPort);
    closing.push(() => stream.destroy());
    await server.publish("public/a", ...Array.from({ length: 30 }, (_, n) => n));
    expect(dataIn(await ask(stream, "get", pubsub("<items node='public/a' max_items='3'/>")))).toEqual([27, 28, 29]);
    const set = (after: string): string =>
      `<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><after>${after}</after></set>`;
    const all = await ask(stream, "get", pubsub("<items node='public/a' max_items='100'/>"));
    const ids = [...all.matchAll(/<item id="([^"]+)"/g)].map(([, id = ""]) => id);
    expect(ids).toHaveLength(30);
    const page = await ask(stream, "get", pubsub(`<items node='public/a'/>${set(ids[4] as string)}`));
    expect(dataIn(page)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect(page).toContain(`<last>${ids[14]}</last>`);
    const one = await ask(stream, "get", pubsub(`<items node='public/a'><item id='${ids[7]}'/></items>`));
    expect(dataIn(one)).toEqual([7]);
    expect(await ask(stream, "get", pubsub("<items node='secret'/>"))).toContain("<forbidden ");
  });

  test("publish needs a grant, and JSON", async () => {
    const server = await start({ hasTls: true });
    const stream = await plain(server, await server.token("ann", ["orders/**"], ["orders/*"]));
    await subscribe(stream, "orders/1");
    const item = (node: string, json: string): string =>
      pubsub(`<publish node='${node}'><item><json xmlns='urn:xmpp:json:0'>${json}</json></item></publish>`);
    expect(await ask(stream, "set", item("orders/1", `{"n":1.50}`))).toMatch(/<item id="[^"]+"\/>/);
    await until("the event", () => dataIn(stream.text).length === 1);
    expect(stream.text).toContain(`"data":{"n":1.50}`);
    expect(await ask(stream, "set", item("other", "1"))).toContain("<forbidden ");
    expect(await ask(stream, "set", item("orders/1", "1},{"))).toContain("<invalid-payload ");
    expect(await ask(stream, "set", item("orders/1", "{<b/>}"))).toContain("<invalid-payload ");
    expect(await ask(stream, "set", item("orders/*", "1"))).toContain("<item-not-found ");
    expect(await ask(stream, "set", pubsub("<publish node='orders/1'/>"))).toContain("<item-required ");
  });

  test("an event too large for a stanza comes without its payload, with a link", async () => {
    const server = await start();
    const stream = await RawStream.bound(server.tcpPort);
    closing.push(() => stream.destroy());
    await subscribe(stream, "public/a");
    await server.publish("public/a", "x".repeat(256 * 1024));
    await stream.wait("</message>");
    expect(stream.text).toMatch(
      /<item id="([^"]+)"\/><\/items><\/event><x xmlns="jabber:x:oob"><url>http:\/\/localhost\/\1</,
    );
  });
});

describe("not losing an event", () => {
  test("a subscription and its cursor outlive the gateway; a bare JID is any device's", async () => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-xmpp-"));
    closing.push(() => rm(directory, { recursive: true }));
    const options = { hasTls: true, path: join(directory, "xmpp.db"), log: createLog() };
    const before = await XmppServer.start(options);
    const first = await plain(before, await before.token("ann", ["orders/**"]));
    await subscribe(first, "orders/*", "ann@localhost");
    await before.publish("orders/1", "seen");
    const asked = await first.wait(`<iq type="get" id="ack-`);
    const id = /id="(ack-\d+)"/.exec(asked)?.[1] ?? "";
    await ask(first, "get", "<ping xmlns='urn:xmpp:ping'/>", "localhost");
    first.send(`<iq type='result' id='${id}' to='localhost'/>`);
    await ask(first, "get", "<ping xmlns='urn:xmpp:ping'/>", "localhost");
    await before.stop();
    await first.closed();
    expect(first.text).toContain("<system-shutdown ");

    const after = await start(options);
    await after.publish("orders/2", "missed");
    const second = await plain(after, await after.token("ann", ["orders/**"]), "phone");
    second.send("<presence/>");
    await until("what was missed", () => dataIn(second.text).length > 0);
    expect(dataIn(second.text)).toEqual(["missed"]);
    expect(second.text).toMatch(/<delay xmlns="urn:xmpp:delay" stamp="[^"]+"\/><\/message>/);
  });

  test("a gap is told before what follows", async () => {
    const log = createLog({ events: 5 });
    const server = await start({ hasTls: true, log });
    const token = await server.token("ann", ["orders/**"]);
    const first = await plain(server, token);
    await subscribe(first, "orders/*");
    first.send("</stream:stream>");
    await first.closed();
    await server.publish("orders/1", ...Array.from({ length: 20 }, (_, n) => n));
    const second = await plain(server, token);
    second.send("<presence/>");
    await until("the last", () => dataIn(second.text).includes(19));
    expect(second.text).toMatch(
      /<gap xmlns="urn:sluice:0" node="orders\/\*" after="[^"]+" resumed-at="[^"]+" reason="expired"\/>/,
    );
    expect(second.text.indexOf("<gap ")).toBeLessThan(second.text.indexOf("<json "));
    expect(dataIn(second.text)).toEqual([15, 16, 17, 18, 19]);
  });

  test("a resume with a count that can't be, or by somebody else, fails", async () => {
    const server = await start({ hasTls: true });
    const token = await server.token("ann", ["orders/**"]);
    const first = await plain(server, token);
    const enabled = await first.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "<enabled ");
    const id = / id="([^"]+)"/.exec(enabled)?.[1] ?? "";
    await subscribe(first, "orders/1");
    first.destroy();
    const resume = (h: number, previd: string): string => `<resume xmlns='urn:xmpp:sm:3' h='${h}' previd='${previd}'/>`;
    const eve = await loggedIn(server, await server.token("eve", ["orders/**"]));
    expect(await eve.ask(resume(0, id), "</failed>")).toContain("<item-not-found ");
    const second = await loggedIn(server, token);
    expect(await second.ask(resume(99, id), "</failed>")).toContain("<item-not-found ");
    expect(await second.ask(resume(0, "nothing"), "</failed>")).toContain("<item-not-found ");
    await server.publish("orders/1", "missed");
    await second.ask(resume(0, id), "<resumed ");
    await until("what was missed", () => dataIn(second.text).includes("missed"));
    // The answer to the subscribe had not been acknowledged either.
    expect(second.text).toContain(`subscription="subscribed"`);
  });

  test("a reader that does not read is left behind, and reads on from the log", async () => {
    const server = await start();
    const stream = await RawStream.bound(server.tcpPort);
    closing.push(() => stream.destroy());
    await subscribe(stream, "public/a");
    stream.pause();
    let n = 0;
    while (server.counts.leftBehind === 0) {
      for (let round = 0; round < 20; round += 1) await server.publish("public/a", `${n++}${"x".repeat(50_000)}`);
    }
    stream.resume();
    await server.publish("public/a", "the last");
    await until("the last", () => stream.text.includes(`"data":"the last"`));
    expect(
      dataIn(stream.text)
        .map((data) => Number.parseInt(String(data), 10))
        .slice(0, -1),
    ).toEqual(Array.from({ length: n }, (_, index) => index));
  });

  test("a client that answers nothing is ended", async () => {
    const server = await start({ idleMs: 60 });
    const stream = await RawStream.bound(server.tcpPort);
    await stream.closed();
    expect(stream.text).toContain("<connection-timeout ");
  });
});
