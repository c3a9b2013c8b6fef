import { afterEach, describe, expect, test } from "vitest";
import type { OrderView } from "../src/order.ts";
import { Shop } from "../src/shop.ts";
import { createShopServer } from "../src/shop-server.ts";
import { ManualTimers } from "./manual-timers.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(isTakingOrders = true): Promise<{ readonly url: string; readonly timers: ManualTimers }> {
  const timers = new ManualTimers();
  const shop = new Shop({ timers, maxOpenOrders: 2 });
  const server = createShopServer({ shop, page: () => "<h1>page</h1>", isTakingOrders: () => isTakingOrders });
  closing.push(() => server.close());
  return { url: await server.listen({ port: 0, host: "127.0.0.1" }), timers };
}

function order(url: string, pizza: unknown): Promise<Response> {
  return fetch(`${url}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ pizza }),
  });
}

describe("the shop over HTTP", () => {
  test("takes an order as JSON and as a form, and shows it", async () => {
    const { url, timers } = await open();
    const asJson = await order(url, "funghi");
    expect(asJson.status).toBe(201);
    const placed = (await asJson.json()) as OrderView;
    expect(placed).toMatchObject({ pizza: "funghi", status: "placed", placed_at: "2026-01-01T00:00:00.000Z" });
    expect(asJson.headers.get("location")).toBe(`/orders/${placed.id}`);

    const asForm = await fetch(`${url}/orders`, { method: "POST", body: new URLSearchParams({ pizza: "diavola" }) });
    expect(asForm.status).toBe(201);
    expect((await order(url, "funghi")).status).toBe(503);

    timers.advance(2_000);
    expect(await (await fetch(`${url}/orders/${placed.id}`)).json()).toMatchObject({ id: placed.id, status: "baking" });
    const { orders } = (await (await fetch(`${url}/orders`)).json()) as { readonly orders: readonly OrderView[] };
    expect(orders.map(({ pizza }) => pizza)).toEqual(["diavola", "funghi"]);
  });

  test("cancels what is not ready", async () => {
    const { url, timers } = await open();
    const first = (await (await order(url, "funghi")).json()) as OrderView;
    const second = (await (await order(url, "funghi")).json()) as OrderView;
    const cancelled = await fetch(`${url}/orders/${first.id}`, { method: "DELETE" });
    expect([cancelled.status, ((await cancelled.json()) as OrderView).status]).toEqual([200, "cancelled"]);
    timers.advance(60_000);
    expect((await fetch(`${url}/orders/${second.id}`, { method: "DELETE" })).status).toBe(409);
    expect((await fetch(`${url}/orders/nobody`, { method: "DELETE" })).status).toBe(404);
  });

  test.each([["hawaii"], [""], [7], [null], [{ toString: "funghi" }]])("refuses the pizza %j", async (pizza) => {
    const { url } = await open();
    const refused = await order(url, pizza);
    expect(refused.status).toBe(422);
    expect(((await refused.json()) as { readonly error: string }).error).toContain("margherita");
  });

  test("refuses bodies that are broken, too large or of another type", async () => {
    const { url } = await open();
    const post = (body: string, type: string): Promise<Response> =>
      fetch(`${url}/orders`, { method: "POST", headers: { "content-type": type }, body });
    expect((await post("{", "application/json")).status).toBe(400);
    expect((await post(JSON.stringify({ pizza: "x".repeat(5_000) }), "application/json")).status).toBe(413);
    expect((await post("funghi", "text/csv")).status).toBe(415);
    expect((await fetch(`${url}/orders/nobody`)).status).toBe(404);
  });

  test("takes no orders while it may not, and says when to come back", async () => {
    const { url } = await open(false);
    const refused = await order(url, "funghi");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
  });

  test("shows the menu and the page", async () => {
    const { url } = await open();
    const { pizzas } = (await (await fetch(`${url}/menu`)).json()) as { readonly pizzas: readonly unknown[] };
    expect(pizzas).toContainEqual({
      name: "margherita",
      toppings: ["tomato", "mozzarella", "basil"],
      baking_seconds: 8,
    });
    const page = await fetch(`${url}/`);
    expect([page.headers.get("content-type"), await page.text()]).toEqual([
      "text/html; charset=utf-8",
      "<h1>page</h1>",
    ]);
  });
});
