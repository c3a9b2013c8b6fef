import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import type { Arrow, Setup } from "../../src/stage/stage-protocol.ts";
import { Started } from "../started.ts";
import { LivePage } from "./live-page.ts";
import { WAIT } from "../wait.ts";

const EVENTS = "/realtime/events?topic=orders&topic=orders/**";

let folder: string;
let started: Started;
let stage: string;
let setup: Setup;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-playground-"));
  started = await Started.open(folder);
  stage = started.page;
  setup = (await (await fetch(`${stage}/stage/setup`)).json()) as Setup;
});

afterAll(async () => {
  started.signal("SIGTERM");
  expect(await started.exitCode()).toBe(0);
  expect(started.stderr).toBe("");
  await rm(folder, { recursive: true, force: true });
});

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function watch(): Promise<LivePage> {
  const page = await LivePage.open(stage);
  closing.push(() => page.close());
  return page;
}

interface PostOptions {
  readonly origin?: string | null;
  readonly type?: string;
}

async function post(
  path: string,
  body: string,
  { origin = stage, type = "application/json" }: PostOptions = {},
): Promise<{
  readonly status: number;
  readonly error: string | null;
}> {
  const headers = { "content-type": type, ...(origin === null ? {} : { origin }) };
  const response = await fetch(stage + path, { method: "POST", headers, body });
  const text = await response.text();
  return {
    status: response.status,
    error: text === "" ? null : (JSON.parse(text) as { readonly error: string }).error,
  };
}

async function tell(path: string, body: object): Promise<void> {
  expect(await post(path, JSON.stringify(body))).toEqual({ status: 204, error: null });
}

/** The head of an answer to a request that fetch would not make. */
async function statusOf(path: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  request(stage, { path, headers }, (response) => resolve(response.resume().statusCode))
    .once("error", reject)
    .end();
  return promise;
}

async function order(): Promise<string> {
  const response = await fetch(`${setup.gateway}/orders`, {
    method: "POST",
    body: new URLSearchParams({ pizza: "marinara" }),
  });
  return ((await response.json()) as { readonly id: string }).id;
}

describe("setup", () => {
  test("tells all that the page has to know", () => {
    expect(Object.keys(setup.lanes)).toEqual([
      "polling",
      "long-polling",
      "sse",
      "websocket",
      "rest-hooks",
      "bosh",
      "switcher",
    ]);
    expect(new Set(Object.values(setup.lanes)).size).toBe(7);
    expect(setup.gateway.replace("127.0.0.1", "localhost")).toBe(started.front);
    expect(setup.hooks).toEqual({ url: `${setup.gateway}/realtime/hooks`, token: expect.any(String) as string });
    expect(setup.xmpp).toEqual({ domain: "localhost", service: "pubsub.localhost", boshPath: "/realtime/http-bind" });
    expect(setup.menu[0]).toEqual({ name: "marinara", toppings: ["tomato", "garlic", "oregano"], bakingMs: 6_000 });
    expect(setup.speed).toBe(10);
  });
});

describe("orders", () => {
  test.each([
    ["/stage/lanes/sse", "{}", '"do" is one of'],
    ["/stage/lanes/sse", '{"do":"burn"}', '"do" is one of'],
    ["/stage/lanes/sse", '{"do":"offline"}', '"forMs" is a number'],
    ["/stage/lanes/sse", '{"do":"offline","forMs":"10"}', '"forMs" is a number'],
    ["/stage/lanes/sse", '{"do":"offline","forMs":0}', '"forMs" is a number'],
    ["/stage/lanes/sse", '{"do":"slow","latencyMs":-1,"bytesPerSecond":100}', '"latencyMs" is a number'],
    ["/stage/lanes/sse", '{"do":"slow","latencyMs":1,"bytesPerSecond":0}', '"bytesPerSecond" is a number'],
    ["/stage/lanes/carrier-pigeon", '{"do":"cut"}', "there is no lane carrier-pigeon"],
    ["/stage/receiver", '{"mood":"sad"}', '"mood" is one of'],
    ["/stage/receiver", "[]", '"mood" is one of'],
    ["/stage/receiver", "null", "the body is an object"],
    ["/stage/receiver", "", ""],
    ["/stage/receiver", "{", ""],
    ["/stage/gateway", '{"do":"stop"}', '"do" is one of'],
    ["/stage/cook", '{"speed":0}', '"speed" is above 0'],
    ["/stage/cook", '{"speed":1e9}', '"speed" is a number'],
  ])("%s does not take %s", async (path, body, expected) => {
    const { status, error } = await post(path, body);
    expect(status).toBe(422);
    expect(error).toContain(expected);
  });

  test("are bounded, and JSON", async () => {
    expect((await post("/stage/cook", `{"speed":1,"x":"${"x".repeat(5_000)}"}`)).status).toBe(413);
    expect((await post("/stage/cook", '{"speed":1}', { type: "text/plain" })).status).toBe(415);
  });

  test("come from the page that is served here, and nobody else", async () => {
    for (const origin of [null, "null", "http://example.org", stage.replace("http", "https"), setup.gateway]) {
      expect((await post("/stage/cook", '{"speed":1}', { origin })).status).toBe(403);
    }
    const foreign = new WebSocket(`${stage.replace("http", "ws")}/stage/live`, { origin: "http://example.org" });
    const { promise, resolve } = Promise.withResolvers<string>();
    foreign.once("error", ({ message }) => resolve(message));
    expect(await promise).toContain("403");
    // A name of somebody else's that leads to this machine.
    const host = `example.org:${new URL(stage).port}`;
    expect(await statusOf("/stage/setup", { host })).toBe(403);
    expect(await statusOf("/stage/setup", { host: new URL(stage).host })).toBe(200);
    expect((await post("/stage/cook", '{"speed":10}')).status).toBe(204);
  });

  test("change the state, which all pages are told", async () => {
    const page = await watch();
    await page.until("state", ({ speed, gateway, receiver }) => speed === 10 && gateway === "up" && receiver === "ok");
    await tell("/stage/cook", { speed: 20 });
    await page.until("state", ({ speed }) => speed === 20);
    await tell("/stage/receiver", { mood: "hang" });
    await page.until("state", ({ receiver }) => receiver === "hang");
    await tell("/stage/lanes/all", { do: "slow", latencyMs: 5, bytesPerSecond: 100_000 });
    const slow = { kind: "slow", latencyMs: 5, bytesPerSecond: 100_000 };
    await page.until("state", ({ troubles }) => Object.values(troubles).every(({ kind }) => kind === "slow"));
    await tell("/stage/lanes/sse", { do: "offline", forMs: 60_000 });
    const state = await page.until("state", ({ troubles }) => troubles.sse.kind === "offline");
    expect(state.troubles.polling).toEqual(slow);
    await tell("/stage/lanes/all", { do: "heal" });
    await tell("/stage/receiver", { mood: "ok" });
    await tell("/stage/cook", { speed: 10 });
    const isHealed = ({ frames }: LivePage): boolean => {
      const last = frames.flat().findLast((message) => message.kind === "state");
      return Object.values(last?.troubles ?? {}).every(({ kind }) => kind === "none") && last?.receiver === "ok";
    };
    await vi.waitUntil(() => isHealed(page), WAIT);
  });
});

describe("a lane", () => {
  test("shows a stream that is cut, and comes back to what it missed, which the truth has too", async () => {
    const page = await watch();
    const stream = await fetch(setup.lanes.sse + EVENTS, { headers: { accept: "text/event-stream" } });
    const first = await order();
    const created = await page.until(
      "arrow",
      ({ lane, what, text }) => lane === "sse" && what === "event" && text.includes(first),
    );
    expect(created).toMatchObject({ label: "orders created", from: "gateway", events: 1 });
    const truth = await page.until("truth", ({ type }) => type === "created");
    expect(created.text).toContain(`"cursor":"${truth.cursor}"`);
    await tell("/stage/lanes/sse", { do: "cut" });
    await expect(stream.text()).rejects.toThrow("terminated");
    await page.until("arrow", ({ lane, what, label }) => lane === "sse" && what === "close" && label === "cut");

    await page.until("truth", ({ topic }) => topic === `orders/${first}`);
    const headers = { accept: "text/event-stream", "last-event-id": truth.cursor };
    const controller = new AbortController();
    await fetch(setup.lanes.sse + EVENTS, { headers, signal: controller.signal });
    const missed = await page.until(
      "arrow",
      ({ label, connection }) => label === `orders/${first} updated` && connection !== created.connection,
    );
    controller.abort();
    const isItsEnd = ({ what, connection }: Arrow): boolean => what === "close" && connection === missed.connection;
    expect(await page.until("arrow", isItsEnd)).toMatchObject({ from: "client", label: "closed" });
  });

  test("of BOSH shows a session of a real gateway", async () => {
    const page = await watch();
    const body = "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' wait='5' hold='1'/>";
    const headers = { "content-type": "text/xml; charset=utf-8" };
    const response = await fetch(setup.lanes.bosh + setup.xmpp.boshPath, { method: "POST", headers, body });
    expect(await response.text()).toContain("sid=");
    expect(await page.until("arrow", ({ lane, what }) => lane === "bosh" && what === "response")).toMatchObject({
      label: "200, stream:features",
    });
  });
});

describe("the gateway", () => {
  test.each(["restart", "kill"] as const)("is told to %s, is away, and comes back with its log", async (what) => {
    const page = await watch();
    const before = await order();
    const truth = await page.until("truth", ({ topic }) => topic === `orders/${before}`);
    await tell("/stage/gateway", { do: what });
    await page.until("state", ({ gateway }) => gateway === "down");
    await vi.waitUntil(
      () => page.frames.flat().findLast((message) => message.kind === "state")?.gateway === "up",
      WAIT,
    );
    const after = await order();
    await page.until("truth", ({ topic }) => topic === `orders/${after}`);
    const response = await fetch(`${setup.lanes.polling}${EVENTS}&after=${truth.cursor}`);
    const { events } = (await response.json()) as {
      readonly events: readonly { readonly data: { readonly id: string } }[];
    };
    expect(events.map(({ data }) => data.id)).toContain(after);
    expect(page.all("truth").map(({ cursor }) => cursor)).toEqual([
      ...new Set(page.all("truth").map(({ cursor }) => cursor)),
    ]);
  });
});
