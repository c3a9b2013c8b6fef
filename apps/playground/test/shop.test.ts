import { describe, expect, test } from "vitest";
import type { Order, OrderStatus } from "../src/shop/order.ts";
import { Shop, type ShopOptions } from "../src/shop/shop.ts";

interface Opened {
  readonly shop: Shop;
  readonly order: (pizza?: string) => Order;
  /** Gives it one status after the other. */
  readonly advance: (order: Order, ...statuses: readonly OrderStatus[]) => void;
}

function open(options: ShopOptions = {}): Opened {
  let nowMs = 1_000;
  const shop = new Shop({ now: () => (nowMs += 1), ...options });
  return {
    shop,
    order(pizza = "margherita"): Order {
      const placing = shop.place(pizza);
      if (placing.outcome !== "placed") throw new Error(placing.outcome);
      return placing.order;
    },
    advance({ id }, ...statuses): void {
      for (const status of statuses) expect(shop.change(id, status).outcome).toBe("changed");
    },
  };
}

describe("an order", () => {
  test("goes from placed over baking to ready, each with its time", () => {
    const { shop, order, advance } = open();
    const placed = order();
    expect(placed).toMatchObject({ status: "placed", placedAtMs: 1_001, changedAtMs: 1_001 });
    advance(placed, "baking");
    expect(shop.find(placed.id)).toMatchObject({ status: "baking", placedAtMs: 1_001, changedAtMs: 1_002 });
    advance(placed, "ready");
    expect(shop.find(placed.id)).toMatchObject({ status: "ready", placedAtMs: 1_001, changedAtMs: 1_003 });
  });

  test("given the status that it has stays as it is", () => {
    const { shop, order, advance } = open();
    const placed = order();
    advance(placed, "baking");
    const before = shop.find(placed.id);
    advance(placed, "baking");
    expect(shop.find(placed.id)).toBe(before);
  });

  test.each<readonly [readonly OrderStatus[], readonly OrderStatus[]]>([
    [[], ["ready"]],
    [["baking"], ["placed"]],
    [
      ["baking", "ready"],
      ["placed", "baking", "cancelled"],
    ],
    [["cancelled"], ["placed", "baking", "ready"]],
    [
      ["baking", "cancelled"],
      ["placed", "baking", "ready"],
    ],
  ])("after %j can't become any of %j", (statuses, refused) => {
    const { shop, order, advance } = open();
    const { id } = order();
    advance({ id } as Order, ...statuses);
    for (const status of refused) {
      expect(shop.change(id, status)).toEqual({ outcome: "not-possible", order: shop.find(id) });
    }
    expect(shop.find(id)?.status).toBe(statuses.at(-1) ?? "placed");
  });
});

describe("the shop", () => {
  test("refuses what is not on the menu and doesn't know every order", () => {
    const { shop } = open();
    expect(shop.place("hawaii")).toEqual({ outcome: "unknown-pizza" });
    expect(shop.change("nobody", "cancelled")).toEqual({ outcome: "unknown-order" });
    expect(shop.list()).toEqual([]);
  });

  test("takes no more than the kitchen holds, until something is done", () => {
    const { shop, order, advance } = open({ maxOpenOrders: 2 });
    const first = order();
    const second = order();
    expect(shop.place("margherita")).toEqual({ outcome: "kitchen-full" });
    advance(first, "cancelled");
    order();
    expect(shop.place("margherita")).toEqual({ outcome: "kitchen-full" });
    advance(second, "baking", "ready");
    order();
  });

  test("forgets the oldest orders that are done, never one that is open", () => {
    const { shop, order, advance } = open({ maxDoneOrders: 2 });
    const early = order("calzone");
    const done = [order("marinara"), order("margherita"), order("funghi")];
    for (const each of done) advance(each, "baking", "ready");
    expect(shop.find(early.id)?.status).toBe("placed");
    expect(done.map(({ id }) => shop.find(id)?.status)).toEqual([undefined, "ready", "ready"]);
    expect(shop.list().map(({ pizza }) => pizza)).toEqual(["funghi", "margherita", "calzone"]);
  });

  test("gives no id twice", () => {
    // Chance that repeats itself: the second order draws the first one's id, and has to draw again.
    const draws = [...Array<number>(12).fill(0), ...Array<number>(6).fill(0.5)];
    const { order } = open({ random: () => draws.shift() as number });
    expect([order().id, order().id]).toEqual(["222222", "hhhhhh"]);
  });
});
