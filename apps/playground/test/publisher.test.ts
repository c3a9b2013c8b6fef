import type { Gateway } from "@sluice/gateway";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MENU } from "../src/menu.ts";
import { Publisher } from "../src/publisher.ts";
import { Shop } from "../src/shop.ts";
import { systemTimers, type Timers } from "../src/timers.ts";
import { FickleProxy, type Mood } from "./fickle-proxy.ts";
import { ManualTimers } from "./manual-timers.ts";
import { eventsOf, startMemoryGateway } from "./memory-gateway.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Scene {
  readonly gateway: Gateway;
  readonly proxy: FickleProxy;
  readonly publisher: Publisher;
  readonly shop: Shop;
  /** The kitchen's time. */
  readonly timers: ManualTimers;
  readonly troubles: readonly (string | null)[];
}

/** A shop whose publisher reaches a real gateway by a proxy that may be moody. */
async function scene(
  options: {
    readonly mood?: Mood;
    readonly capacity?: number;
    readonly adminKey?: string;
    readonly key?: string;
    /** The publisher's time; the machine's own unless given. */
    readonly timers?: Timers;
  } = {},
): Promise<Scene> {
  const gateway = await startMemoryGateway(options.adminKey);
  closing.push(() => gateway.close());
  const proxy = await FickleProxy.start(gateway.adminUrl, options.mood);
  closing.push(() => proxy.close());
  const troubles: (string | null)[] = [];
  const publisher = new Publisher({
    gateway: proxy.url,
    key: options.key ?? null,
    capacity: options.capacity ?? 1_000,
    onTrouble: (reason) => troubles.push(reason),
    timers: options.timers ?? systemTimers,
  });
  closing.push(() => publisher.close(0));
  const timers = new ManualTimers();
  const shop = new Shop({ timers });
  shop.onChange((order) => publisher.publish(order));
  return { gateway, proxy, publisher, shop, timers, troubles };
}

/** Orders one of each, cancels every other and bakes the rest. */
function trade({ shop, timers }: Scene): void {
  for (const { name } of MENU) shop.place(name);
  for (const [index, order] of shop.list().entries()) if (index % 2 === 0) shop.cancel(order.id);
  timers.advance(60_000);
}

async function untilPublished({ publisher }: Scene): Promise<void> {
  await vi.waitUntil(() => publisher.pending === 0, { timeout: 20_000 });
}

/** What the gateway has of each order is what happened to it, once each and in order. */
async function expectAll({ gateway, shop }: Scene): Promise<void> {
  const seen = await eventsOf(gateway.publicUrl);
  const orders = shop.list();
  for (const { id, status } of orders) {
    const ofOrder = seen.filter(({ topic }) => topic === `orders/${id}`).map((event) => [event.id, event.type]);
    const steps = status === "cancelled" ? ["placed", "cancelled"] : ["placed", "baking", "ready"];
    expect(ofOrder).toEqual(steps.map((step, index) => [`${id}-${index + 1}`, `order.${step}`]));
  }
  expect(orders).toHaveLength(MENU.length);
  expect(seen).toHaveLength(15);
}

describe("what happens to orders", () => {
  test("is published once and in order, with the order as data", async () => {
    const all = await scene();
    trade(all);
    await untilPublished(all);
    await expectAll(all);
    const [first] = await eventsOf(all.gateway.publicUrl);
    expect(first?.data).toEqual({
      id: all.shop.list().at(-1)?.id,
      pizza: MENU[0]?.name,
      status: "placed",
      placed_at: "2026-01-01T00:00:00.000Z",
      changed_at: "2026-01-01T00:00:00.000Z",
    });
    expect(all.troubles).toEqual([]);
  });

  test("is published later if the gateway is away, and the shop is told so once", async () => {
    const all = await scene({ mood: "refuse" });
    trade(all);
    await vi.waitUntil(() => all.proxy.hangUps >= 3);
    expect(all.publisher.pending).toBe(15);
    all.proxy.mood = "pass";
    await untilPublished(all);
    await expectAll(all);
    expect(all.troubles).toEqual([expect.any(String), null]);
  });

  test("is published once if answers get lost", async () => {
    const all = await scene({ mood: "swallow-answer" });
    trade(all);
    await vi.waitUntil(() => all.proxy.hangUps >= 2);
    expect(all.publisher.pending).toBe(15);
    expect((await eventsOf(all.gateway.publicUrl)).length).toBeGreaterThan(0);
    all.proxy.mood = "pass";
    await untilPublished(all);
    await expectAll(all);
  });

  test("waits while the gateway refuses the key, and tells why", async () => {
    const all = await scene({ adminKey: "a-key-for-this-test", key: "another-key" });
    trade(all);
    await vi.waitUntil(() => all.troubles.length > 0);
    expect(all.troubles[0]).toContain("401");
    expect(all.publisher.pending).toBe(15);
  });

  test("reaches a gateway that wants a key", async () => {
    const all = await scene({ adminKey: "a-key-for-this-test", key: "a-key-for-this-test" });
    trade(all);
    await untilPublished(all);
    await expectAll(all);
  });
});

describe("the outbox", () => {
  test("says when it is full, still takes what open orders bring, and empties when the gateway is back", async () => {
    const all = await scene({ mood: "refuse", capacity: MENU.length });
    trade(all);
    expect(all.publisher.isFull).toBe(true);
    expect(all.publisher.pending).toBe(15);
    all.proxy.mood = "pass";
    await untilPublished(all);
    expect(all.publisher.isFull).toBe(false);
    await expectAll(all);
  });

  test("is emptied on closing, if the gateway is there", async () => {
    const all = await scene();
    trade(all);
    await all.publisher.close(10_000);
    await expectAll(all);
  });

  test("is given up on closing after the wait, and nothing is published any more", async () => {
    const waits = new ManualTimers();
    const all = await scene({ mood: "refuse", timers: waits });
    trade(all);
    await vi.waitUntil(() => waits.waiting === 1);
    const closed = all.publisher.close(50);
    waits.advance(50);
    await closed;
    expect(all.publisher.pending).toBe(15);
    expect(waits.waiting).toBe(0);

    all.proxy.mood = "pass";
    all.shop.place("margherita");
    const later = new Publisher({ gateway: all.proxy.url });
    later.publish({ id: "later", pizza: "calzone", status: "placed", revision: 1, placedAtMs: 0, changedAtMs: 0 });
    await later.close(10_000);
    expect((await eventsOf(all.gateway.publicUrl)).map(({ id }) => id)).toEqual(["later-1"]);
  });
});
