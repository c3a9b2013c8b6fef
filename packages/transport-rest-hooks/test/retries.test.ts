import { Webhook } from "standardwebhooks";
import { interestIn, parseFilter } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HookGateway } from "./support/hook-gateway.ts";
import { Receiver, status, type Received, type Script } from "./support/receiver.ts";
import { until } from "./support/until.ts";

interface Attempt {
  readonly outcome: string;
  readonly status: number | null;
  readonly error: string | null;
  readonly attempt: number;
  readonly topic: string;
}

describe("retries", () => {
  let gateway: HookGateway;
  let receiver: Receiver;
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock(Date.now());
    receiver = await Receiver.start();
    gateway = await HookGateway.start({ clock });
  });
  afterEach(async () => {
    await gateway.close();
    await receiver.close();
  });

  async function attempts(id: string): Promise<readonly Attempt[]> {
    return (await gateway.ask("GET", `/hooks/${id}/attempts`)).json["attempts"] as Attempt[];
  }

  /** Moves the clock in small steps until there are so many requests: what is due is fetched between them. */
  async function advanceUntil(count: number, stepMs = 1000): Promise<number> {
    let movedMs = 0;
    await until(`${count} requests`, () => {
      if (receiver.received.length >= count) return true;
      clock.advance(stepMs);
      movedMs += stepMs;
      return false;
    });
    return movedMs;
  }

  async function recorded(id: string, count: number): Promise<readonly Attempt[]> {
    return until(`${count} attempts`, async () => {
      const list = await attempts(id);
      return list.length >= count ? list : undefined;
    });
  }

  test("the schedule: 0, 5 s, 5 min with up to 20 % more or less, then delivered, with the same id and a new time", async () => {
    receiver.script = failing(2);
    const hook = await gateway.hook(receiver.url());
    await gateway.publish("t", 1);
    await receiver.take(1);
    await recorded(hook.id, 1);
    const first = await advanceUntil(2, 100);
    expect(first).toBeGreaterThanOrEqual(3900);
    await recorded(hook.id, 2);
    const second = await advanceUntil(3, 2000);
    expect(second).toBeGreaterThanOrEqual(238_000);
    const done = await recorded(hook.id, 3);
    expect(done.map(({ outcome }) => outcome)).toEqual(["delivered", "retry", "retry"]);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(receiver.received.map(({ headers }) => headers["sluice-attempt"])).toEqual(["1", "2", "3"]);
    const times = receiver.received.map(({ headers }) => Number(headers["webhook-timestamp"]));
    expect(new Set(times).size).toBe(3);
  });

  test("a head in retry holds only its own topic, whose events then follow in order", async () => {
    let isDown = true;
    receiver.script = (received, response) =>
      void response.writeHead(isDown && topicOf(received) === "a" ? 500 : 200).end();
    await gateway.hook(receiver.url());
    for (let data = 0; data < 200; data += 1) await gateway.publish(data % 2 === 0 ? "a" : "b", data);
    await until("all of b", () => dataOf(receiver, "b").length === 100);
    expect(dataOf(receiver, "a")).toEqual([0]);
    isDown = false;
    await advanceUntil(201);
    for (let data = 200; data < 220; data += 1) await gateway.publish(data % 2 === 0 ? "a" : "b", data);
    await receiver.take(221);
    expect(dataOf(receiver, "a").slice(1)).toEqual(Array.from({ length: 110 }, (_, index) => index * 2));
    expect(dataOf(receiver, "b")).toEqual(Array.from({ length: 110 }, (_, index) => index * 2 + 1));
  });

  test("ordering: hook holds everything behind a head in retry", async () => {
    receiver.script = failing(1);
    await gateway.hook(receiver.url(), { ordering: "hook" });
    for (let data = 0; data < 300; data += 1) await gateway.publish(`t${data % 7}`, data);
    await receiver.take(1);
    await advanceUntil(301);
    expect(receiver.data).toEqual([0, ...Array.from({ length: 300 }, (_, index) => index)]);
  });

  test("ordering: none lets everything pass", async () => {
    receiver.script = (received, response) =>
      void response.writeHead(received.headers["sluice-attempt"] === "1" && dataIn(received) === 0 ? 500 : 200).end();
    await gateway.hook(receiver.url(), { ordering: "none" });
    for (let data = 0; data < 50; data += 1) await gateway.publish("t", data);
    await receiver.take(50);
    await advanceUntil(51);
    expect(receiver.data.filter((data) => data === 0)).toHaveLength(2);
  });

  test.each([400, 413, 415, 422])("%d: three tries, then a dead letter, and the topic goes on", async (code) => {
    receiver.script = (received, response) => void response.writeHead(dataIn(received) === 0 ? code : 200).end();
    const hook = await gateway.hook(receiver.url(), { schedule: [0, 1, 1, 1, 1, 1] });
    await gateway.publish("t", 0);
    await gateway.publish("t", 1);
    await advanceUntil(4, 100);
    expect(receiver.data).toEqual([0, 0, 0, 1]);
    const { json } = await gateway.ask("GET", `/hooks/${hook.id}/dead-letters`);
    expect(json["dead_letters"]).toMatchObject([{ attempts: 3, reason: "refused" }]);
    const tried = (await recorded(hook.id, 3)).filter(({ status: answered }) => answered === code);
    expect(tried.map(({ outcome }) => outcome)).toEqual(["dead", "retry", "retry"]);
    const missed = await until("the answer to the other one", async () => {
      const { json: page } = await gateway.ask("GET", `/hooks/${hook.id}/missed`);
      const events = page["events"] as { data: number }[];
      return events.length === 1 ? events : undefined;
    });
    expect(missed).toMatchObject([{ data: 0 }]);
    receiver.script = status(200);
    expect((await gateway.ask("POST", `/hooks/${hook.id}/retry`)).json).toMatchObject({ dead_letters: 1 });
    await advanceUntil(5, 100);
    expect(receiver.data.at(-1)).toBe(0);
  });

  test("on_exhausted: block holds the topic until somebody asks for it", async () => {
    receiver.script = (received, response) => void response.writeHead(dataIn(received) === 0 ? 400 : 200).end();
    const hook = await gateway.hook(receiver.url(), { schedule: [0, 1], on_exhausted: "block" });
    await gateway.publish("t", 0);
    await gateway.publish("t", 1);
    await advanceUntil(2, 100);
    expect((await recorded(hook.id, 2)).map(({ outcome }) => outcome)).toEqual(["blocked", "retry"]);
    clock.advance(43_200_000);
    await gateway.publish("other", 2);
    await receiver.take(3);
    expect(receiver.data).toEqual([0, 0, 2]);
    receiver.script = status(200);
    await gateway.ask("POST", `/hooks/${hook.id}/retry`);
    await advanceUntil(5, 100);
    expect(receiver.data).toEqual([0, 0, 2, 0, 1]);
  });

  test("429 pauses the whole origin as told, and is no attempt", async () => {
    receiver.script = ({ path }, response) =>
      void response
        .writeHead(path === "/busy" && receiver.received.length === 1 ? 429 : 200, { "retry-after": "600" })
        .end();
    await gateway.hook(receiver.url("/busy"), { topic: "a" });
    await gateway.hook(receiver.url("/calm"), { topic: "b" });
    await gateway.publish("a", 1);
    await receiver.take(1);
    await until("the pause", () => internalsOf(gateway).inFlight === 0);
    await gateway.publish("b", 2);
    const waited = await advanceUntil(3, 1000);
    expect(waited).toBeGreaterThanOrEqual(599_000);
    expect(receiver.received.map(({ headers }) => headers["sluice-attempt"])).toEqual(["1", "1", "1"]);
  });

  test("the wall clock steps back an hour: no wait grows", async () => {
    receiver.script = failing(1);
    const hook = await gateway.hook(receiver.url());
    await gateway.publish("t", 1);
    await receiver.take(1);
    await recorded(hook.id, 1);
    clock.step(-3_600_000);
    // It gives up long before it has moved the clock by an hour.
    await advanceUntil(2, 100);
  });

  test("a secret rotated between two tries signs the second with both", async () => {
    receiver.script = failing(1);
    const hook = await gateway.hook(receiver.url());
    await gateway.publish("t", 1);
    await receiver.take(1);
    const rotated = (await gateway.ask("POST", `/hooks/${hook.id}/rotate-secret`)).json as { secret: string };
    await advanceUntil(2, 100);
    const [one, two] = receiver.received as [Received, Received];
    expect(two.body.equals(one.body)).toBe(true);
    expect(one.headers["webhook-signature"]).not.toContain(" ");
    expect(two.headers["webhook-signature"]?.toString().split(" ")).toHaveLength(2);
    expect(verifies(rotated.secret, one)).toBe(false);
    for (const secret of [hook.secret, rotated.secret]) expect(verifies(secret, two)).toBe(true);
  });

  test("five failures in a row over a minute open the breaker: probes alone, and one success closes it", async () => {
    receiver.script = status(500);
    const hook = await gateway.hook(receiver.url(), { schedule: [0, 20, 20, 20, 20, 20, 20, 20] });
    await gateway.publish("t", 0);
    await advanceUntil(4);
    await recorded(hook.id, 4);
    expect((await gateway.state(hook.id))["status"]).toBe("active");
    await advanceUntil(5);
    await until("failing", async () => (await gateway.state(hook.id))["status"] === "failing");
    for (let data = 1; data < 10; data += 1) await gateway.publish(`t${data}`, data);
    const first = await advanceUntil(6);
    expect(first).toBeGreaterThanOrEqual(28_000);
    await recorded(hook.id, 6);
    expect(await advanceUntil(7)).toBeGreaterThanOrEqual(58_000);
    expect(receiver.data).toEqual([0, 0, 0, 0, 0, 0, 0]);
    receiver.script = status(200);
    await advanceUntil(17);
    await until("active", async () => (await gateway.state(hook.id))["status"] === "active");
    expect(receiver.data.slice(7).toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const { events } = await gateway.bus.read(interestIn([parseFilter(`$sys/hooks/${hook.id}`)]), "earliest", 10);
    expect(events.map(({ type }) => type)).toEqual(["hook.active", "hook.failing", "hook.active"]);
  });

  test("a probe that is refused is no success, and not the last probe", async () => {
    receiver.script = status(500);
    const hook = await gateway.hook(receiver.url(), { schedule: [0, 20, 20, 20, 20, 20, 20, 20] });
    await gateway.publish("t", 0);
    await advanceUntil(5);
    await until("failing", async () => (await gateway.state(hook.id))["status"] === "failing");
    receiver.script = status(400);
    await advanceUntil(6);
    await recorded(hook.id, 6);
    await gateway.publish("t", 1);
    receiver.script = status(200);
    await advanceUntil(7);
    await until("active", async () => (await gateway.state(hook.id))["status"] === "active");
  });

  test("a target that failed, given up for another one, is forgotten at once", async () => {
    receiver.script = ({ path }, response) => void response.writeHead(path === "/new" ? 200 : 500).end();
    const hook = await gateway.hook(receiver.url(), { schedule: [0, 20, 20, 20, 20, 20, 20, 20] });
    await gateway.publish("t", 0);
    await advanceUntil(5);
    await until("failing", async () => (await gateway.state(hook.id))["status"] === "failing");
    await gateway.publish("other", 1);
    const moved = await gateway.ask("PATCH", `/hooks/${hook.id}`, { target_url: receiver.url("/new") });
    expect(moved.json).toMatchObject({ status: "active", reason: "its target was changed" });
    await receiver.take(6);
    expect(receiver.received[5]).toMatchObject({ path: "/new" });
    expect(receiver.data[5]).toBe(1);
    await advanceUntil(7);
    expect(receiver.data[6]).toBe(0);
  });

  test("no success for five days disables; a daily probe heals", async () => {
    receiver.script = status(500);
    const hook = await gateway.hook(receiver.url(), { schedule: Array.from({ length: 20 }, () => 20) });
    await gateway.publish("t", 0);
    await until("failing", async () => {
      clock.advance(5000);
      return (await gateway.state(hook.id))["status"] === "failing";
    });
    await until("disabled", async () => {
      clock.advance(1_000_000);
      return (await gateway.state(hook.id))["status"] === "disabled";
    });
    expect(receiver.received.length).toBeGreaterThanOrEqual(10);
    receiver.script = status(200);
    const before = receiver.received.length;
    expect(await advanceUntil(before + 1, 600_000)).toBeGreaterThanOrEqual(80_000_000);
    await until("active", async () => (await gateway.state(hook.id))["status"] === "active");
  });

  test("paused: nothing goes out and nothing is lost; now skips", async () => {
    const hook = await gateway.hook(receiver.url());
    await gateway.publish("t", 0);
    await receiver.take(1);
    const { json } = await gateway.ask("POST", `/hooks/${hook.id}/pause`);
    expect(json).toMatchObject({ status: "paused", reason: "by its owner" });
    await gateway.publish("t", 1);
    clock.advance(60_000);
    expect((await gateway.ask("POST", `/hooks/${hook.id}/resume`, { from: "cursor" })).json["status"]).toBe("active");
    await receiver.take(2);
    await gateway.ask("POST", `/hooks/${hook.id}/pause`);
    await gateway.publish("t", 2);
    await gateway.ask("POST", `/hooks/${hook.id}/resume`, { from: "now" });
    await gateway.publish("t", 3);
    await receiver.take(3);
    expect(receiver.data).toEqual([0, 1, 3]);
  });

  test("replay sends again what the log has after a cursor", async () => {
    const hook = await gateway.hook(receiver.url());
    const cursors = [];
    for (const data of [0, 1, 2]) cursors.push(await gateway.publish("t", data));
    await receiver.take(3);
    expect((await gateway.ask("POST", `/hooks/${hook.id}/replay`, { from: cursors[0] })).status).toBe(202);
    await receiver.take(5);
    expect(receiver.data).toEqual([0, 1, 2, 1, 2]);
  });
});

function failing(times: number): Script {
  let count = 0;
  return (_received, response) => {
    count += 1;
    response.writeHead(count <= times ? 500 : 200).end();
  };
}

function topicOf({ body }: Received): string {
  return (JSON.parse(body.toString()) as { topic: string }).topic;
}

function dataIn({ body }: Received): unknown {
  return (JSON.parse(body.toString()) as { data: unknown }).data;
}

function dataOf(receiver: Receiver, topic: string): readonly unknown[] {
  return receiver.received.filter((received) => topicOf(received) === topic).map(dataIn);
}

function verifies(secret: string, { body, headers }: Received): boolean {
  try {
    new Webhook(secret).verify(body.toString(), headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}

function internalsOf(gateway: HookGateway): { readonly inFlight: number } {
  return gateway.transport.gauges();
}
