import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryLog, systemClock, type Appended, type EventDraft, type Retention } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ANONYMOUS, HEAD, RawStream } from "./support/raw-stream.ts";
import { ask, bound, dataIn, enable, loggedIn, pubsub, resume, subscribe, unsubscribe } from "./support/streams.ts";
import { until } from "./support/until.ts";
import { createLog, XmppServer, type XmppServerOptions } from "./support/xmpp-server.ts";

const READ = ["orders/**"];
const RETENTION: Retention = { ageMs: 86_400_000, events: 1000, bytes: 2 ** 20 };
const PING = "<ping xmlns='urn:xmpp:ping'/>";
let options: XmppServerOptions & { readonly clock: ManualClock };
let directory: string;
let server: XmppServer;
const streams: RawStream[] = [];

function track(stream: RawStream): RawStream {
  streams.push(stream);
  return stream;
}

async function ann(resource?: string): Promise<RawStream> {
  return track(await bound(server, await server.token("ann", READ), resource));
}

async function annLoggedIn(read: readonly string[] = READ): Promise<RawStream> {
  return track(await loggedIn(server, await server.token("ann", read)));
}

/** Without a name, by TCP in the clear. */
async function anonymous(): Promise<RawStream> {
  const stream = track(await RawStream.open(server.tcpPort));
  await stream.ask(HEAD, "</stream:features>");
  await stream.ask(ANONYMOUS, "<success");
  await stream.ask(HEAD, "</stream:features>");
  return stream;
}

async function restart(changes: Partial<XmppServerOptions> = {}): Promise<void> {
  await server.stop();
  server = await XmppServer.start({ ...options, ...changes });
}

/** A log that appends when the test says so. */
class SlowLog extends MemoryLog {
  #asked: (go: () => void) => void = () => undefined;

  /** Resolves when the next append is asked for, to what lets it go. */
  asked(): Promise<() => void> {
    return new Promise((resolve) => (this.#asked = resolve));
  }

  override async append(drafts: readonly EventDraft[]): Promise<readonly Appended[]> {
    await new Promise<void>((resolve) => this.#asked(resolve));
    return super.append(drafts);
  }
}

/** The ends of streams have reached the server. */
async function empty(): Promise<void> {
  await until("the end of all", () => server.counts.connections === 0);
}

/** `<a/>` has been worked off. */
async function acknowledge(stream: RawStream, h: number): Promise<void> {
  stream.send(`<a xmlns='urn:xmpp:sm:3' h='${h}'/>`);
  await ask(stream, "get", PING, "localhost");
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-xmpp-"));
  options = { hasTls: true, path: join(directory, "xmpp.db"), log: createLog(), clock: new ManualClock() };
  server = await XmppServer.start(options);
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  expect(server.errors).toEqual([]);
  await server.stop();
  await rm(directory, { recursive: true });
});

describe("after a restart of the gateway", () => {
  test("a stream goes on at the very stanza, in both directions", async () => {
    const first = await ann();
    await subscribe(first, "orders/1");
    await subscribe(first, "orders/*", "ann@localhost");
    const id = await enable(first);
    await server.publish("orders/1", 1, 2);
    await server.publish("orders/2", 3);
    await until("all", () => dataIn(first.text).length === 5);
    await acknowledge(first, 2);
    expect(await ask(first, "get", PING, "localhost")).toContain("result");
    await restart();
    await first.closed();
    expect(first.text).toContain("<system-shutdown ");
    await server.publish("orders/2", 4);
    const second = await annLoggedIn();
    // It has all events and the answer to the first of two pings.
    const resumed = await resume(second, id, 6);
    expect(resumed).toMatch(new RegExp(`<resumed xmlns="urn:xmpp:sm:3" previd="${id}" h="2"/>`));
    await until("what was missed", () => dataIn(second.text).includes(4));
    expect(dataIn(second.text)).toEqual([4]);
    expect(second.text.match(/<iq type="result"/g)).toHaveLength(1);
    await server.publish("orders/1", 5);
    await until("what is new", () => dataIn(second.text).length === 3);
    expect(dataIn(second.text)).toEqual([4, 5, 5]);
  });

  test("what had not arrived comes again, and nothing before it", async () => {
    const first = await ann();
    await subscribe(first, "orders/1");
    const id = await enable(first);
    await server.publish("orders/1", 1, 2, 3, 4);
    await until("all", () => dataIn(first.text).length === 4);
    await acknowledge(first, 1);
    first.destroy();
    await empty();
    await restart();
    const second = await annLoggedIn();
    await resume(second, id, 3);
    await until("the last", () => dataIn(second.text).includes(4));
    expect(dataIn(second.text)).toEqual([4]);
    second.destroy();
    await empty();
    await restart();
    const third = await annLoggedIn();
    await resume(third, id, 3);
    await until("the last", () => dataIn(third.text).includes(4));
    expect(dataIn(third.text)).toEqual([4]);
  });

  test("somebody without a name comes back by the stream's id alone, with subscriptions that are nowhere else", async () => {
    await server.stop();
    server = await XmppServer.start({ ...options, hasTls: false });
    const first = track(await RawStream.bound(server.tcpPort));
    await subscribe(first, "public/a");
    const id = await enable(first);
    await restart({ hasTls: false });
    await server.publish("public/a", "missed");
    const second = await anonymous();
    await resume(second, id, 0);
    await until("what was missed", () => dataIn(second.text).includes("missed"));
    await server.publish("public/a", "new");
    await until("what is new", () => dataIn(second.text).includes("new"));
    expect(dataIn(second.text)).toEqual(["missed", "new"]);
  });

  test("not by somebody else, not with a count that can't be, not twice, not after its time", async () => {
    const first = await ann();
    await subscribe(first, "orders/1");
    const id = await enable(first);
    await server.publish("orders/1", 1);
    await until("it", () => dataIn(first.text).length === 1);
    await acknowledge(first, 1);
    await restart({ hibernateMs: 60_000 });
    const eve = track(await loggedIn(server, await server.token("eve", READ)));
    expect(await resume(eve, id, 1)).toContain("<item-not-found ");
    const second = await annLoggedIn();
    expect(await resume(second, id, 0)).toContain("<item-not-found ");
    expect(await resume(second, id, 4)).toContain("<item-not-found ");
    expect(await resume(second, id, 1)).toContain("<resumed ");
    eve.destroy();
    second.send("</stream:stream>");
    await empty();
    const third = await annLoggedIn();
    expect(await resume(third, id, 1)).toContain("<item-not-found ");
    third.destroy();
    const fourth = await ann();
    const other = await enable(fourth);
    fourth.destroy();
    await empty();
    options.clock.advance(60_000);
    expect(await resume(await annLoggedIn(), other, 0)).toContain("<item-not-found ");
  });

  test("a bind under the same JID makes the cut stream worthless", async () => {
    const id = await enable(await ann());
    await restart();
    await ann();
    expect(await resume(await annLoggedIn(), id, 0)).toContain("<item-not-found ");
  });

  test("what was subscribed elsewhere meanwhile comes too, if the client has sent presence", async () => {
    for (const presence of ["<presence/>", ""]) {
      const first = await ann();
      const id = await enable(first);
      first.send(presence);
      await ask(first, "get", PING, "localhost");
      await restart();
      const phone = await ann("phone");
      await subscribe(phone, "orders/1", "ann@localhost");
      await server.publish("orders/1", "new");
      const second = await annLoggedIn();
      await resume(second, id, 0);
      await ask(second, "get", PING, "localhost");
      if (presence !== "") await until("it", () => dataIn(second.text).includes("new"));
      expect(dataIn(second.text)).toEqual(presence === "" ? [] : ["new"]);
      await unsubscribe(phone, "orders/1", "ann@localhost");
      second.send("</stream:stream>");
      phone.destroy();
      await empty();
    }
  });

  test("what was given up elsewhere, or is not granted any more, stays silent", async () => {
    const first = await ann();
    await subscribe(first, "orders/1", "ann@localhost");
    await subscribe(first, "orders/2");
    await subscribe(first, "orders/3");
    const id = await enable(first);
    await restart();
    await unsubscribe(await ann("phone"), "orders/1", "ann@localhost");
    for (const n of [1, 2, 3]) await server.publish(`orders/${n}`, n);
    const second = await annLoggedIn(["orders/1", "orders/3"]);
    await resume(second, id, 0);
    await until("what is left", () => dataIn(second.text).includes(3));
    expect(dataIn(second.text)).toEqual([3]);
  });
});

test("an answer that was not ready when the stream was cut comes when it is resumed", async () => {
  const log = new SlowLog({ retention: RETENTION, deduplicationMs: 600_000, clock: systemClock });
  await restart({ log });
  const item = "<item><json xmlns='urn:xmpp:json:0'>1</json></item>";
  const publish = `<iq id='slow' type='set' to='pubsub.localhost'>${pubsub(`<publish node='orders/1'>${item}</publish>`)}</iq>`;
  const token = await server.token("ann", READ, ["orders/1"]);
  // By somebody who comes back before the log has it, and by somebody who comes back after.
  for (const isSoon of [true, false]) {
    const first = track(await bound(server, token, isSoon ? "soon" : "late"));
    const id = await enable(first);
    const asked = log.asked();
    first.send(publish);
    const answer = await asked;
    first.destroy();
    await empty();
    if (!isSoon) answer();
    const second = track(await loggedIn(server, token));
    expect(await resume(second, id, 0)).toContain(`h="1"`);
    if (isSoon) answer();
    await second.wait(`id="slow"`);
    second.destroy();
    await empty();
  }
});

describe("while the old connection looks open", () => {
  test("the same full JID is bound again: the old stream ends with conflict, and the new one misses nothing", async () => {
    const first = await ann();
    await subscribe(first, "orders/1");
    first.pause();
    await server.publish("orders/1", 1, 2);
    const second = await ann();
    second.send("<presence/>");
    await until("what was missed", () => dataIn(second.text).length === 2);
    await server.publish("orders/1", 3);
    await until("what is new", () => dataIn(second.text).includes(3));
    expect(dataIn(second.text)).toEqual([1, 2, 3]);
    first.resume();
    await first.closed();
    expect(first.text).toContain("<conflict ");
    expect(dataIn(first.text)).toEqual([1, 2]);
  });

  test("it is resumed: the new connection takes over, the old one ends with conflict", async () => {
    const first = await ann();
    await subscribe(first, "orders/1");
    const id = await enable(first);
    await server.publish("orders/1", 1);
    await until("it", () => dataIn(first.text).length === 1);
    first.pause();
    await server.publish("orders/1", 2, 3);
    const second = await annLoggedIn();
    expect(await resume(second, id, 1)).toContain("<resumed ");
    await server.publish("orders/1", 4);
    await until("all", () => dataIn(second.text).includes(4));
    expect(dataIn(second.text)).toEqual([2, 3, 4]);
    first.resume();
    await first.closed();
    expect(first.text).toContain("<conflict ");
    expect(server.counts.connections).toBe(1);
  });

  test("nobody else can, nor with a count that can't be; the old connection goes on", async () => {
    const first = await ann();
    await subscribe(first, "orders/1");
    const id = await enable(first);
    const eve = track(await loggedIn(server, await server.token("eve", READ)));
    expect(await resume(eve, id, 0)).toContain("<item-not-found ");
    expect(await resume(await annLoggedIn(), id, 99)).toContain("<item-not-found ");
    await server.publish("orders/1", "still here");
    await until("it", () => dataIn(first.text).includes("still here"));
  });
});

test("an item that was asked about and not acknowledged keeps the cursor where it is", async () => {
  const first = await ann();
  await subscribe(first, "orders/1");
  await server.publish("orders/1", 1);
  await until("it", () => dataIn(first.text).includes(1));
  options.clock.advance(6000);
  const asked = await first.wait(`<iq type="get" id="ack-`);
  first.destroy();
  await empty();
  const second = await ann();
  second.send("<presence/>");
  await until("it again", () => dataIn(second.text).includes(1));
  options.clock.advance(6000);
  const again = await second.wait(`<iq type="get" id="ack-`);
  const id = /id="(ack-\d+)"/.exec(again)?.[1] ?? "";
  expect(asked).toContain("<ping ");
  // An error is as good an answer as a result.
  second.send(`<iq type='error' id='${id}' to='localhost'/>`);
  await ask(second, "get", PING, "localhost");
  await server.publish("orders/1", 2);
  await until("the next", () => dataIn(second.text).includes(2));
  second.destroy();
  await empty();
  const third = await ann();
  third.send("<presence/>");
  await until("what is not acknowledged", () => dataIn(third.text).includes(2));
  expect(dataIn(third.text)).toEqual([2]);
});
