import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { HookGateway } from "./support/hook-gateway.ts";
import { Receiver, status } from "./support/receiver.ts";
import { until } from "./support/until.ts";

describe("deliveries", () => {
  let gateway: HookGateway;
  let receiver: Receiver;

  beforeEach(async () => {
    receiver = await Receiver.start();
    gateway = await HookGateway.start({ perOwner: 20_000 });
  });
  afterEach(async () => {
    await gateway.close();
    await receiver.close();
  });

  test("an event arrives as its JSON, signed so that public libraries verify it", async () => {
    const hook = await gateway.hook(receiver.url(), { topic: "orders/*" });
    await gateway.publish("elsewhere", 0);
    const cursor = await gateway.publish("orders/42", { pizza: "margherita" }, { type: "order.ready", id: "mine" });
    const [got] = await receiver.take(1);
    if (got === undefined) throw new Error("nothing came");
    const text = got.body.toString();
    expect(JSON.parse(text)).toMatchObject({ id: "mine", topic: "orders/42", type: "order.ready", cursor });
    expect(got.headers).toMatchObject({
      "content-type": "application/json",
      "content-length": String(got.body.length),
      "sluice-cursor": cursor,
      "sluice-attempt": "1",
    });
    expect(got.headers["transfer-encoding"]).toBeUndefined();
    expect(got.headers["webhook-id"]).toMatch(/^mine_[A-Za-z0-9_-]{8}$/);
    const headers = got.headers as Record<string, string>;
    expect(new Webhook(hook.secret).verify(text, headers)).toEqual(JSON.parse(text));
    expect(() => new SvixWebhook(hook.secret).verify(text, headers)).not.toThrow();
    expect(() => new SvixWebhook(hook.secret).verify(`${text} `, headers)).toThrow();
    expect(() => new Webhook(hook.secret).verify(`${text} `, headers)).toThrow();
    await until("the cursor to move", async () => (await gateway.state(hook.id))["cursor"] === cursor);
  });

  test("an event's traceparent goes along, over retries too", async () => {
    const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await gateway.hook(receiver.url(), { schedule: [0, 0.05] });
    receiver.script = (received, response) =>
      void response.writeHead(received.headers["sluice-attempt"] === "1" ? 500 : 200).end();
    await gateway.publish("a", 1, { traceParent });
    await gateway.publish("b", 2);
    await receiver.take(4);
    const tracesOf = (wanted: number): readonly unknown[] =>
      receiver.received
        .filter((_one, index) => receiver.data[index] === wanted)
        .map(({ headers }) => headers["traceparent"]);
    expect(tracesOf(1)).toEqual([traceParent, traceParent]);
    expect(tracesOf(2)).toEqual([undefined, undefined]);
  });

  test("half an answer after 200 is a failure: the event comes again, with the same id", async () => {
    receiver.script = ({ headers }, response, request) => {
      if (headers["sluice-attempt"] !== "1") {
        response.writeHead(200).end();
        return;
      }
      response.writeHead(200, { "content-length": "100" }).write("half of i");
      setImmediate(() => request.socket.destroy());
    };
    const hook = await gateway.hook(receiver.url(), { schedule: [0, 0.05] });
    const cursor = await gateway.publish("a", 1);
    await receiver.take(2);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    await until("the cursor to move", async () => (await gateway.state(hook.id))["cursor"] === cursor);
    const attempts = async (): Promise<unknown[]> =>
      (await gateway.ask("GET", `/hooks/${hook.id}/attempts`)).json["attempts"] as unknown[];
    await until("both attempts to be recorded", async () => (await attempts()).length === 2);
    expect(await attempts()).toMatchObject([
      { outcome: "delivered" },
      { outcome: "retry", error: "reset", status: null },
    ]);
  });

  test("events of one topic go out one after the other, topics side by side", async () => {
    const waiting: (() => void)[] = [];
    receiver.script = (_received, response) => void waiting.push(() => response.writeHead(200).end());
    await gateway.hook(receiver.url());
    for (const topic of ["a", "a", "b", "b", "c"]) await gateway.publish(topic, topic);
    await receiver.take(3);
    expect(receiver.data).toEqual(["a", "b", "c"]);
    waiting[0]?.();
    await receiver.take(4);
    expect(receiver.data).toEqual(["a", "b", "c", "a"]);
    for (const answer of waiting.slice(1)) answer();
    await receiver.take(5);
    expect(receiver.data).toEqual(["a", "b", "c", "a", "b"]);
    waiting[4]?.();
  });

  test("ordering: hook sends one event at a time; none sends all at once", async () => {
    const strict = await Receiver.start();
    const free = await Receiver.start();
    const answers: (() => void)[] = [];
    strict.script = (_received, response) => void answers.push(() => response.writeHead(200).end());
    free.script = () => undefined;
    await gateway.hook(strict.url(), { ordering: "hook" });
    await gateway.hook(free.url(), { ordering: "none" });
    for (const topic of ["a", "b", "a", "a"]) await gateway.publish(topic, topic);
    await free.take(4);
    for (let count = 1; count <= 4; count += 1) {
      await strict.take(count);
      expect(strict.received).toHaveLength(count);
      answers[count - 1]?.();
    }
    expect(strict.data).toEqual(["a", "b", "a", "a"]);
    await strict.close();
    await free.close();
  });

  test("10 000 hooks on one event: all get it, the same bytes", async () => {
    await gateway.hooks(Array.from({ length: 10_000 }, (_, index) => receiver.url(`/${index}`)));
    await gateway.publish("t", "x".repeat(1000));
    await receiver.take(10_000, 90_000);
    expect(new Set(receiver.received.map(({ path }) => path)).size).toBe(10_000);
    expect(new Set(receiver.received.map(({ body }) => body.toString())).size).toBe(1);
  });

  test("a body with U+2028 and __proto__ arrives byte for byte", async () => {
    const hook = await gateway.hook(receiver.url());
    const dataText = '{"__proto__":{"a":1},"text":"\u2028\u2029\\ud800","n":1e400,"big":12345678901234567890}';
    await gateway.publish("t", null, { dataText });
    const [got] = await receiver.take(1);
    const text = got?.body.toString() ?? "";
    expect(text.slice(text.indexOf('"data":') + 7, -1)).toBe(dataText);
    new Webhook(hook.secret).verify(text, got?.headers as Record<string, string>);
  });

  test("the formats", async () => {
    for (const format of ["resthooks", "cloudevents-binary", "cloudevents-structured", "raw", "thin"]) {
      await gateway.hook(receiver.url(`/${format}`), { format, event: "order.ready" });
    }
    const cursor = await gateway.publish("orders/ü", { pizza: 1 }, { type: "order.ready", id: "i" });
    await receiver.take(5);
    const by = Object.fromEntries(receiver.received.map((got) => [got.path.slice(1), got]));
    const json = (format: string): unknown => JSON.parse(by[format]?.body.toString() ?? "");
    expect(json("resthooks")).toMatchObject({
      hook: { event: "order.ready", target: receiver.url("/resthooks") },
      data: { pizza: 1 },
      payload: { id: "i", cursor },
    });
    expect(by["resthooks"]?.headers["x-hook-signature"]).toMatch(/^[0-9a-f]{64}$/);
    expect(json("raw")).toEqual({ pizza: 1 });
    expect(json("cloudevents-structured")).toMatchObject({
      specversion: "1.0",
      id: "i",
      source: "https://example.org/app",
      type: "order.ready",
      subject: "orders/ü",
      cursor,
      data: { pizza: 1 },
    });
    expect(by["cloudevents-structured"]?.headers["content-type"]).toBe("application/cloudevents+json");
    expect(json("cloudevents-binary")).toEqual({ pizza: 1 });
    expect(by["cloudevents-binary"]?.headers).toMatchObject({
      "ce-id": "i",
      "ce-subject": "orders/%C3%BC",
      "ce-cursor": cursor,
    });
    expect(Object.keys(json("thin") as object)).toEqual(["id", "topic", "type", "time", "cursor", "url"]);
    expect((json("thin") as { url: string }).url).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/realtime\/events\?topic=orders%2F%C3%BC&after=\w+-\w+&limit=1$/,
    );
  });

  test("a rotated secret signs beside the new one", async () => {
    const hook = await gateway.hook(receiver.url());
    const { secret } = (await gateway.ask("POST", `/hooks/${hook.id}/rotate-secret`)).json as { secret: string };
    await gateway.publish("t", 1);
    const [got] = await receiver.take(1);
    const headers = got?.headers as Record<string, string>;
    for (const text of [hook.secret, secret]) new Webhook(text).verify(got?.body.toString() ?? "", headers);
    expect(headers["webhook-signature"]?.split(" ")).toHaveLength(2);
  });

  test("redirects are never followed", async () => {
    receiver.script = ({ path }, response) =>
      void response.writeHead(path === "/hook" ? 302 : 200, { location: receiver.url("/other") }).end();
    const hook = await gateway.hook(receiver.url());
    await gateway.publish("t", 1);
    await until("the attempt", async () => {
      const { attempts } = (await gateway.ask("GET", `/hooks/${hook.id}/attempts`)).json as {
        attempts: { status: number }[];
      };
      return attempts[0]?.status === 302;
    });
    expect(receiver.received.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /hook"]);
  });

  test("410 ends the hook: queued retries and what is in flight count no more, and nothing starts after it", async () => {
    const answers = new Map<string, () => void>();
    receiver.script = ({ body }, response) => {
      const { topic } = JSON.parse(body.toString()) as { topic: string };
      if (topic.startsWith("retry")) return status(500)({} as never, response, {} as never);
      answers.set(topic, () => response.writeHead(topic === "t3" ? 410 : 200).end());
    };
    const hook = await gateway.hook(receiver.url());
    for (let index = 0; index < 3; index += 1) await gateway.publish(`retry${index}`, index);
    await receiver.take(3);
    for (let index = 0; index < 8; index += 1) await gateway.publish(`t${index}`, index);
    await until("five in flight", () => answers.size === 5);
    answers.get("t3")?.();
    await until("the end", async () => (await gateway.ask("GET", `/hooks/${hook.id}`)).status === 410);
    for (const [topic, answer] of answers) if (topic !== "t3") answer();
    const gone = await gateway.ask("GET", `/hooks/${hook.id}`);
    expect(gone.json).toMatchObject({ code: "gone", reason: "the target answered 410" });
    await gateway.publish("after", 1);
    const other = await gateway.hook(receiver.url("/other"), { topic: "end" });
    await gateway.publish("end", 1);
    await until("the other's", () => answers.has("end"));
    expect(receiver.received.filter(({ path }) => path === "/hook")).toHaveLength(8);
    expect(other.id).not.toBe(hook.id);
    expect((await gateway.ask("DELETE", `/hooks/${hook.id}`)).status).toBe(204);
    answers.get("end")?.();
  });
});
