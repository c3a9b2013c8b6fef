import { ManualClock } from "@sluice/core/testing";
import { expect, test } from "vitest";
import { Origin } from "../src/engine/origin.ts";
import { HookGateway } from "./support/hook-gateway.ts";
import { Receiver, status } from "./support/receiver.ts";
import { until } from "./support/until.ts";

test("an origin begins with 10, one more with each success, half with each overload, within 1 and its bound", () => {
  const origin = new Origin("https://example.org:443", 100);
  expect(origin.limit).toBe(10);
  for (let times = 0; times < 200; times += 1) origin.succeeded();
  expect(origin.limit).toBe(100);
  origin.overloaded();
  expect(origin.limit).toBe(50);
  for (let times = 0; times < 20; times += 1) origin.overloaded();
  expect(origin.limit).toBe(1);
  expect(new Origin("https://example.org:443", 3).limit).toBe(3);
});

test("a paused origin has no room until its time", () => {
  const origin = new Origin("https://example.org:443", 100);
  origin.pause(5000);
  origin.pause(1000);
  expect([origin.hasRoom(4999), origin.hasRoom(5000)]).toEqual([false, true]);
});

test("a target that never answers takes five slots, and the others go on", async () => {
  const [dead, healthy] = [await Receiver.start(), await Receiver.start()];
  const gateway = await HookGateway.start({ concurrency: 8 });
  dead.script = () => undefined;
  await gateway.hook(dead.url(), { ordering: "none" });
  await gateway.hook(healthy.url());
  for (let data = 0; data < 300; data += 1) await gateway.publish(`t${data % 9}`, data);
  await healthy.take(300);
  expect(dead.received).toHaveLength(5);
  await until("all other answers", () => gateway.transport.gauges().inFlight === 5);
  await gateway.close();
  await dead.close();
  await healthy.close();
});

test("retries take 30 % of the slots at the most", async () => {
  const clock = new ManualClock(Date.now());
  const receiver = await Receiver.start();
  const gateway = await HookGateway.start({ concurrency: 10, clock });
  receiver.script = status(500);
  const targets = Array.from({ length: 12 }, (_, index) => receiver.url(`/${index}`));
  await gateway.hooks(targets, { schedule: [0, 10, 10, 10] });
  await gateway.publish("t", 1);
  await receiver.take(12);
  receiver.script = () => undefined;
  await until("three retries", () => {
    clock.advance(1000);
    return receiver.received.length >= 15;
  });
  clock.advance(60_000);
  await gateway.publish("other", 2);
  // First attempts take the rest of the slots of this origin, retries no more than theirs.
  await until("first attempts", () => gateway.transport.gauges().inFlight === 10);
  expect(gateway.transport.gauges().retriesInFlight).toBe(3);
  await gateway.close();
  await receiver.close();
});
