import { ManualClock } from "@sluice/core/testing";
import { Webhook } from "standardwebhooks";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HookGateway } from "./support/hook-gateway.ts";
import { Receiver, status } from "./support/receiver.ts";
import { until } from "./support/until.ts";

describe("the REST Hooks front door", () => {
  let gateway: HookGateway;
  let receiver: Receiver;

  beforeEach(async () => {
    receiver = await Receiver.start();
    gateway = await HookGateway.start();
  });
  afterEach(async () => {
    await gateway.close();
    await receiver.close();
  });

  test("as Zapier uses it: subscribe with url and event, samples, delivery, 410, DELETE", async () => {
    for (const pizza of [0, 1]) await gateway.publish("orders/1", { pizza }, { type: "order.ready" });
    const made = await gateway.ask("POST", "/hooks", { url: receiver.url(), event: "order.ready" });
    expect(made.status).toBe(201);
    expect(made.headers.get("location")).toBe(`/realtime/hooks/${String(made.json["id"])}`);
    expect(made.json).toMatchObject({
      target_url: receiver.url(),
      target: receiver.url(),
      event: "order.ready",
      events: ["order.ready"],
      topic: "**",
      topics: ["**"],
      status: "active",
      format: "standard",
      ordering: "topic",
      verify: "none",
      secret: expect.stringMatching(/^whsec_/),
      cursor: expect.any(String),
      created: expect.any(String),
    });
    const samples = await gateway.ask("GET", "/hook-events/order.ready/samples");
    // The newest first, as a perform list has it.
    expect(samples.json).toMatchObject([{ data: { pizza: 1 } }, { type: "order.ready", data: { pizza: 0 } }]);
    expect((await gateway.ask("GET", "/hook-events")).json["events"]).toContainEqual(
      expect.objectContaining({ type: "order.ready" }),
    );
    await gateway.publish("orders/2", { pizza: 2 }, { type: "order.ready" });
    await gateway.publish("orders/2", { pizza: 3 }, { type: "order.taken" });
    await receiver.take(1);
    expect(Object.keys(JSON.parse(receiver.received[0]?.body.toString() ?? "") as object)).toEqual(
      Object.keys((samples.json as unknown as object[])[0] ?? {}),
    );
    receiver.script = status(410);
    await gateway.publish("orders/3", { pizza: 4 }, { type: "order.ready" });
    await until("the end", async () => (await gateway.ask("GET", `/hooks/${String(made.json["id"])}`)).status === 410);
    for (let times = 0; times < 2; times += 1) {
      expect((await gateway.ask("DELETE", `/hooks/${String(made.json["id"])}`)).status).toBe(204);
    }
    expect(receiver.received.map(({ method }) => method)).toEqual(["POST", "POST"]);
  });

  test("who may: 401, 403, 404, and only topics that are granted", async () => {
    const body = { target_url: receiver.url(), topic: "orders/*" };
    expect((await gateway.ask("POST", "/hooks", body, null)).status).toBe(401);
    expect((await gateway.ask("POST", "/hooks", body, "zapier", [])).status).toBe(403);
    expect((await gateway.ask("POST", "/hooks", body, "zapier", ["orders/1"])).status).toBe(403);
    const hook = await gateway.hook(receiver.url());
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/pause"],
      ["GET", "/attempts"],
      ["GET", "/missed"],
    ] as const) {
      expect((await gateway.ask(method, `/hooks/${hook.id}${path}`, undefined, "somebody")).status).toBe(404);
    }
    expect((await gateway.ask("GET", "/hooks", undefined, "somebody")).json).toEqual({ hooks: [], next: null });
  });

  test("what is wrong is named", async () => {
    for (const [body, code, field] of [
      ["{", 400, undefined],
      ["[]", 422, undefined],
      [{ topic: "a" }, 422, "target_url"],
      [{ url: receiver.url() }, 422, "event"],
      [{ url: receiver.url(), event: "a b" }, 422, "event"],
      [{ url: receiver.url(), topic: "a//b" }, 400, "topic"],
      [{ url: receiver.url(), topic: "a", format: "xml" }, 422, "format"],
      [{ url: receiver.url(), topic: "a", schedule: [] }, 422, "schedule"],
      [{ url: receiver.url(), topic: "a", secret: "short" }, 422, "secret"],
      [{ url: receiver.url(), topic: "a", secret: 5 }, 422, "secret"],
      [{ url: receiver.url(), topic: "a", expiration_date: "2001-01-01" }, 422, "expiration_date"],
      [{ url: "ftp://example.org/", topic: "a" }, 422, "target_url"],
    ] as const) {
      const answer = await gateway.ask("POST", "/hooks", body);
      expect({ body, status: answer.status, field: answer.json["field"] }).toEqual({ body, status: code, field });
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
    }
    const wrong = await gateway.ask("PUT", "/hooks");
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, POST, OPTIONS"]);
    expect(await gateway.ask("HEAD", "/hooks")).toMatchObject({ status: 200, text: "" });
  });

  test("the same once more is 409, with its Location", async () => {
    const hook = await gateway.hook(receiver.url(), { event: ["b", "a"] });
    const again = await gateway.ask("POST", "/hooks", { target: receiver.url(), topics: ["**"], events: ["a", "b"] });
    expect(again.status).toBe(409);
    expect(again.headers.get("location")).toBe(`/realtime/hooks/${hook.id}`);
    await gateway.ask("DELETE", `/hooks/${hook.id}`);
    expect(
      (await gateway.ask("POST", "/hooks", { target: receiver.url(), topics: ["**"], events: ["a", "b"] })).status,
    ).toBe(201);
  });

  test.each([
    ["http://127.0.0.1/x", ["HTTP://127.0.0.1:80/x", "http://0x7f000001/x", "http://2130706433/x", "http://127.1./x"]],
    ["https://example.org", ["https://EXAMPLE.org/", "https://example.org./?", "https://example.org:443/a/../"]],
    ["https://bücher.example/ä", ["https://xn--bcher-kva.example/%C3%A4", "https://BÜCHER.example/ä"]],
    ["http://[::1]/", ["http://[0:0:0:0:0:0:0:1]"]],
  ])("%s is the same target in other words", async (target, others) => {
    const hook = await gateway.hook(target);
    expect([hook["target_url"], hook["target"]]).toEqual([target, target]);
    for (const other of others) {
      const again = await gateway.ask("POST", "/hooks", { target_url: other, topic: "**" });
      expect([other, again.status, again.json["id"]]).toEqual([other, 409, hook.id]);
    }
    const elsewhere = await gateway.hook("http://127.0.0.1/elsewhere");
    const moved = await gateway.ask("PATCH", `/hooks/${elsewhere.id}`, { target_url: others[0] });
    expect([moved.status, moved.json["id"]]).toEqual([409, hook.id]);
  });

  test("a target in other words is none that has to be verified again", async () => {
    receiver.script = ({ headers }, response) =>
      void response.writeHead(200, { "x-hook-secret": String(headers["x-hook-secret"]) }).end();
    const ask = (method: string, path: string, body?: object): ReturnType<HookGateway["ask"]> =>
      gateway.ask(method, path, body, "stranger");
    const made = await ask("POST", "/hooks", { target_url: receiver.url(), topic: "t" });
    const path = `/hooks/${String(made.json["id"])}`;
    await until("active", async () => (await ask("GET", path)).json["status"] === "active");
    const words = receiver.url().replace("127.0.0.1", "127.1");
    expect((await ask("PATCH", path, { target_url: words })).json).toMatchObject({ status: "active", target: words });
    expect(await ask("PATCH", path, { target_url: `${words}#part` })).toMatchObject({ status: 422 });
    expect((await ask("PATCH", path, { target_url: receiver.url("/new") })).json).toMatchObject({ status: "pending" });
  });

  test("another target, while the one before has not said what it was asked for, is asked too", async () => {
    receiver.script = ({ path, headers }, response) =>
      void response.writeHead(200, path === "/new" ? { "x-hook-secret": String(headers["x-hook-secret"]) } : {}).end();
    const ask = (method: string, path: string, body?: object): ReturnType<HookGateway["ask"]> =>
      gateway.ask(method, path, body, "stranger");
    const made = await ask("POST", "/hooks", { target_url: receiver.url(), topic: "t" });
    await receiver.take(1);
    const path = `/hooks/${String(made.json["id"])}`;
    expect((await ask("PATCH", path, { target_url: receiver.url("/new") })).json).toMatchObject({ status: "pending" });
    await until("active", async () => (await ask("GET", path)).json["status"] === "active");
    expect(receiver.received.map((received) => received.path)).toEqual(["/hook", "/new"]);
  });

  test("pages of hooks and attempts", async () => {
    await gateway.hooks(Array.from({ length: 7 }, (_, index) => receiver.url(`/${index}`)));
    const seen: string[] = [];
    for (let after = ""; ;) {
      const { hooks, next } = (await gateway.ask("GET", `/hooks?limit=3${after}`)).json as {
        hooks: { id: string; secret?: string }[];
        next: string | null;
      };
      seen.push(...hooks.map(({ id }) => id));
      expect(hooks.every(({ secret }) => secret === undefined)).toBe(true);
      if (next === null) break;
      after = `&after=${next}`;
    }
    expect(new Set(seen).size).toBe(7);
    // What is behind a hook that went meanwhile is there; behind one that never was there is nothing to find.
    await gateway.ask("DELETE", `/hooks/${seen[3]}`);
    const behind = (await gateway.ask("GET", `/hooks?after=${seen[3]}`)).json["hooks"] as { id: string }[];
    expect(behind.map(({ id: each }) => each)).toEqual(seen.slice(4));
    const unknown = await gateway.ask("GET", "/hooks?after=hk_nobody");
    expect([unknown.status, unknown.json["field"]]).toEqual([400, "after"]);
    expect((await gateway.ask("GET", `/hooks?after=${seen[3]}`, undefined, "somebody")).status).toBe(400);
    for (let data = 0; data < 5; data += 1) await gateway.publish("t", data);
    await receiver.take(30);
    const id = seen[0] as string;
    await until(
      "five attempts",
      async () => ((await gateway.ask("GET", `/hooks/${id}/attempts`)).json["attempts"] as object[]).length === 5,
    );
    const first = (await gateway.ask("GET", `/hooks/${id}/attempts?limit=3`)).json as {
      attempts: { number: number }[];
      next: string;
    };
    const rest = (await gateway.ask("GET", `/hooks/${id}/attempts?limit=3&after=${first.next}`)).json as typeof first;
    expect([...first.attempts, ...rest.attempts].map(({ number }) => number)).toEqual([5, 4, 3, 2, 1]);
    expect(rest.next).toBeNull();
  });

  test("PATCH and PUT change a hook, and what is published meanwhile arrives", async () => {
    const hook = await gateway.hook(receiver.url(), { topic: "a" });
    const changed = await gateway.ask("PATCH", `/hooks/${hook.id}`, { topic: "b", format: "raw" });
    expect(changed.json).toMatchObject({ topics: ["b"], format: "raw", status: "active" });
    await gateway.publish("a", 1);
    await gateway.publish("b", 2);
    await receiver.take(1);
    expect(receiver.received[0]?.body.toString()).toBe("2");
    const put = await gateway.ask("PUT", `/hooks/${hook.id}`, { target_url: receiver.url("/new"), event: "x" });
    expect(put.json).toMatchObject({ topics: ["**"], events: ["x"], format: "standard", target: receiver.url("/new") });
  });

  test.each(["PATCH", "PUT"])("%s with a secret is a rotation to it, and none where it is the same", async (method) => {
    const hook = await gateway.hook(receiver.url());
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    for (let times = 0; times < 2; times += 1) {
      const changed = await gateway.ask(method, `/hooks/${hook.id}`, { url: receiver.url(), topic: "**", secret });
      expect(changed.status).toBe(200);
      expect(changed.text).not.toContain("whsec_");
    }
    await gateway.publish("t", 1);
    const [delivery] = await receiver.take(1);
    const { headers, body } = delivery as NonNullable<typeof delivery>;
    expect(String(headers["webhook-signature"]).split(" ")).toHaveLength(2);
    for (const text of [hook.secret, secret]) {
      expect(new Webhook(text).verify(body.toString(), headers as Record<string, string>)).toMatchObject({ data: 1 });
    }
  });

  test("a handshake: pending until the target echoes the secret, and no payload before", async () => {
    const made = (await gateway.ask("POST", "/hooks", { target_url: receiver.url(), topic: "t" }, "stranger")).json as {
      id: string;
      secret: string;
    };
    expect(made).toMatchObject({ status: "pending", verify: "x-hook-secret" });
    await gateway.publish("t", 1);
    const [shake] = await receiver.take(1);
    expect(shake?.headers["x-hook-secret"]).toBe(made.secret);
    expect(shake?.body).toHaveLength(0);
    expect((await gateway.ask("POST", `/hooks/${made.id}/test`, undefined, "stranger")).status).toBe(409);
    expect(
      (await gateway.ask("POST", `/hooks/${made.id}/activate`, { secret: "whsec_wrong" }, "stranger")).status,
    ).toBe(403);
    expect(receiver.received).toHaveLength(1);
    const active = await gateway.ask("POST", `/hooks/${made.id}/activate`, { secret: made.secret }, "stranger");
    expect(active.json["status"]).toBe("active");
    await receiver.take(2);
    expect(JSON.parse(receiver.received[1]?.body.toString() ?? "")).toMatchObject({ data: 1 });
  });

  test("a target that echoes is active at once; so is one that consents as CloudEvents has it", async () => {
    receiver.script = ({ headers }, response) =>
      void response
        .writeHead(200, {
          ...(headers["x-hook-secret"] === undefined ? {} : { "x-hook-secret": String(headers["x-hook-secret"]) }),
          ...(headers["webhook-request-origin"] === undefined ? {} : { "webhook-allowed-origin": "*" }),
        })
        .end();
    for (const [verify, method] of [
      ["x-hook-secret", "POST"],
      ["ce-options", "OPTIONS"],
    ] as const) {
      const made = await gateway.ask(
        "POST",
        "/hooks",
        { target_url: receiver.url(`/${verify}`), topic: verify, verify },
        "stranger",
      );
      await until(
        "active",
        async () =>
          (await gateway.ask("GET", `/hooks/${String(made.json["id"])}`, undefined, "stranger")).json["status"] ===
          "active",
      );
      expect(receiver.received.at(-1)?.method).toBe(method);
    }
    const none = await gateway.ask(
      "POST",
      "/hooks",
      { target_url: receiver.url(), topic: "n", verify: "none" },
      "stranger",
    );
    expect(none).toMatchObject({ status: 422, json: { field: "verify" } });
  });

  test("test sends a signed event and puts nothing into the log", async () => {
    const hook = await gateway.hook(receiver.url(), { topic: "orders/**" });
    const head = gateway.bus.head;
    expect((await gateway.ask("POST", `/hooks/${hook.id}/test`)).json).toMatchObject({
      outcome: "delivered",
      status: 200,
    });
    expect(JSON.parse(receiver.received[0]?.body.toString() ?? "")).toMatchObject({
      type: "hook.test",
      topic: "orders/test",
    });
    expect(receiver.received[0]?.headers["webhook-signature"]).toMatch(/^v1,/);
    receiver.script = status(500);
    expect((await gateway.ask("POST", `/hooks/${hook.id}/test`)).json).toMatchObject({
      outcome: "failed",
      status: 500,
    });
    expect(gateway.bus.head).toBe(head);
  });

  test("PATCH gives a lease, takes it away, and ends the hook when it is over", async () => {
    const clock = new ManualClock(Date.now());
    await gateway.close();
    gateway = await HookGateway.start({ clock });
    const inASecond = (): string => new Date(clock.now() + 1000).toISOString();
    const untilTold = (count: number): Promise<true> =>
      until(`${count} requests`, () => {
        clock.advance(1000);
        return receiver.received.length >= count;
      });
    const hook = await gateway.hook(receiver.url());
    const patch = (expiration_date: string | null): Promise<{ status: number; json: Record<string, unknown> }> =>
      gateway.ask("PATCH", `/hooks/${hook.id}`, { expiration_date });
    const soon = inASecond();
    expect(await patch("2001-01-01T00:00:00Z")).toMatchObject({ status: 422, json: { field: "expiration_date" } });
    expect(await patch("soon")).toMatchObject({ status: 422, json: { field: "expiration_date" } });
    expect((await patch(soon)).json).toMatchObject({ expiration_date: soon, status: "active" });
    expect((await patch(null)).json).not.toHaveProperty("expiration_date");
    // A lease that is over is looked for every second; this hook's neighbour shows that it was.
    await gateway.hook(receiver.url("/neighbour"), { expiration_date: soon });
    await untilTold(1);
    expect(receiver.received[0]).toMatchObject({ method: "DELETE", path: "/neighbour" });
    expect(await gateway.state(hook.id)).toMatchObject({ status: "active" });
    expect((await patch(inASecond())).status).toBe(200);
    await untilTold(2);
    expect(receiver.received[1]).toMatchObject({ method: "DELETE", path: "/hook" });
    expect((await gateway.ask("GET", `/hooks/${hook.id}`)).json).toMatchObject({ reason: "its lease is over" });
  });

  test("a lease that is over ends the hook, and the receiver is told", async () => {
    const hook = await gateway.hook(receiver.url(), { lease_seconds: 1 });
    expect(hook["expiration_date"]).toBeDefined();
    const [told] = await receiver.take(1);
    expect(told?.method).toBe("DELETE");
    expect((await gateway.ask("GET", `/hooks/${hook.id}`)).json).toMatchObject({
      code: "gone",
      reason: "its lease is over",
    });
  });
});

test.each([
  [["**"], 201],
  [["news/**"], 401],
])("without a token, where %j is public: %d", async (readable, expected) => {
  const gateway = await HookGateway.start({
    canBeAnonymous: true,
    trusted: ["*"],
    public: readable,
    trustProxy: ["127.0.0.1"],
  });
  const body = { url: "http://127.0.0.1:32999/", topic: "news/*" };
  const made = await gateway.ask("POST", "/hooks", body, null);
  expect(made.status).toBe(expected);
  expect((await gateway.ask("GET", "/hooks", undefined, null)).status).toBe(expected === 201 ? 200 : 401);
  expect((await gateway.ask("POST", "/hooks", { ...body, topic: "$sys/**" }, null)).status).toBe(
    expected === 201 ? 403 : 401,
  );
  // A page of somebody else, open in the browser of whoever runs this.
  const headers = { origin: "https://evil.example.org", "content-type": "text/plain" };
  const foreign = await fetch(`${gateway.url}/realtime/hooks`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(foreign.status).toBe(403);
  // The same page, when its own name has come to mean this machine.
  const rebound = await request(`${gateway.url}/realtime/hooks`, {
    method: "POST",
    headers: { host: "evil.example.org", origin: "http://evil.example.org", "content-type": "text/plain" },
    body: JSON.stringify(body),
  });
  await rebound.body.dump();
  expect(rebound.statusCode).toBe(401);
  const elsewhere = await fetch(`${gateway.url}/realtime/hooks`, { headers: { "x-forwarded-for": "192.0.2.1" } });
  expect(elsewhere.status).toBe(401);
  // Of the owners with a token nobody is anonymous.
  expect((await gateway.ask("GET", "/hooks")).json).toEqual({ hooks: [], next: null });
  await gateway.close();
});
