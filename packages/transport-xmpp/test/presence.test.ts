import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RawStream } from "./support/raw-stream.ts";
import { ask, bound, dataIn, enable, loggedIn, resume, subscribe } from "./support/streams.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const READ = ["orders/**"];
const PING = "<ping xmlns='urn:xmpp:ping'/>";
let clock: ManualClock;
let server: XmppServer;
const streams: RawStream[] = [];

async function ann(resource?: string, lifeMs?: number): Promise<RawStream> {
  const stream = await bound(server, await server.token("ann", READ, [], lifeMs), resource);
  streams.push(stream);
  return stream;
}

beforeEach(async () => {
  clock = new ManualClock();
  server = await XmppServer.start({ hasTls: true, clock });
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  expect(server.errors).toEqual([]);
  await server.stop();
});

test("what was missed comes with presence, and what is for the bare JID goes with it", async () => {
  const first = await ann();
  await subscribe(first, "orders/1");
  await subscribe(first, "orders/2", "ann@localhost");
  first.send("</stream:stream>");
  await first.closed();
  await server.publish("orders/1", "full");
  await server.publish("orders/2", "bare");
  const second = await ann();
  await ask(second, "get", PING, "localhost");
  expect(dataIn(second.text)).toEqual([]);
  second.send("<presence/>");
  await until("all", () => dataIn(second.text).length > 1);
  expect(new Set(dataIn(second.text))).toEqual(new Set(["bare", "full"]));
  second.send("<presence type='unavailable'/>");
  await ask(second, "get", PING, "localhost");
  await server.publish("orders/2", "away");
  await server.publish("orders/1", "still here");
  await until("the full JID's", () => dataIn(second.text).includes("still here"));
  expect(dataIn(second.text)).not.toContain("away");
  second.send("<presence/>");
  await until("what came meanwhile", () => dataIn(second.text).includes("away"));
});

test("each device that is there gets what is for the bare JID, and one subscription is enough", async () => {
  const desk = await ann();
  const phone = await ann("phone");
  const silent = await ann("silent");
  await phone.ask("<presence/>", "<presence ");
  await subscribe(desk, "orders/*", "ann@localhost");
  await server.publish("orders/1", "to both");
  for (const one of [desk, phone]) await until("it", () => dataIn(one.text).includes("to both"));
  await ask(silent, "get", PING, "localhost");
  expect(dataIn(silent.text)).toEqual([]);
});

test("a token that ends takes its stream along, and with another one the stream goes on", async () => {
  const first = await ann("", 60_000);
  await subscribe(first, "orders/1");
  const id = await enable(first);
  clock.advance(60_000);
  await first.closed();
  expect(first.text).toContain("<not-authorized ");
  await server.publish("orders/1", "missed");
  const second = await loggedIn(server, await server.token("ann", READ));
  streams.push(second);
  expect(await resume(second, id, 0)).toContain("<resumed ");
  await until("what was missed", () => dataIn(second.text).includes("missed"));
});

test("one that is ended for a fault of its own can't be resumed", async () => {
  const first = await ann();
  const id = await enable(first);
  first.send("<iq></message>");
  await first.closed();
  const second = await loggedIn(server, await server.token("ann", READ));
  streams.push(second);
  expect(await resume(second, id, 0)).toContain("<item-not-found ");
});
