import { afterEach, describe, expect, test } from "vitest";
import type { OrderView } from "../src/shop/order.ts";
import { Shop } from "../src/shop/shop.ts";
import { createShopServer } from "../src/shop/shop-server.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(): Promise<string> {
  const shop = new Shop({ maxOpenOrders: 2, now: () => Date.UTC(2026, 0, 1) });
  const server = createShopServer({ shop, page: () => "<h1>page</h1>" });
  closing.push(() => server.close());
  return server.listen({ port: 0, host: "127.0.0.1" });
}

function send(method: string, url: string, body: unknown): Promise<Response> {
  return fetch(url, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

async function place(url: string, pizza: string): Promise<OrderView> {
  const response = await send("POST", `${url}/orders`, { pizza });
  expect(response.status).toBe(201);
  return (await response.json()) as OrderView;
}

describe("the shop over HTTP", () => {
  test("takes an order as JSON and as a form, and shows it", async () => {
    const url = await open();
    const asJson = await send("POST", `${url}/orders`, { pizza: "funghi" });
    expect(asJson.status).toBe(201);
    const placed = (await asJson.json()) as OrderView;
    expect(placed).toMatchObject({ pizza: "funghi", status: "placed", placed_at: "2026-01-01T00:00:00.000Z" });
    expect(asJson.headers.get("location")).toBe(`/orders/${placed.id}`);

    const asForm = await fetch(`${url}/orders`, { method: "POST", body: new URLSearchParams({ pizza: "diavola" }) });
    expect(asForm.status).toBe(201);
    const full = await send("POST", `${url}/orders`, { pizza: "funghi" });
    expect([full.status, full.headers.get("retry-after")]).toEqual([503, "2"]);

    expect(await (await fetch(`${url}/orders/${placed.id}`)).json()).toEqual(placed);
    const { orders } = (await (await fetch(`${url}/orders`)).json()) as { readonly orders: readonly OrderView[] };
    expect(orders.map(({ pizza }) => pizza)).toEqual(["diavola", "funghi"]);
  });

  test("changes the status, by JSON and by a form, as far as that goes", async () => {
    const url = await open();
    const { id } = await place(url, "funghi");
    const baking = await send("PATCH", `${url}/orders/${id}`, { status: "baking" });
    expect([baking.status, await baking.json()]).toMatchObject([200, { id, status: "baking" }]);
    const body = new URLSearchParams({ status: "ready" });
    const ready = await fetch(`${url}/orders/${id}`, { method: "PATCH", body });
    expect([ready.status, await ready.json()]).toMatchObject([200, { id, status: "ready" }]);
    expect((await send("PATCH", `${url}/orders/${id}`, { status: "baking" })).status).toBe(409);
    expect((await send("PATCH", `${url}/orders/nobody`, { status: "baking" })).status).toBe(404);
    for (const status of ["eaten", "", "toString", 7, null]) {
      expect((await send("PATCH", `${url}/orders/${id}`, { status })).status).toBe(422);
    }
  });

  test("cancels what is not ready", async () => {
    const url = await open();
    const first = await place(url, "funghi");
    const second = await place(url, "funghi");
    const cancelled = await fetch(`${url}/orders/${first.id}`, { method: "DELETE" });
    expect([cancelled.status, ((await cancelled.json()) as OrderView).status]).toEqual([200, "cancelled"]);
    for (const status of ["baking", "ready"]) await send("PATCH", `${url}/orders/${second.id}`, { status });
    expect((await fetch(`${url}/orders/${second.id}`, { method: "DELETE" })).status).toBe(409);
    expect((await fetch(`${url}/orders/nobody`, { method: "DELETE" })).status).toBe(404);
  });

  test.each([["hawaii"], [""], [7], [null], [{ toString: "funghi" }]])("refuses the pizza %j", async (pizza) => {
    const url = await open();
    const refused = await send("POST", `${url}/orders`, { pizza });
    expect(refused.status).toBe(422);
    expect(((await refused.json()) as { readonly error: string }).error).toContain("margherita");
  });

  test("refuses bodies that are broken, too large or of another type", async () => {
    const url = await open();
    const post = (body: string, type: string): Promise<Response> =>
      fetch(`${url}/orders`, { method: "POST", headers: { "content-type": type }, body });
    expect((await post("{", "application/json")).status).toBe(400);
    expect((await post(JSON.stringify({ pizza: "x".repeat(5_000) }), "application/json")).status).toBe(413);
    expect((await post("funghi", "text/csv")).status).toBe(415);
    expect((await fetch(`${url}/orders/nobody`)).status).toBe(404);
  });

  test("shows the menu and the page", async () => {
    const url = await open();
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
