import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { OrderView } from "../src/shop/order.ts";
import { connectionsOf, Parlour, type SeenEvent } from "./parlour.ts";
import { WAIT } from "./wait.ts";

let parlour: Parlour;

beforeAll(async () => {
  parlour = await Parlour.open();
});

afterAll(() => parlour.close());

interface EventPage {
  readonly events: readonly SeenEvent[];
}

/** The events of a stream, as they come. */
async function* streamed(response: Response): AsyncGenerator<SeenEvent, void, undefined> {
  let text = "";
  for await (const bytes of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += bytes;
    const lines = text.split("\n");
    text = lines.pop() as string;
    for (const line of lines) if (line.startsWith("data: ")) yield JSON.parse(line.slice(6)) as SeenEvent;
  }
}

async function nextOf<T>(source: AsyncGenerator<T, void, undefined>): Promise<T> {
  const { value } = await source.next();
  if (value === undefined) throw new Error("the stream has ended");
  return value;
}

function linkIn(response: Response, relation: string): string {
  const found = new RegExp(`<([^>]+)>; rel="${relation}"`).exec(response.headers.get("link") ?? "")?.[1];
  if (found === undefined) throw new Error(`no rel="${relation}" in ${response.headers.get("link")}`);
  return new URL(found, parlour.url).href;
}

describe("the shop's own URLs", () => {
  test("are a stream of changes with Accept: text/event-stream", async () => {
    const ending = new AbortController();
    const stream = (path: string): Promise<Response> =>
      fetch(`${parlour.url}${path}`, { headers: { accept: "text/event-stream" }, signal: ending.signal });
    const orders = streamed(await stream("/orders"));
    const { id } = await parlour.order("margherita");
    expect(await nextOf(orders)).toMatchObject({ topic: "orders", type: "created", data: { id, status: "placed" } });

    const response = await stream(`/orders/${id}`);
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const order = streamed(response);
    expect(await parlour.set(id, "baking")).toBe(200);
    expect(await nextOf(order)).toMatchObject({ topic: `orders/${id}`, type: "updated", data: { status: "baking" } });
    await fetch(`${parlour.url}/orders/${id}`, { method: "DELETE" });
    expect(await nextOf(order)).toMatchObject({ type: "deleted", data: { status: "cancelled" } });
    ending.abort();
  });

  test("are a WebSocket of changes", async () => {
    const { id } = await parlour.order("funghi");
    const socket = new WebSocket(`${parlour.url.replace("http", "ws")}/orders/${id}`);
    const received: Record<string, unknown>[] = [];
    const { promise: told, resolve } = Promise.withResolvers<void>();
    socket.addEventListener("message", ({ data }) => {
      received.push(JSON.parse(String(data)) as Record<string, unknown>);
      if (received.some(({ type }) => type === "updated")) resolve();
    });
    await once(socket, "open");
    expect(await parlour.set(id, "baking")).toBe(200);
    await told;
    expect(received[0]).toMatchObject({ op: "welcome" });
    expect(received.find(({ type }) => type === "updated")).toMatchObject({
      topic: `orders/${id}`,
      data: { id, status: "baking" },
    });
    socket.close();
    await once(socket, "close");
  });

  test("wait for the next change with Prefer: wait, and go on from its ETag", async () => {
    const { id } = await parlour.order("diavola");
    const url = `${parlour.url}/orders/${id}`;
    const waiting = fetch(url, { headers: { prefer: "wait=20" } });
    await vi.waitUntil(async () => (await connectionsOf(parlour.gateway.adminUrl, "long-polling")) === 1, WAIT);
    expect(await parlour.set(id, "baking")).toBe(200);
    const first = await waiting;
    expect([first.status, ((await first.json()) as EventPage).events]).toMatchObject([
      200,
      [{ type: "updated", data: { id, status: "baking" } }],
    ]);
    // Between two questions, as it were.
    expect(await parlour.set(id, "ready")).toBe(200);
    const headers = { prefer: "wait=20", "if-none-match": first.headers.get("etag") as string };
    const second = await fetch(url, { headers });
    expect(((await second.json()) as EventPage).events).toMatchObject([{ data: { id, status: "ready" } }]);
  });

  test("answer polls without asking the shop, as long as nothing has changed", async () => {
    const { id } = await parlour.order("marinara");
    const url = `${parlour.url}/orders/${id}`;
    const first = await fetch(url);
    const etag = first.headers.get("etag") as string;
    expect(((await first.json()) as OrderView).status).toBe("placed");
    const asked = (): number => parlour.asked.filter((each) => each === `GET /orders/${id}`).length;
    for (let poll = 0; poll < 3; poll += 1) {
      expect((await fetch(url, { headers: { "if-none-match": etag } })).status).toBe(304);
    }
    expect(asked()).toBe(1);
    expect(await parlour.set(id, "baking")).toBe(200);
    const changed = await fetch(url, { headers: { "if-none-match": etag } });
    expect([changed.status, ((await changed.json()) as OrderView).status]).toEqual([200, "baking"]);
    expect(asked()).toBe(2);
  });

  test("say where their changes are: nothing is missed between reading and watching", async () => {
    const { id } = await parlour.order("calzone");
    const response = await fetch(`${parlour.url}/orders/${id}`);
    expect(((await response.json()) as OrderView).status).toBe("placed");
    expect(await parlour.set(id, "baking")).toBe(200);
    const monitor = linkIn(response, "monitor");
    expect(monitor).toContain(`/realtime/events?topic=orders/${id}&after=`);
    const page = (await (await fetch(monitor)).json()) as EventPage;
    expect(page.events.map(({ data }) => data.status)).toEqual(["baking"]);
  });

  test("tell nothing of what the shop refused", async () => {
    const { id } = await parlour.order("margherita");
    const list = await fetch(`${parlour.url}/orders`);
    const monitors = [linkIn(list, "monitor"), linkIn(await fetch(`${parlour.url}/orders/${id}`), "monitor")];
    expect(await parlour.set(id, "eaten")).toBe(422);
    expect(await parlour.set(id, "ready")).toBe(409);
    const body = new URLSearchParams({ pizza: "hawaii" });
    expect((await fetch(`${parlour.url}/orders`, { method: "POST", body })).status).toBe(422);
    for (const monitor of monitors) {
      expect(((await (await fetch(monitor)).json()) as EventPage).events).toEqual([]);
    }
  });
});
