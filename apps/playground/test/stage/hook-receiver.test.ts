import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HookReceiver } from "../../src/stage/receiver/hook-receiver.ts";
import type { Delivered } from "../../src/stage/stage-protocol.ts";
import { WAIT } from "../wait.ts";

const SECRET = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
const BODY = '{"id":"1"}';

let receiver: HookReceiver;
let delivered: Delivered[];

beforeEach(async () => {
  delivered = [];
  receiver = await HookReceiver.open({ now: () => 5, onDelivered: (one) => delivered.push(one) });
});

afterEach(() => receiver.close());

function agree(path: string, secret = SECRET): Promise<Response> {
  return fetch(receiver.url + path, { method: "POST", headers: { "x-hook-secret": secret } });
}

/** Delivers as a gateway would, signed with the secret; the status of the answer. */
async function deliver(path: string, secret = SECRET, body = BODY, id = "1"): Promise<number> {
  const at = new Date();
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, BODY),
    "sluice-cursor": "a-1",
  };
  return (await fetch(receiver.url + path, { method: "POST", headers, body })).status;
}

describe("the receiver", () => {
  test("echoes the secret in every mood, and verifies with it", async () => {
    for (const mood of ["fail", "hang", "gone", "ok"] as const) {
      receiver.mood = mood;
      const response = await agree("/in");
      expect([response.status, response.headers.get("x-hook-secret")]).toEqual([204, SECRET]);
    }
    expect(await deliver("/in")).toBe(204);
    expect(delivered).toEqual([
      {
        kind: "delivered",
        at: 5,
        id: "1",
        eventId: "1",
        cursor: "a-1",
        status: 204,
        isSignatureRight: true,
        isRepeated: false,
      },
    ]);
  });

  test.each([
    ["ok", 204],
    ["fail", 500],
    ["gone", 410],
  ] as const)("that feels %s answers %d", async (mood, status) => {
    await agree("/in");
    receiver.mood = mood;
    expect(await deliver("/in")).toBe(status);
    expect(delivered).toMatchObject([{ status, isSignatureRight: true }]);
  });

  test("recognises by its webhook-id what it has taken before, and only that", async () => {
    for (const path of ["/in", "/other"]) await agree(path);
    receiver.mood = "fail";
    await deliver("/in");
    receiver.mood = "ok";
    for (const path of ["/in", "/in", "/other"]) await deliver(path);
    await deliver("/in", SECRET, BODY, "2");
    await deliver("/in");
    expect(delivered.map(({ id, eventId, status, isRepeated }) => [id, eventId, status, isRepeated])).toEqual([
      ["1", "1", 500, false],
      ["1", "1", 204, false],
      ["1", "1", 204, true],
      ["1", "1", 204, false],
      ["2", "1", 204, false],
      ["1", "1", 204, true],
    ]);
  });

  test("refuses another path's secret, another secret, and another body", async () => {
    await agree("/in");
    expect(await deliver("/out")).toBe(401);
    expect(await deliver("/in", `whsec_${Buffer.alloc(24, 8).toString("base64")}`)).toBe(401);
    expect(await deliver("/in", SECRET, '{"id":"2"}')).toBe(401);
    expect(delivered.map(({ isSignatureRight }) => isSignatureRight)).toEqual([false, false, false]);
    expect(delivered.map(({ eventId }) => eventId)).toEqual([null, null, null]);
  });

  test("forgets a hook that the gateway has ended, and the oldest of too many", async () => {
    await agree("/in");
    expect((await fetch(`${receiver.url}/in`, { method: "DELETE" })).status).toBe(204);
    expect(await deliver("/in")).toBe(401);
    for (let hook = 0; hook <= 100; hook += 1) await agree(`/${hook}`);
    expect(await deliver("/0")).toBe(401);
    expect(await deliver("/1")).toBe(204);
  });

  test("takes no secret that can't be one", async () => {
    expect((await agree("/in", "?")).status).toBe(400);
    expect(await deliver("/in")).toBe(401);
  });

  test("ends while it hangs", async () => {
    await agree("/in");
    receiver.mood = "hang";
    const hanging = expect(deliver("/in")).rejects.toThrow("fetch failed");
    await vi.waitUntil(() => delivered.length === 1, WAIT);
    await receiver.close();
    await hanging;
    expect(delivered).toMatchObject([{ status: null, isRepeated: false }]);
  });
});
