import { describe, expect, test } from "vitest";
import type { Order } from "../src/order.ts";
import { Shop, type ShopOptions } from "../src/shop.ts";
import { ManualTimers } from "./manual-timers.ts";

function open(options: ShopOptions = {}): {
  readonly shop: Shop;
  readonly timers: ManualTimers;
  readonly changes: readonly Order[];
  readonly order: (pizza?: string) => Order;
} {
  const timers = new ManualTimers();
  const shop = new Shop({ timers, ...options });
  const changes: Order[] = [];
  shop.onChange((order) => changes.push(order));
  return {
    shop,
    timers,
    changes,
    order(pizza = "margherita"): Order {
      const placing = shop.place(pizza);
      if (placing.outcome !== "placed") throw new Error(placing.outcome);
      return placing.order;
    },
  };
}

describe("an order", () => {
  test("is placed, baked and ready in the menu's time", () => {
    const { shop, timers, changes, order } = open();
    const { id, placedAtMs } = order("margherita");
    timers.advance(1_999);
    expect(shop.find(id)?.status).toBe("placed");
    timers.advance(1);
    expect(shop.find(id)?.status).toBe("baking");
    timers.advance(8_000);
    expect(changes.map(({ status, revision, changedAtMs }) => [status, revision, changedAtMs - placedAtMs])).toEqual([
      ["placed", 1, 0],
      ["baking", 2, 2_000],
      ["ready", 3, 10_000],
    ]);
    expect(timers.waiting).toBe(0);
  });

  test("is made faster at a higher speed", () => {
    const { shop, timers, order } = open({ speed: 10 });
    const { id } = order("margherita");
    timers.advance(1_000);
    expect(shop.find(id)?.status).toBe("ready");
  });

  test.each([
    ["placed", 0],
    ["baking", 3_000],
  ])("is cancelled while %s and then changes no more", (_status, afterMs) => {
    const { shop, timers, changes, order } = open();
    const { id } = order();
    timers.advance(afterMs);
    expect(shop.cancel(id).outcome).toBe("cancelled");
    expect(shop.cancel(id).outcome).toBe("cancelled");
    timers.advance(60_000);
    expect(shop.find(id)?.status).toBe("cancelled");
    expect(changes.filter(({ status }) => status === "cancelled")).toHaveLength(1);
    expect(changes.at(-1)?.status).toBe("cancelled");
  });

  test("is not cancelled when it is ready", () => {
    const { shop, timers, changes, order } = open();
    const { id } = order();
    timers.advance(60_000);
    expect(shop.cancel(id).outcome).toBe("too-late");
    expect(changes.at(-1)?.status).toBe("ready");
  });
});

describe("the shop", () => {
  test("refuses what is not on the menu and doesn't know every order", () => {
    const { shop, changes } = open();
    expect(shop.place("hawaii")).toEqual({ outcome: "unknown-pizza" });
    expect(shop.cancel("nobody")).toEqual({ outcome: "unknown-order" });
    expect(changes).toEqual([]);
  });

  test("takes no more than the kitchen holds, until something is done", () => {
    const { shop, timers, order } = open({ maxOpenOrders: 2 });
    const { id } = order();
    order();
    expect(shop.place("margherita")).toEqual({ outcome: "kitchen-full" });
    shop.cancel(id);
    order();
    expect(shop.place("margherita")).toEqual({ outcome: "kitchen-full" });
    timers.advance(60_000);
    order();
  });

  test("forgets the oldest orders that are done, never one that is open", () => {
    const { shop, timers, order } = open({ maxDoneOrders: 2 });
    const early = order("calzone");
    const done = [order("marinara"), order("margherita"), order("funghi")];
    timers.advance(13_000);
    expect(shop.find(early.id)?.status).toBe("baking");
    expect(done.map(({ id }) => shop.find(id)?.status)).toEqual([undefined, "ready", "ready"]);
    expect(shop.list().map(({ pizza }) => pizza)).toEqual(["funghi", "margherita", "calzone"]);
  });

  test("closed: nothing is baked any more", () => {
    const { shop, timers, changes, order } = open();
    order();
    shop.close();
    timers.advance(60_000);
    expect(changes).toHaveLength(1);
    expect(timers.waiting).toBe(0);
  });
});
