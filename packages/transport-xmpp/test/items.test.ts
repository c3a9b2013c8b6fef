import { afterEach, beforeEach, expect, test } from "vitest";
import { RawStream } from "./support/raw-stream.ts";
import { ask, dataIn, pubsub, PUBSUB } from "./support/streams.ts";
import { createLog, XmppServer } from "./support/xmpp-server.ts";

const LIMIT = 256 * 1024;
let server: XmppServer;
let stream: RawStream;

beforeEach(async () => {
  server = await XmppServer.start({ log: createLog({ events: 60 }) });
  stream = await RawStream.bound(server.tcpPort);
});

afterEach(async () => {
  stream.destroy();
  expect(server.errors).toEqual([]);
  await server.stop();
});

function set(content: string): string {
  return `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;
}

function items(attributes: string, content = "", beside = ""): Promise<string> {
  return ask(stream, "get", pubsub(`<items node='public/a' ${attributes}>${content}</items>${beside}`));
}

function idsIn(text: string): readonly string[] {
  return [...text.matchAll(/<item id="([^"]+)"/g)].map(([, id = ""]) => id);
}

test("paged through by RSM, forth and back: each once", async () => {
  await server.publish("public/a", ...Array.from({ length: 25 }, (_, n) => n));
  await server.publish("public/b", "of another node");
  const forth: unknown[] = [];
  for (let after = "earliest", page = ""; ; after = /<last>([^<]+)</.exec(page)?.[1] ?? "") {
    page = await items("", "", set(`<max>10</max><after>${after}</after>`));
    if (dataIn(page).length === 0) break;
    forth.push(...dataIn(page));
    expect(page).toContain(`<first>${idsIn(page)[0]}</first>`);
  }
  expect(forth).toEqual(Array.from({ length: 25 }, (_, n) => n));
  const back: unknown[] = [];
  for (let before = "", page = ""; ; before = /<first>([^<]+)</.exec(page)?.[1] ?? "") {
    page = await items("", "", set(`<max>10</max><before>${before}</before>`));
    if (dataIn(page).length === 0) break;
    back.unshift(...dataIn(page));
  }
  expect(back).toEqual(forth);
});

test("as many as are asked for: 20 if nothing is said, 100 at the most, none for 0", async () => {
  await server.publish("public/a", ...Array.from({ length: 30 }, (_, n) => n));
  expect(dataIn(await items(""))).toHaveLength(20);
  expect(dataIn(await items("max_items='1000'"))).toHaveLength(30);
  expect(dataIn(await items("max_items='99999999999999999999'"))).toHaveLength(30);
  expect(dataIn(await items("max_items='2'"))).toEqual([28, 29]);
  expect(await items("max_items='0'")).toContain(`type="result"`);
  expect(await items("", "", set("<max>0</max><after>earliest</after>"))).toContain(`type="result"`);
  expect(dataIn(await items("max_items='3'", "", set("<max>7</max>")))).toEqual([27, 28, 29]);
  for (const wrong of ["max_items='-1'", "max_items='many'"]) expect(await items(wrong)).toContain("<bad-request ");
});

test("by ids: those that there are, of this node", async () => {
  await server.publish("public/a", 1, 2);
  await server.publish("public/b", 3);
  const ids = idsIn(await items(""));
  const other = idsIn(await ask(stream, "get", pubsub("<items node='public/b'/>")));
  const one = (id: string | undefined): string => `<item id='${id}'/>`;
  expect(dataIn(await items("", one(ids[1]) + one(other[0])))).toEqual([2]);
  const foreign = (ids[0] ?? "").replace(/^.*-/, "0other-");
  expect(dataIn(await items("", one(foreign)))).toEqual([]);
  expect(await items("", one("no cursor"))).toContain("<item-not-found ");
  expect(await items("", "", set("<after>no cursor</after>"))).toContain("<item-not-found ");
});

test("what retention has taken is told as a gap", async () => {
  await server.publish("public/a", 0);
  const [id = ""] = idsIn(await items(""));
  await server.publish("public/a", ...Array.from({ length: 200 }, (_, n) => n + 1));
  const page = await items("", "", set(`<max>2</max><after>${id}</after>`));
  expect(page).toMatch(new RegExp(`<gap xmlns="urn:sluice:0" after="${id}" resumed-at="[^"]+" reason="expired"/>`));
  const [first] = dataIn(page) as number[];
  expect(first).toBeGreaterThan(1);
});

test("no answer is larger than a stanza may be: fewer items, and a link for one that is too large by itself", async () => {
  // Each character takes five in XML.
  await server.publish("public/a", ...Array.from({ length: 8 }, (_, n) => `${n}${"&".repeat(12_000)}`));
  const newest = await items("max_items='8'");
  expect(Buffer.byteLength(newest)).toBeLessThan(LIMIT);
  expect(idsIn(newest)).toHaveLength(4);
  expect(dataIn(newest).map((data) => String(data)[0])).toEqual(["4", "5", "6", "7"]);
  const oldest = await items("", "", set("<max>8</max><after>earliest</after>"));
  expect(Buffer.byteLength(oldest)).toBeLessThan(LIMIT);
  expect(dataIn(oldest).map((data) => String(data)[0])).toEqual(["0", "1", "2", "3"]);
  await server.publish("public/a", "&".repeat(60_000));
  const large = await items("max_items='1'");
  expect(large).toMatch(/<item id="([^"]+)"><x xmlns="jabber:x:oob"><url>http:\/\/localhost\/\1<\/url><\/x><\/item>/);
});

test("disco: what is granted by name, and topics of the newest events among it", async () => {
  await server.publish("public/a", 1);
  await server.publish("public/b/c", 2);
  await server.publish("secret", 3);
  const query = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
  const answer = await ask(stream, "get", query);
  const nodes = [...answer.matchAll(/<item jid="pubsub\.localhost" node="([^"]+)"\/>/g)].map(([, node]) => node);
  expect(nodes).toEqual(["public/**", "public/b/c", "public/a"]);
  const info = await ask(stream, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
  expect(info).toContain(`var="${PUBSUB}#rsm"`);
});

test("a ping to the service, which says that it answers them", async () => {
  expect(await ask(stream, "get", "<ping xmlns='urn:xmpp:ping'/>")).toMatch(/^<iq type="result" .*\/>$/);
});

test("disco#items of a node: nothing, and not even that of one that may not be read or is none", async () => {
  const itemsOf = (node: string): Promise<string> =>
    ask(stream, "get", `<query xmlns='http://jabber.org/protocol/disco#items' node='${node}'/>`);
  expect(await itemsOf("public/a")).toMatch(/type="result" .*<query [^>]* node="public\/a"\/><\/iq>$/);
  expect(await itemsOf("secret")).toContain("<forbidden ");
  expect(await itemsOf("no filter")).toContain("<item-not-found ");
});
