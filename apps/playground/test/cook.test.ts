import { afterEach, describe, expect, test, vi } from "vitest";
import { Cook, type CookOptions } from "../src/cook.ts";
import { systemTimers } from "../src/timers.ts";
import { eventsOf, Parlour } from "./parlour.ts";
import { FickleProxy } from "./fickle-proxy.ts";
import { WAIT } from "./wait.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function open(): Promise<Parlour> {
  const parlour = await Parlour.open();
  closing.push(() => parlour.close());
  return parlour;
}

/** A cook who is a thousand times as fast as the menu says. */
function hire(options: CookOptions): Cook {
  const cook = new Cook({ speed: 1_000, ...options });
  closing.push(() => cook.close());
  cook.start();
  return cook;
}

async function untilReady({ shop }: Parlour, ...ids: readonly string[]): Promise<void> {
  await vi.waitUntil(() => ids.every((id) => shop.find(id)?.status === "ready"), WAIT);
}

/** What watchers of one order have been told, in order. */
async function toldOf({ url }: Parlour, id: string): Promise<readonly string[]> {
  const ofOrder = (await eventsOf(url)).filter(({ data }) => data.id === id);
  return ofOrder.map(({ topic, type, data }) => `${topic} ${type} ${data.status}`);
}

describe("the cook", () => {
  test("makes what is ordered, in the menu's time, and watchers are told of each step", async () => {
    const parlour = await open();
    const waits: number[] = [];
    const after = (ms: number, task: () => void): (() => void) => {
      waits.push(ms);
      const immediate = setImmediate(task);
      return () => clearImmediate(immediate);
    };
    hire({ shop: parlour.url, speed: 2, timers: { ...systemTimers, after, random: () => 0 } });
    const { id } = await parlour.order("margherita");
    await untilReady(parlour, id);
    expect(waits).toEqual([1_000, 4_000]);
    await vi.waitUntil(async () => (await toldOf(parlour, id)).length === 3, WAIT);
    expect(await toldOf(parlour, id)).toEqual([
      "orders created placed",
      `orders/${id} updated baking`,
      `orders/${id} updated ready`,
    ]);
  });

  test("is faster at once when told so, also with what is in the oven", async () => {
    const parlour = await open();
    const ovens: { readonly ms: number; readonly task: () => void }[] = [];
    let nowMs = 0;
    const after = (ms: number, task: () => void): (() => void) => {
      ovens.push({ ms, task });
      return () => undefined;
    };
    const cook = hire({ shop: parlour.url, speed: 1, timers: { now: () => nowMs, after, random: () => 0 } });
    await parlour.order("margherita");
    await vi.waitUntil(() => ovens.length === 1, WAIT);
    nowMs = 500;
    cook.speed = 10;
    await vi.waitUntil(() => ovens.length === 2, WAIT);
    ovens[1]?.task();
    await vi.waitUntil(() => ovens.length === 3, WAIT);
    expect(ovens.map(({ ms }) => ms)).toEqual([2_000, 150, 800]);
    expect(cook.speed).toBe(10);
  });

  test("finishes what others have begun before he came", async () => {
    const parlour = await open();
    const placed = await parlour.order("funghi");
    const baking = await parlour.order("calzone");
    expect(await parlour.set(baking.id, "baking")).toBe(200);
    hire({ shop: parlour.url });
    await untilReady(parlour, placed.id, baking.id);
    expect(parlour.asked.filter((asked) => asked === `PATCH /orders/${baking.id}`)).toHaveLength(2);
  });

  test("does not make what was cancelled", async () => {
    const parlour = await open();
    const ovens: (() => void)[] = [];
    const after = (_ms: number, task: () => void): (() => void) => {
      ovens.push(task);
      return () => undefined;
    };
    hire({ shop: parlour.url, timers: { ...systemTimers, after, random: () => 0 } });
    const { id } = await parlour.order("margherita");
    await vi.waitUntil(() => ovens.length === 1, WAIT);
    expect((await fetch(`${parlour.url}/orders/${id}`, { method: "DELETE" })).status).toBe(200);
    ovens[0]?.();
    await vi.waitUntil(() => parlour.asked.includes(`PATCH /orders/${id}`), WAIT);
    const other = await parlour.order("funghi");
    await vi.waitUntil(() => ovens.length === 2, WAIT);
    expect(await toldOf(parlour, id)).toEqual(["orders created placed", `orders/${id} deleted cancelled`]);
    expect(parlour.shop.find(other.id)?.status).toBe("placed");
  });

  test("waits while the gateway is away, says so once, and misses nothing that was ordered meanwhile", async () => {
    const parlour = await open();
    const troubles: (string | null)[] = [];
    hire({ shop: parlour.url, onTrouble: (reason) => troubles.push(reason) });
    const before = await parlour.order("margherita");
    await untilReady(parlour, before.id);
    await parlour.gateway.drain();
    await vi.waitUntil(() => troubles.length > 0, WAIT);
    // Past the gateway: nobody is told, and the cook finds it in the list.
    const during = await parlour.order("marinara", parlour.appUrl);
    await parlour.reopenGateway();
    await untilReady(parlour, during.id);
    expect(troubles).toEqual([expect.any(String), null]);
    expect(await toldOf(parlour, during.id)).toEqual([
      `orders/${during.id} updated baking`,
      `orders/${during.id} updated ready`,
    ]);
  });

  test("says it again if answers get lost, so that watchers are told in the end", async () => {
    const parlour = await open();
    const proxy = await FickleProxy.start(parlour.url, "swallow-answer");
    closing.push(() => proxy.close());
    hire({ shop: proxy.url });
    const { id } = await parlour.order("margherita");
    await vi.waitUntil(() => proxy.hangUps >= 2, WAIT);
    expect(parlour.shop.find(id)?.status).toBe("placed");
    proxy.mood = "pass";
    await vi.waitUntil(() => parlour.shop.find(id)?.status !== "placed", WAIT);
    await untilReady(parlour, id);
    await vi.waitUntil(async () => (await toldOf(parlour, id)).length >= 3, WAIT);
    expect([...new Set(await toldOf(parlour, id))]).toEqual([
      "orders created placed",
      `orders/${id} updated baking`,
      `orders/${id} updated ready`,
    ]);
  });

  test("who goes home leaves what is in the oven", async () => {
    const parlour = await open();
    const ovens: (() => void)[] = [];
    const after = (_ms: number, task: () => void): (() => void) => {
      ovens.push(task);
      return () => undefined;
    };
    const cook = hire({ shop: parlour.url, timers: { ...systemTimers, after, random: () => 0 } });
    const { id } = await parlour.order("margherita");
    await vi.waitUntil(() => ovens.length === 1, WAIT);
    await cook.close();
    expect(parlour.shop.find(id)?.status).toBe("placed");
    expect(parlour.asked).not.toContain(`PATCH /orders/${id}`);
  });

  test.each([0, -1, Number.NaN, 10_001])("can't work at the speed %d", (speed) => {
    expect(() => new Cook({ shop: "http://127.0.0.1:9", speed })).toThrow(RangeError);
  });
});
