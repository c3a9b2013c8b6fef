import { describe, expect, test } from "vitest";
import { RawConnection } from "../support/raw-connection.ts";
import { SECRET, signToken, tokenFor } from "../support/tokens.ts";
import { freshTopic } from "../support/topics.ts";
import { until } from "../support/until.ts";
import { closeCodeIn, frame, rawWebSocket } from "../support/ws-frames.ts";
import { describeConformance } from "./describe-conformance.ts";
import { connectWebSocket, websocket, type WebSocketReader } from "./drivers/websocket.ts";
import type { ReaderOptions } from "./drivers/reader-driver.ts";
import { useGateway, useReaders } from "./use.ts";

describeConformance(websocket);

const inAnHour = Math.floor(Date.now() / 1000) + 3600;

describe("WebSocket alone", () => {
  const gateway = useGateway({
    access: { public: ["open/**"], jwt: { secret: SECRET, cookie: "session" } },
    limits: { message: "16KiB" },
  });
  const beating = useGateway({ transports: { websocket: { heartbeat: "50ms" } } });
  const strict = useGateway({ limits: { messages_per_second: 5 } });
  const track = useReaders();
  const connect = (options: Partial<ReaderOptions> = {}, to = gateway): Promise<WebSocketReader> =>
    track(connectWebSocket({ url: to.current.url, topics: [], ...options }));
  const openTopic = (): string => `open/${freshTopic()}`;
  const data = (reader: WebSocketReader): unknown[] => reader.inbox.events.map((json) => JSON.parse(json).data);

  describe("connecting", () => {
    test("the welcome comes first, with a session, the log's newest cursor and the heartbeat in seconds", async () => {
      const [event] = await gateway.current.publisher.publish({ topic: openTopic(), data: 1 });
      const [one, two] = [await connect(), await connect()];
      expect(one.messages[0]).toMatch(/^\{"op":"welcome",/);
      expect(one.ops[0]).toMatchObject({ cursor: event?.cursor, heartbeat: 25, session: expect.stringMatching(/./) });
      expect(one.ops[0]?.["session"]).not.toBe(two.ops[0]?.["session"]);
    });

    test("sluice.v1 is agreed on where it is offered, no extension is", async () => {
      const reader = await track(connectWebSocket({ url: gateway.current.url, topics: [] }, ["other", "sluice.v1"]));
      expect(reader.socket.protocol).toBe("sluice.v1");
      expect(reader.socket.extensions).toBe("");
      expect((await connect()).socket.protocol).toBe("");
    });

    test("topics, after and types in the URL subscribe at once; live ends the replay", async () => {
      const topic = openTopic();
      const receipts = await gateway.current.publisher.publish({ topic, data: 1 }, { topic, data: 2 });
      const reader = await connect({ topics: [topic], after: receipts[0]?.cursor });
      expect(await reader.op("live")).toMatchObject({ cursor: receipts[1]?.cursor });
      expect(data(reader)).toEqual([2]);
    });

    test("a cookie opens the door only to pages of an allowed origin", async () => {
      const cookie = `session=${tokenFor({ read: ["closed/**"] })}`;
      const options = { url: gateway.current.url, topics: ["closed/a"] };
      for (const origin of ["https://evil.example", "null"]) {
        const answer = await websocket.refusal({ ...options, headers: { cookie, origin } });
        expect([answer.status, answer.json()["code"]]).toEqual([403, "forbidden"]);
      }
      expect((await websocket.refusal({ ...options, headers: { cookie } })).status).toBe(403);
      await connect({ ...options, headers: { cookie, origin: gateway.current.url } });
    });
  });

  describe("subscribe and unsubscribe", () => {
    test("subscribed repeats ref and topics and says from where; events follow", async () => {
      const topic = openTopic();
      const [before] = await gateway.current.publisher.publish({ topic, data: 0 });
      const reader = await connect();
      reader.send({ op: "subscribe", ref: 1, topics: [topic, "open/x/*"] });
      const subscribed = await reader.op("subscribed", 1);
      expect(subscribed).toEqual({ op: "subscribed", ref: 1, topics: [topic, "open/x/*"], cursor: before?.cursor });
      await gateway.current.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
      expect(data(reader)).toEqual([1]);
    });

    test.each([[1], ["a ref"], [0], [-7.5]])("ref %j comes back as it is", async (ref) => {
      const reader = await connect();
      reader.send({ op: "ping", ref });
      expect(await reader.op("pong")).toHaveProperty("ref", ref);
    });

    test("several subscriptions share the connection, and an event comes once", async () => {
      const root = openTopic();
      const reader = await connect({ topics: [`${root}/a`] });
      reader.send({ op: "subscribe", ref: 1, topics: [`${root}/*`] });
      reader.send({ op: "subscribe", ref: 2, topics: [`${root}/a`, `${root}/b`] });
      await reader.op("subscribed", 2);
      await gateway.current.publisher.publish({ topic: `${root}/a`, data: 1 }, { topic: `${root}/b`, data: 2 });
      await gateway.current.publisher.publish({ topic: `${root}/c`, data: 3 });
      await reader.inbox.take(3);
      expect(data(reader)).toEqual([1, 2, 3]);
    });

    test("after replays the topics asked for, beside what is live, and live ends it", async () => {
      const [old, live] = [openTopic(), openTopic()];
      const events = Array.from({ length: 900 }, (_, index) => ({ topic: old, data: index }));
      await gateway.current.publisher.publish(...events);
      const reader = await connect({ topics: [live] });
      reader.send({ op: "subscribe", ref: 7, topics: [old], after: "earliest" });
      const publishing = (async () => {
        for (let index = 0; index < 20; index += 1) {
          await gateway.current.publisher.publish({ topic: live, data: index }, { topic: old, data: 900 + index });
        }
      })();
      const ended = await reader.op("live", 7);
      await publishing;
      await reader.inbox.take(940);
      const of = (topic: string): unknown[] =>
        reader.inbox.events
          .map((json) => JSON.parse(json))
          .filter((event) => event.topic === topic)
          .map((event) => event.data);
      expect(of(old)).toEqual(Array.from({ length: 920 }, (_, index) => index));
      expect(of(live)).toEqual(Array.from({ length: 20 }, (_, index) => index));
      // From there one cursor stands for the whole connection: what came after it is exactly what a reader of both gets.
      const both = await connect({ topics: [old, live], after: ended.cursor });
      await gateway.current.publisher.publish({ topic: live, data: "end" });
      await both.inbox.until("the end", () => data(both).includes("end"));
      await reader.inbox.until("the end", () => data(reader).includes("end"));
      expect(reader.inbox.events.slice(-both.inbox.events.length)).toEqual(both.inbox.events);
    });

    test("last replays the newest, and live ends it, also when there are none", async () => {
      const topic = openTopic();
      const events = [1, 2, 3].map((index) => ({ topic, data: index }));
      const receipts = await gateway.current.publisher.publish(...events);
      const reader = await connect();
      reader.send({ op: "subscribe", ref: "l", topics: [topic], last: 2 });
      await reader.op("live", "l");
      expect(data(reader)).toEqual([2, 3]);
      reader.send({ op: "subscribe", ref: "n", topics: [openTopic()], last: 5 });
      expect(await reader.op("live", "n")).toMatchObject({ cursor: receipts[2]?.cursor });
    });

    test("a gap carries the ref it belongs to and comes before the events", async () => {
      const topic = openTopic();
      await gateway.current.publisher.publish({ topic, data: 1 });
      const reader = await connect();
      reader.send({ op: "subscribe", ref: 3, topics: [topic], after: "otherlog-5" });
      await reader.op("live", 3);
      const gap = await reader.op("gap", 3);
      expect(gap).toEqual({ op: "gap", ref: 3, after: "otherlog-5", resumed_at: expect.any(String), reason: "reset" });
      const order = reader.messages.map((text) => (text.startsWith('{"op":') ? JSON.parse(text).op : "event"));
      expect(order.indexOf("gap")).toBeLessThan(order.indexOf("event"));
      expect(order.indexOf("event")).toBeLessThan(order.indexOf("live"));
    });

    test("types hold for the topics of their subscribe alone", async () => {
      const [one, two] = [openTopic(), openTopic()];
      const reader = await connect();
      reader.send({ op: "subscribe", ref: 1, topics: [one], types: ["x"] });
      reader.send({ op: "subscribe", ref: 2, topics: [two] });
      await reader.op("subscribed", 2);
      await gateway.current.publisher.publish(
        { topic: one, data: 1, type: "y" },
        { topic: one, data: 2, type: "x" },
        { topic: two, data: 3, type: "y" },
      );
      await reader.inbox.take(2);
      expect(data(reader)).toEqual([2, 3]);
    });

    test("unsubscribe ends those topics and leaves the others", async () => {
      const [one, two] = [openTopic(), openTopic()];
      const reader = await connect({ topics: [one, two] });
      await gateway.current.publisher.publish({ topic: one, data: 1 });
      reader.send({ op: "unsubscribe", ref: 2, topics: [one] });
      expect(await reader.op("unsubscribed")).toEqual({ op: "unsubscribed", ref: 2, topics: [one] });
      await gateway.current.publisher.publish({ topic: one, data: 2 }, { topic: two, data: 3 });
      await reader.inbox.take(2);
      expect(data(reader)).toEqual([1, 3]);
    });

    test("100 topics in all; one more is refused and changes nothing", async () => {
      const topics = Array.from({ length: 100 }, (_, index) => `open/many/${index}`);
      const reader = await connect();
      reader.send({ op: "subscribe", ref: 1, topics: topics.slice(0, 60) });
      reader.send({ op: "subscribe", ref: 2, topics: topics.slice(60) });
      reader.send({ op: "subscribe", ref: 3, topics: ["open/one-more"] });
      expect(await reader.op("error", 3)).toMatchObject({ code: "too-many-subscriptions" });
      reader.send({ op: "unsubscribe", topics: [topics[0] as string] });
      reader.send({ op: "subscribe", ref: 4, topics: ["open/one-more"] });
      await reader.op("subscribed", 4);
    });
  });

  describe("publish, auth, ping", () => {
    test("publish with a grant: receipts as by HTTP, and readers get the events", async () => {
      const topic = `closed/${freshTopic()}`;
      const reader = await connect({
        accessToken: tokenFor({ read: [topic], publish: ["closed/*"] }),
        topics: [topic],
      });
      reader.send(
        `{"op":"publish","ref":3,"events":[{"topic":"${topic}","data":1e400,"id":"one"},{"topic":"${topic}","data":2}]}`,
      );
      const { events } = (await reader.op("published", 3)) as unknown as { events: { id: string; cursor: string }[] };
      const received = (await reader.inbox.take(2)).map((json) => JSON.parse(json.replace("1e400", '"1e400"')));
      expect(received.map(({ id, cursor }) => ({ id, cursor }))).toEqual(events);
      expect(received.map((event) => event.data)).toEqual(["1e400", 2]);
      expect(events[0]?.id).toBe("one");
      reader.send({ op: "publish", ref: 4, events: [{ topic, data: 9, id: "one" }] });
      expect(await reader.op("published", 4)).toMatchObject({ events: [{ ...events[0], duplicate: true }] });
    });

    test("publish without a grant is refused, and atomic", async () => {
      const topic = openTopic();
      const accessToken = tokenFor({ publish: [topic] });
      const reader = await connect({ topics: [topic], accessToken });
      reader.send({
        op: "publish",
        ref: 1,
        events: [
          { topic, data: 1 },
          { topic: "closed/other", data: 2 },
        ],
      });
      expect(await reader.op("error", 1)).toMatchObject({ code: "forbidden", detail: expect.any(String) });
      reader.send({
        op: "publish",
        ref: 2,
        events: [
          { topic, data: 3 },
          { topic: `${topic}//`, data: 4 },
        ],
      });
      expect(await reader.op("error", 2)).toMatchObject({ code: "invalid-topic" });
      reader.send({ op: "publish", ref: 3, events: [{ topic, data: 5 }] });
      await reader.op("published", 3);
      await reader.inbox.take(1);
      expect(data(reader)).toEqual([5]);
      const stranger = await connect();
      stranger.send({ op: "publish", ref: 1, events: [{ topic, data: 1 }] });
      expect(await stranger.op("error", 1)).toMatchObject({ code: "unauthorized" });
    });

    test("auth refreshes in place: the connection outlives its first token", async () => {
      const topic = `closed/${freshTopic()}`;
      const exp = Math.floor(Date.now() / 1000) + 2;
      const reader = await connect({ topics: [topic], accessToken: signToken({ exp, sluice: { read: [topic] } }) });
      const longer = signToken({ exp: inAnHour, sluice: { read: ["closed/**"] } });
      reader.send({ op: "auth", ref: 4, token: longer });
      const authorized = await reader.op("authorized", 4);
      expect(Date.parse(authorized["expires"] as string)).toBe(inAnHour * 1000);
      await until("the first token to be over", () => Date.now() > (exp + 1) * 1000);
      reader.send({ op: "subscribe", ref: 5, topics: ["closed/more"] });
      await reader.op("subscribed", 5);
      await gateway.current.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
    });

    test("auth with a token that is none is refused; what was granted stays", async () => {
      const topic = `closed/${freshTopic()}`;
      const reader = await connect({ topics: [topic], accessToken: tokenFor({ read: [topic] }) });
      for (const [ref, token] of ["nonsense", signToken({ exp: 1 }), "two words", ""].entries()) {
        reader.send({ op: "auth", ref, token });
        const { code } = await reader.op("error", ref);
        expect(["unauthorized", "invalid-message"]).toContain(code);
      }
      await gateway.current.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
    });

    test("auth opens what was closed before", async () => {
      const reader = await connect();
      reader.send({ op: "subscribe", ref: 1, topics: ["closed/a"] });
      expect(await reader.op("error", 1)).toMatchObject({ code: "unauthorized" });
      reader.send({ op: "auth", ref: 2, token: tokenFor({ read: ["closed/b"] }) });
      await reader.op("authorized", 2);
      reader.send({ op: "subscribe", ref: 3, topics: ["closed/a"] });
      expect(await reader.op("error", 3)).toMatchObject({ code: "forbidden" });
      reader.send({ op: "auth", ref: 4, token: tokenFor({ read: ["closed/a"] }) });
      reader.send({ op: "subscribe", ref: 5, topics: ["closed/a"] });
      await reader.op("subscribed", 5);
    });

    test("pong has the cursor of the newest event", async () => {
      const topic = openTopic();
      const reader = await connect({ topics: [topic] });
      const [event] = await gateway.current.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
      reader.send({ op: "ping", ref: 5 });
      expect(await reader.op("pong", 5)).toEqual({ op: "pong", ref: 5, cursor: event?.cursor });
    });

    test("heartbeats: pings, and an op with the cursor when nothing else was sent", async () => {
      const reader = await connect({ topics: [freshTopic()] }, beating);
      expect(reader.ops[0]?.["heartbeat"]).toBe(0.05);
      let pings = 0;
      reader.socket.on("ping", () => {
        pings += 1;
        reader.inbox.changed();
      });
      const [event] = await beating.current.publisher.publish({ topic: freshTopic(), data: 1 });
      await reader.inbox.until("pings and heartbeats", () => {
        const beats = reader.ops.filter(({ op, cursor }) => op === "heartbeat" && cursor === event?.cursor);
        return pings >= 3 && beats.length >= 3;
      });
      expect(Object.keys(reader.ops.at(-1) as object)).toEqual(["op", "cursor"]);
    });
  });

  describe("faults", () => {
    const BAD_MESSAGES: readonly (readonly [string, string, string | undefined])[] = [
      ["no JSON", "hello", undefined],
      ["an empty message", "", undefined],
      ["JSON with something behind it", '{"op":"ping"} x', undefined],
      ["an array", '["ping"]', undefined],
      ["null", "null", undefined],
      ["no op", '{"ref":1}', undefined],
      ["an op that is no text", '{"op":{},"ref":1}', undefined],
      ["an unknown op", '{"op":"dance","ref":1}', undefined],
      ["an op that every object has", '{"op":"__proto__","ref":1}', undefined],
      ["a ref that is an object", '{"op":"ping","ref":{}}', undefined],
      ["no topics", '{"op":"subscribe","ref":1}', undefined],
      ["empty topics", '{"op":"subscribe","ref":1,"topics":[]}', undefined],
      ["topics that are a text", '{"op":"subscribe","ref":1,"topics":"a"}', undefined],
      ["a topic that is a number", '{"op":"subscribe","ref":1,"topics":["open/a",1]}', undefined],
      ["a bad filter", '{"op":"subscribe","ref":1,"topics":["open//a"]}', "invalid-filter"],
      ["a bad cursor", '{"op":"subscribe","ref":1,"topics":["open/a"],"after":"x"}', "invalid-cursor"],
      ["a cursor that is a number", '{"op":"subscribe","ref":1,"topics":["open/a"],"after":5}', undefined],
      ["last and after", '{"op":"subscribe","ref":1,"topics":["open/a"],"after":"latest","last":1}', undefined],
      ["last above 100", '{"op":"subscribe","ref":1,"topics":["open/a"],"last":101}', undefined],
      ["last that is a text", '{"op":"subscribe","ref":1,"topics":["open/a"],"last":"1"}', undefined],
      ["types that are a text", '{"op":"subscribe","ref":1,"topics":["open/a"],"types":"x"}', undefined],
      ["unsubscribe without topics", '{"op":"unsubscribe","ref":1}', undefined],
      ["publish without events", '{"op":"publish","ref":1}', undefined],
      ["publish of nothing", '{"op":"publish","ref":1,"events":[]}', undefined],
      ["publish of a number", '{"op":"publish","ref":1,"events":[1]}', undefined],
      ["auth without a token", '{"op":"auth","ref":1}', undefined],
    ];

    test.each(BAD_MESSAGES)("%s: an error op, and the connection stays", async (_name, text, code) => {
      const topic = openTopic();
      const reader = await connect({ topics: [topic] });
      reader.send(text);
      const error = await reader.op("error");
      expect(Object.keys(error)[0]).toBe("op");
      expect(error).toMatchObject({ code: code ?? expect.stringMatching(/^[a-z-]+$/), detail: expect.any(String) });
      if (text.includes('"ref":1')) expect(error.ref).toBe(1);
      reader.send({ op: "ping", ref: "still there" });
      await reader.op("pong", "still there");
      await gateway.current.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
    });

    test("every bad message at once, under a publisher: errors for each, events for the others", async () => {
      const topic = openTopic();
      const [bad, good] = [await connect({ topics: [topic] }), await connect({ topics: [topic] })];
      for (const [, text] of BAD_MESSAGES) bad.send(text);
      for (let index = 0; index < 20; index += 1) await gateway.current.publisher.publish({ topic, data: index });
      await bad.inbox.until(
        "all errors",
        () => bad.ops.filter(({ op }) => op === "error").length === BAD_MESSAGES.length,
      );
      await bad.inbox.take(20);
      expect(await good.inbox.take(20)).toEqual(bad.inbox.events);
    });

    test("a message of the largest size is taken, one that is larger ends with 1009", async () => {
      const reader = await connect();
      const whole = `{"op":"ping","ref":1,"filling":"${"x".repeat(16 * 1024)}`.slice(0, 16 * 1024 - 2);
      reader.send(`${whole}"}`);
      await reader.op("pong", 1);
      reader.send(`${whole}xx"}`);
      expect((await reader.inbox.untilEnd()).how).toBe(1009);
    });

    test("a flood is answered with rate-limited, and ends with 1008 if it goes on; others don't notice", async () => {
      const topic = freshTopic();
      const [flooding, other] = [
        await connect({ topics: [topic] }, strict),
        await connect({ topics: [topic] }, strict),
      ];
      for (let count = 0; count < 2000 && flooding.inbox.end === null; count += 1)
        flooding.send({ op: "ping", ref: count });
      expect((await flooding.inbox.untilEnd()).how).toBe(1008);
      await strict.current.publisher.publish({ topic, data: 1 });
      await other.inbox.take(1);
    });

    const BROKEN_FRAMES: readonly (readonly [string, Buffer, number])[] = [
      ["a reserved opcode", frame(0x83, Buffer.from("x")), 1002],
      ["a reserved bit", frame(0xc1, Buffer.from("x")), 1002],
      ["no mask", frame(0x81, Buffer.from("{}"), { isMasked: false }), 1002],
      ["a fragmented ping", frame(0x09, Buffer.from("x")), 1002],
      ["a continuation of nothing", frame(0x80, Buffer.from("x")), 1002],
      ["a ping that is too long", frame(0x89, Buffer.alloc(126)), 1002],
      ["a close frame with one byte", frame(0x88, Buffer.from("x")), 1002],
      ["bad UTF-8", frame(0x81, Buffer.from([0xc3, 0x28])), 1007],
      ["a surrogate in UTF-8", frame(0x81, Buffer.from([0xed, 0xa0, 0x80])), 1007],
      [
        "bad UTF-8 cut into fragments",
        Buffer.concat([frame(0x01, Buffer.from([0xc3])), frame(0x80, Buffer.from([0x28]))]),
        1007,
      ],
      [
        "fragments that are too large together",
        Buffer.concat([frame(0x01, Buffer.alloc(16_000, "x")), frame(0x80, Buffer.alloc(16_000, "x"))]),
        1009,
      ],
    ];

    test.each(BROKEN_FRAMES)("%s ends that connection alone", async (_name, bytes, code) => {
      const topic = openTopic();
      const other = await connect({ topics: [topic] });
      const broken = await rawWebSocket(gateway.current.url, `/realtime/events?topic=${topic}`);
      broken.send(bytes);
      const received = await broken.untilClosed();
      expect(closeCodeIn(received)).toBe(code);
      await gateway.current.publisher.publish({ topic, data: 1 });
      await other.inbox.take(1);
      await gateway.current.untilConnections("websocket", 1);
    });

    test("a binary message is refused", async () => {
      const reader = await connect();
      reader.socket.send(Buffer.from('{"op":"ping","ref":1}'));
      await reader.inbox.until(
        "the refusal",
        () => reader.inbox.end !== null || reader.ops.some(({ op }) => op === "error"),
      );
      if (reader.inbox.end !== null) expect(reader.inbox.end.how).toBe(1003);
      expect(reader.ops.some(({ op }) => op === "pong")).toBe(false);
    });

    test.each([
      ["another version", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 7\r\n", [400, 426]],
      ["a key that is too short", "Sec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n", [400]],
      ["no key", "Sec-WebSocket-Version: 13\r\n", [400]],
    ])("a handshake with %s is refused with a problem", async (_name, headers, statuses) => {
      const connection = await RawConnection.open(gateway.current.url);
      const head =
        "GET /realtime/events?topic=open/a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
      connection.send(`${head}${headers}\r\n`);
      const received = await connection.untilClosed();
      expect(statuses).toContain(Number(/^HTTP\/1\.1 (\d+) /.exec(received)?.[1]));
      expect(received.toLowerCase()).toContain("content-type: application/problem+json");
    });
  });
});
