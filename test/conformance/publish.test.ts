import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Publisher, type Answer, type Receipt } from "../support/publisher.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { SECRET, tokenFor } from "../support/tokens.ts";
import { freshTopic } from "../support/topics.ts";
import { until } from "../support/until.ts";
import { polling } from "./drivers/polling.ts";
import { useGateway, useOwnGateways, useReaders } from "./use.ts";

describe("POST /events", () => {
  const gateway = useGateway({ limits: { event: "1KiB", publish_body: "64KiB" } });
  const own = useOwnGateways();
  const track = useReaders();
  const send = (body: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<Answer> =>
    gateway.current.publisher.send(body, headers);
  const stored = async (topic: string, from = gateway.current): Promise<Record<string, unknown>[]> => {
    const answer = await from.get(`/realtime/events?topic=${encodeURIComponent(topic)}&after=earliest&limit=1000`);
    return answer.json()["events"] as Record<string, unknown>[];
  };

  test("one event: 201 with its id and cursor", async () => {
    const topic = freshTopic();
    const answer = await send(JSON.stringify({ topic, data: { a: 1 } }));
    expect(answer.status).toBe(201);
    const { events } = answer.json() as { events: Receipt[] };
    expect(events).toEqual([{ id: expect.stringMatching(/^[A-Za-z0-9_-]{1,128}$/), cursor: expect.any(String) }]);
    expect(await stored(topic)).toMatchObject([
      { id: events[0]?.id, cursor: events[0]?.cursor, data: { a: 1 }, type: "message" },
    ]);
  });

  test("generated ids sort by time, and none comes twice", async () => {
    const topic = freshTopic();
    const receipts = await gateway.current.publisher.publish(
      ...Array.from({ length: 500 }, () => ({ topic, data: 0 })),
    );
    const ids = receipts.map(({ id }) => id);
    expect(new Set(ids).size).toBe(500);
    const now = Date.now();
    await until("the next millisecond", () => Date.now() > now);
    const [later] = await gateway.current.publisher.publish({ topic, data: 0 });
    for (const id of ids) expect((later?.id as string) > id).toBe(true);
  });

  test("a batch of 1000, in order", async () => {
    const topic = freshTopic();
    const receipts = await gateway.current.publisher.publish(
      ...Array.from({ length: 1000 }, (_, data) => ({ topic, data })),
    );
    expect(receipts).toHaveLength(1000);
    expect((await stored(topic)).map(({ cursor }) => cursor)).toEqual(receipts.map(({ cursor }) => cursor));
  });

  test("a batch is all or none: a fault is told with index and field, and nothing is kept", async () => {
    const topic = freshTopic();
    const faults: readonly (readonly [Readonly<Record<string, unknown>>, string, string])[] = [
      [{ topic: `${topic}//x`, data: 1 }, "invalid-topic", "topic"],
      [{ topic, data: 1, type: "a b" }, "invalid-event", "type"],
      [{ topic, data: 1, id: "a.b" }, "invalid-event", "id"],
      [{ topic, data: 1, time: "yesterday" }, "invalid-event", "time"],
      [{ topic }, "invalid-event", "data"],
      [{ data: 1 }, "invalid-event", "topic"],
    ];
    for (const [event, code, field] of faults) {
      const answer = await send(JSON.stringify([{ topic, data: 0 }, { topic, data: 1 }, event, { topic, data: 3 }]));
      expect([event, answer.status]).toEqual([event, 422]);
      expect(answer.json()).toMatchObject({ code, field, index: 2, status: 422 });
    }
    expect(await stored(topic)).toEqual([]);
  });

  test.each([
    ["an empty batch", "[]"],
    ["1001 events", JSON.stringify(Array.from({ length: 1001 }, () => ({ topic: "a", data: 1 })))],
    ["a number", "1"],
    ["null", "null"],
    ["a number in a batch", "[1]"],
    ["a batch in a batch", '[[{"topic":"a","data":1}]]'],
    ["a topic that is a number", '{"topic":1,"data":1}'],
    ["a pattern", '{"topic":"a/*","data":1}'],
    ["the gateway's own topic", '{"topic":"$sys/x","data":1}'],
    ["the gateway's own root", '{"topic":"$sys","data":1}'],
    ["an id of 129 characters", `{"topic":"a","data":1,"id":"${"x".repeat(129)}"}`],
    ["an empty id", '{"topic":"a","data":1,"id":""}'],
    ["an id that is null", '{"topic":"a","data":1,"id":null}'],
    ["a type of 129 characters", `{"topic":"a","data":1,"type":"${"x".repeat(129)}"}`],
    ["a time without a zone", '{"topic":"a","data":1,"time":"2026-01-01T00:00:00"}'],
    ["a day that is none", '{"topic":"a","data":1,"time":"2026-02-30T00:00:00Z"}'],
    ["both kinds of data", '{"topic":"a","data":1,"data_base64":"AA=="}'],
    ["bad base64", '{"topic":"a","data_base64":"A-_="}'],
    ["a lone surrogate in the topic", String.raw`{"topic":"a\ud800","data":1}`],
    ["a topic of 256 bytes", `{"topic":"${"ü".repeat(128)}","data":1}`],
  ])("%s: 422", async (_name, body) => {
    const answer = await send(body);
    expect([answer.status, answer.headers["content-type"]]).toEqual([
      422,
      expect.stringContaining("application/problem+json"),
    ]);
    expect(["invalid-event", "invalid-topic"]).toContain(answer.json()["code"]);
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "hello"],
    ["half of it", '{"topic":"a",'],
    ["text behind it", '{"topic":"a","data":1} x'],
    ["two values", '{"topic":"a","data":1}{"topic":"a","data":1}'],
    ["NaN", '{"topic":"a","data":NaN}'],
    ["single quotes", "{'topic':'a','data':1}"],
    ["a trailing comma", '{"topic":"a","data":1,}'],
    ["invalid UTF-8", Buffer.from('{"topic":"a","data":"\xff"}', "latin1")],
    ["an overlong encoding", Buffer.from('{"topic":"a","data":"\xc0\xaf"}', "latin1")],
  ])("%s: 400", async (_name, body) => {
    const answer = await send(body);
    expect([answer.status, answer.json()["code"]]).toEqual([400, "invalid-json"]);
  });

  test("limits count bytes: an event just under is taken, one over is 413; so is a body", async () => {
    const topic = freshTopic();
    const data = (bytes: number): string => `{"topic":"${topic}","data":"${"é".repeat((bytes - 2) / 2)}"}`;
    expect((await send(data(900))).status).toBe(201);
    const event = await send(`[${data(100)},${data(1200)}]`);
    expect([event.status, event.json()["code"], event.json()["index"]]).toEqual([413, "too-large", 1]);
    const body = await send(`[${Array.from({ length: 100 }, () => data(900)).join(",")}]`);
    expect([body.status, body.json()["code"]]).toEqual([413, "too-large"]);
    expect(await stored(topic)).toHaveLength(1);
  });

  test.each([
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "application/jsonx",
    "multipart/form-data; boundary=x",
  ])("%s: 415", async (type) => {
    const answer = await send('{"topic":"a","data":1}', { "content-type": type });
    expect([answer.status, answer.json()["code"]]).toEqual([415, "unsupported-media-type"]);
  });

  test("a compressed body: 415, since its size would not be known", async () => {
    const answer = await send(gzipSync('{"topic":"a","data":1}'), { "content-encoding": "gzip" });
    expect([answer.status, answer.json()["code"]]).toEqual([415, "unsupported-media-type"]);
  });

  test("a body that says utf-8 is taken", async () => {
    const topic = freshTopic();
    expect(
      (await send(`{"topic":"${topic}","data":"ü"}`, { "content-type": "application/json; charset=utf-8" })).status,
    ).toBe(201);
  });

  describe("the same id again", () => {
    test("changes nothing, and answers with the first one's cursor", async () => {
      const topic = freshTopic();
      const [first] = await gateway.current.publisher.publish({ topic, data: 1, id: "twice" });
      const [again] = await gateway.current.publisher.publish({ topic, data: 2, id: "twice" });
      expect(again).toEqual({ ...first, duplicate: true });
      expect(first).not.toHaveProperty("duplicate");
      expect(await stored(topic)).toMatchObject([{ data: 1 }]);
    });

    test("on another topic is another event", async () => {
      const [one, two] = [freshTopic(), freshTopic()];
      await gateway.current.publisher.publish({ topic: one, data: 1, id: "same" });
      const [other] = await gateway.current.publisher.publish({ topic: two, data: 2, id: "same" });
      expect(other).not.toHaveProperty("duplicate");
      expect(await stored(two)).toHaveLength(1);
    });

    test("inside one batch counts once", async () => {
      const topic = freshTopic();
      const event = { topic, data: 1, id: "in-a-batch" };
      const receipts = await gateway.current.publisher.publish(event, { topic, data: 2 }, { ...event, data: 3 });
      expect(receipts[2]).toEqual({ ...receipts[0], duplicate: true });
      expect((await stored(topic)).map(({ data }) => data)).toEqual([1, 2]);
    });

    test("from many at once is one event", async () => {
      const topic = freshTopic();
      const event = { topic, data: 1, id: "at-once" };
      const receipts = (
        await Promise.all(Array.from({ length: 20 }, () => gateway.current.publisher.publish(event)))
      ).flat();
      expect(receipts.filter(({ duplicate }) => duplicate !== true)).toHaveLength(1);
      expect(new Set(receipts.map(({ cursor }) => cursor)).size).toBe(1);
      expect(await stored(topic)).toHaveLength(1);
    });

    test("also after a restart", async () => {
      const topic = freshTopic();
      const before = await own(TestGateway.startWithSqlite());
      const [first] = await before.publisher.publish({ topic, data: 1, id: "kept" });
      const after = await own(before.restart());
      expect((await after.publisher.publish({ topic, data: 2, id: "kept" }))[0]).toEqual({ ...first, duplicate: true });
      const receipts = await after.publisher.publish({ topic, data: 3, id: "new" }, { topic, data: 4, id: "kept" });
      expect(receipts.map(({ duplicate }) => duplicate)).toEqual([undefined, true]);
      expect((await stored(topic, after)).map(({ data }) => data)).toEqual([1, 3]);
    });
  });

  describe("CloudEvents", () => {
    const base = { specversion: "1.0", id: "a-1", source: "https://app.example", type: "com.example.ready" };

    test("structured: subject is the topic", async () => {
      const topic = freshTopic();
      const time = "2026-01-02T03:04:05.678Z";
      const answer = await send(
        JSON.stringify({ ...base, subject: topic, time, datacontenttype: "application/json", data: { x: 1 } }),
        {
          "content-type": "application/cloudevents+json; charset=UTF-8",
        },
      );
      expect(answer.status).toBe(201);
      expect(await stored(topic)).toMatchObject([
        { id: "a-1", topic, type: "com.example.ready", time, data: { x: 1 } },
      ]);
    });

    test("batch: atomic and in order", async () => {
      const topic = freshTopic();
      const headers = { "content-type": "application/cloudevents-batch+json" };
      const batch = [1, 2, 3].map((data) => ({ ...base, id: `b-${data}`, subject: topic, data }));
      const bad = await send(JSON.stringify([...batch, { ...base, subject: "a//b", data: 1 }]), headers);
      expect([bad.status, bad.json()["index"]]).toEqual([422, 3]);
      expect(await stored(topic)).toEqual([]);
      expect((await send(JSON.stringify(batch), headers)).status).toBe(201);
      expect((await stored(topic)).map(({ data }) => data)).toEqual([1, 2, 3]);
    });

    test("binary: attributes in headers, the subject percent-decoded, the data as it is", async () => {
      const topic = `${freshTopic()}/größe`;
      const headers = {
        "ce-specversion": "1.0",
        "ce-id": "c-1",
        "ce-source": "/app",
        "ce-type": "t",
        "ce-time": "2026-01-02T03:04:05Z",
        "ce-subject": encodeURIComponent(topic).replaceAll("%2F", "/"),
      };
      expect((await send('{"n":12345678901234567890}', headers)).status).toBe(201);
      expect(
        (await send(Buffer.from([0, 255]), { ...headers, "ce-id": "c-2", "content-type": "image/png" })).status,
      ).toBe(201);
      const answer = await gateway.current.get(`/realtime/events?topic=${encodeURIComponent(topic)}&after=earliest`);
      expect(answer.text).toContain('"data":{"n":12345678901234567890}');
      expect(answer.json()["events"]).toMatchObject([
        { id: "c-1", type: "t", time: "2026-01-02T03:04:05Z" },
        { id: "c-2", datacontenttype: "image/png", data_base64: "AP8=" },
      ]);
    });

    test("a CloudEvent that lacks what it needs is refused", async () => {
      const structured = { "content-type": "application/cloudevents+json" };
      const good = { ...base, subject: "a", data: 1 };
      for (const missing of ["subject", "id", "type", "source", "specversion"]) {
        const event = Object.fromEntries(Object.entries(good).filter(([name]) => name !== missing));
        const answer = await send(JSON.stringify(event), structured);
        expect([missing, answer.status]).toEqual([missing, 422]);
        expect(answer.json()["field"]).toBe(missing);
      }
      expect((await send(JSON.stringify({ ...good, specversion: "2.0" }), structured)).status).toBe(422);
      const binary = { "ce-specversion": "1.0", "ce-id": "x", "ce-source": "/", "ce-type": "t" };
      expect((await send("1", binary)).status).toBe(422);
      expect((await send("1", { ...binary, "ce-subject": "a%2" })).status).toBe(422);
      expect((await send("1", { ...binary, "ce-subject": "%ff" })).status).toBe(422);
    });
  });

  test("a reader under way sees a batch whole, never half", async () => {
    const topic = freshTopic();
    const reader = await track(polling.connect({ url: gateway.current.url, topics: [topic] }));
    for (let batch = 0; batch < 20; batch += 1) {
      await gateway.current.publisher.publish(...Array.from({ length: 7 }, () => ({ topic, data: batch })));
    }
    await reader.inbox.take(140);
    expect(reader.inbox.events.map((json) => JSON.parse(json).data)).toEqual(
      Array.from({ length: 140 }, (_, index) => Math.floor(index / 7)),
    );
  });
});

describe("publishing from outside", () => {
  const gateway = useGateway({
    access: { public: ["**"], jwt: { secret: SECRET, cookie: "session" } },
    admin: { key: "the-key-of-the-admin" },
  });

  test("POST on the public listener needs a publish grant for every topic", async () => {
    const publisher = new Publisher(gateway.current.url, { path: "/realtime/events" });
    const event = JSON.stringify([
      { topic: "out/a", data: 1 },
      { topic: "out/b", data: 2 },
    ]);
    const by = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` });
    const none = await publisher.send(event);
    expect([none.status, none.headers["www-authenticate"]]).toEqual([401, expect.stringMatching(/^Bearer/)]);
    expect((await publisher.send(event, by(tokenFor({ read: ["**"] })))).status).toBe(403);
    const half = await publisher.send(event, by(tokenFor({ publish: ["out/a"] })));
    expect([half.status, half.json()]).toEqual([
      403,
      expect.objectContaining({ code: "forbidden", index: 1, field: "topic" }),
    ]);
    expect((await publisher.send(event, by(tokenFor({ publish: ["out/*"] })))).status).toBe(201);
    await publisher.close();
  });

  test("a POST by cookie must come from an allowed origin", async () => {
    const publisher = new Publisher(gateway.current.url, { path: "/realtime/events" });
    const cookie = `session=${tokenFor({ publish: ["out/*"] })}`;
    const event = JSON.stringify({ topic: "out/a", data: 1 });
    for (const origin of [{}, { origin: "https://evil.example" }]) {
      expect((await publisher.send(event, { cookie, ...(origin as Record<string, string>) })).status).toBe(403);
    }
    expect((await publisher.send(event, { cookie, origin: gateway.current.url })).status).toBe(201);
    await publisher.close();
  });

  test("an admin listener with a key takes events only with it", async () => {
    const { publisher } = gateway.current;
    const event = JSON.stringify({ topic: "out/a", data: 1 });
    for (const authorization of ["", "Bearer wrong", "Bearer the-key-of-the-admi", "Basic the-key-of-the-admin"]) {
      const answer = await publisher.send(event, authorization === "" ? {} : { authorization });
      expect([authorization, answer.status, answer.json()["code"]]).toEqual([authorization, 401, "unauthorized"]);
      expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
    }
    expect((await publisher.send(event, { authorization: "Bearer the-key-of-the-admin" })).status).toBe(201);
  });
});
