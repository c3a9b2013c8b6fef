import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Delivered, ReceiverMood, Setup } from "../../src/stage/stage-protocol.ts";
import { Started } from "../started.ts";
import { LivePage } from "./live-page.ts";
import { WAIT } from "../wait.ts";

let folder: string;
let started: Started;
let setup: Setup;
let page: LivePage;
let hooks = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-playground-"));
  started = await Started.open(folder);
  await enter();
});

/** Opens a page of the one that is started. */
async function enter(): Promise<void> {
  setup = (await (await fetch(`${started.page}/stage/setup`)).json()) as Setup;
  page = await LivePage.open(started.page);
}

async function leave(): Promise<void> {
  page.close();
  started.signal("SIGTERM");
  await started.exitCode();
}

afterAll(async () => {
  await leave();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => feel("ok"));

async function feel(mood: ReceiverMood): Promise<void> {
  const headers = { "content-type": "application/json", origin: started.page };
  const body = JSON.stringify({ mood });
  expect((await fetch(`${started.page}/stage/receiver`, { method: "POST", headers, body })).status).toBe(204);
}

interface HookView {
  readonly id: string;
  readonly status: string;
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${setup.hooks.token}`, "content-type": "application/json" };
  return fetch(setup.hooks.url + path, { ...init, headers });
}

/** Registers a hook at a path of its own of the receiver, and waits until it is active. */
async function register(): Promise<string> {
  hooks += 1;
  const target = `${setup.lanes["rest-hooks"]}/${hooks}`;
  const body = JSON.stringify({ target_url: target, topics: ["orders", "orders/**"] });
  const response = await ask("", { method: "POST", body });
  expect(response.status).toBe(201);
  const { id } = (await response.json()) as HookView;
  await vi.waitUntil(async () => (await statusOf(id)) === "active", WAIT);
  return id;
}

async function statusOf(id: string): Promise<string> {
  const response = await ask(`/${id}`);
  return response.status === 410 ? "gone" : ((await response.json()) as HookView).status;
}

async function order(): Promise<string> {
  const init = { method: "POST", body: new URLSearchParams({ pizza: "marinara" }) };
  return ((await (await fetch(`${setup.gateway}/orders`, init)).json()) as { readonly id: string }).id;
}

/** The cursors of all that happened to an order, once it is ready. */
async function cursorsOf(id: string): Promise<readonly string[]> {
  await vi.waitUntil(() => page.all("truth").filter(({ topic }) => topic === `orders/${id}`).length === 2, WAIT);
  const response = await fetch(`${setup.gateway}/realtime/events?topic=orders&topic=orders/**&last=100`);
  const { events } = (await response.json()) as {
    readonly events: readonly { readonly cursor: string; readonly data: { readonly id: string } }[];
  };
  return events.filter(({ data }) => data.id === id).map(({ cursor }) => cursor);
}

/** The answers to attempts to deliver the event with this cursor. */
function answersTo(cursor: string): readonly Delivered[] {
  return page.all("delivered").filter((delivered) => delivered.cursor === cursor);
}

async function untilTaken(cursors: readonly string[]): Promise<void> {
  await vi.waitUntil(() => cursors.every((cursor) => answersTo(cursor).some(({ status }) => status === 204)), WAIT);
}

describe("the receiver of hooks", () => {
  test("learns the secret in the handshake, and takes what is signed with it", async () => {
    const id = await register();
    const handshake = await page.until("arrow", ({ label }) => label === "POST, handshake");
    expect(handshake).toMatchObject({ lane: "rest-hooks", from: "gateway", what: "request" });
    const cursors = await cursorsOf(await order());
    expect(cursors).toHaveLength(3);
    await untilTaken(cursors);
    for (const cursor of cursors) {
      expect(answersTo(cursor)).toMatchObject([{ status: 204, isSignatureRight: true }]);
    }
    const truth = page.all("truth").find(({ cursor }) => cursor === cursors[0]);
    expect(answersTo(cursors[0] as string)[0]?.id).toBe(truth?.id);
    await ask(`/${id}`, { method: "DELETE" });
  });

  test("refuses what is not signed, or signed by somebody else", async () => {
    const target = setup.lanes["rest-hooks"];
    const forged = { "webhook-id": "forged", "webhook-timestamp": "1", "webhook-signature": "v1,xxx" };
    for (const [path, headers] of [["/1", forged] as const, ["/elsewhere", {}] as const]) {
      expect((await fetch(target + path, { method: "POST", headers, body: "{}" })).status).toBe(401);
    }
    const refused = await page.until("delivered", ({ id }) => id === "forged");
    expect(refused).toMatchObject({ status: 401, isSignatureRight: false, cursor: null });
  });

  test("that fails is tried again until it is well", async () => {
    const id = await register();
    await feel("fail");
    const [first] = await cursorsOf(await order());
    await vi.waitUntil(() => answersTo(first as string).length >= 2, WAIT);
    expect(answersTo(first as string).map(({ status }) => status)).toContain(500);
    await page.until("arrow", ({ label }) => label === "orders created, attempt 2");
    await feel("ok");
    await untilTaken([first as string]);
    await ask(`/${id}`, { method: "DELETE" });
  });

  test("that takes it and hangs is given up on and tried again, and recognises what it has had", async () => {
    const id = await register();
    await feel("hang");
    const [first] = await cursorsOf(await order());
    const text = `sluice-cursor: ${first}`;
    const isIt = (arrow: { readonly text: string }): boolean => arrow.text.toLowerCase().includes(text);
    const attempt = await page.until("arrow", isIt);
    await page.until("arrow", ({ what, connection }) => what === "close" && connection === attempt.connection);
    expect(answersTo(first as string)[0]).toMatchObject({ status: null, isRepeated: false });
    await feel("ok");
    await untilTaken([first as string]);
    expect(answersTo(first as string).at(-1)).toMatchObject({ status: 204, isRepeated: true });
    await ask(`/${id}`, { method: "DELETE" });
  });

  test("that has failed for long gets everything as soon as it is well", async () => {
    const id = await register();
    await feel("fail");
    const orders = await Promise.all(Array.from({ length: 12 }, order));
    await vi.waitUntil(async () => (await statusOf(id)) === "failing", WAIT);
    await feel("ok");
    const cursors = (await Promise.all(orders.map(cursorsOf))).flat();
    expect(cursors).toHaveLength(36);
    await untilTaken(cursors);
    expect(await statusOf(id)).toBe("active");
    await ask(`/${id}`, { method: "DELETE" });
  });

  test("that is gone ends the hook", async () => {
    const id = await register();
    await feel("gone");
    await order();
    await vi.waitUntil(async () => (await statusOf(id)) === "gone", WAIT);
    expect(page.all("delivered").some(({ status }) => status === 410)).toBe(true);
  });

  test("has no hooks of earlier days", async () => {
    const id = await register();
    await leave();
    started = await Started.open(folder);
    await enter();
    expect(await (await ask("")).json()).toMatchObject({ hooks: [] });
    expect(await statusOf(id)).toBe("gone");
  });
});
