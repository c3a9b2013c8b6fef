import { interestIn, parseFilter } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client } from "./client.ts";
import { TestServer } from "./test-server.ts";
import { until } from "./until.ts";

let server: TestServer;
let client: Client;

beforeEach(async () => {
  server = await TestServer.start();
  server.access.add("all", ["**"], ["**"]);
  client = await Client.open(server.url(), "all");
});

afterEach(async () => {
  client.close();
  await server.close();
});

describe("welcome", () => {
  it("tells session, cursor and heartbeat", async () => {
    await server.publish("a");
    const other = await Client.open(server.url());
    expect(other.texts[0]).toMatch(/^\{"op":"welcome","session":"[0-9A-Z]+","cursor":"[^"]+","heartbeat":25\}$/);
    expect(other.messages[0]?.["cursor"]).toBe(server.bus.cursor);
    expect(other.messages[0]?.["session"]).not.toBe(client.messages[0]?.["session"]);
    other.close();
  });
});

describe("subscribe", () => {
  it("answers with the ref, then delivers each event's JSON and nothing else", async () => {
    const answer = await client.ask({ op: "subscribe", ref: 1, topics: ["a", "b/*"] });
    expect(answer).toEqual({ op: "subscribed", ref: 1, topics: ["a", "b/*"], cursor: server.bus.cursor });
    await server.publish("a", "ä");
    await server.publish("c", 0);
    await server.publish("b/x", 2);
    await client.untilData(["ä", 2]);
    expect(client.data).toEqual(["ä", 2]);
    const stored = await server.bus.read(interestIn([parseFilter("**")]), "earliest", 10);
    const wanted = stored.events.filter(({ topic }) => topic !== "c").map(({ json }) => json);
    expect(client.texts.slice(2)).toEqual(wanted);
  });

  it("gives an event once, however many of its subscriptions match", async () => {
    await client.ask({ op: "subscribe", ref: 1, topics: ["a/**", "a/b", "a/*"] });
    await client.ask({ op: "subscribe", ref: 2, topics: ["a/b"], types: ["message"] });
    await server.publish("a/b", 1);
    await server.publish("a/b", 2);
    await client.untilData([1, 2]);
    await client.ask({ op: "ping", ref: 3 });
    expect(client.data).toEqual([1, 2]);
  });

  it("limits topics to types", async () => {
    await client.ask({ op: "subscribe", ref: 1, topics: ["a"], types: ["x", "y"] });
    await server.publish("a", 1, "x");
    await server.publish("a", 2, "z");
    await server.publish("a", 3, "y");
    await client.untilData([1, 3]);
    expect(client.data).toEqual([1, 3]);
  });

  it("replays from a cursor beside what is live, and then tells live", async () => {
    const before = server.bus.cursor;
    for (const data of [1, 2, 3]) await server.publish("old", data);
    await client.ask({ op: "subscribe", ref: "l", topics: ["new"] });
    client.send({ op: "subscribe", ref: "r", topics: ["old"], after: before });
    await client.op("live", "r");
    await server.publish("new", 4);
    await server.publish("old", 5);
    await client.untilData([1, 2, 3, 4, 5]);
    expect(client.data).toEqual([1, 2, 3, 4, 5]);
    const kinds = client.messages.slice(2).map((message) => message["op"] ?? message["data"]);
    expect(kinds).toEqual(["subscribed", 1, 2, 3, "live", 4, 5]);
    expect((await client.op("subscribed", "r"))["cursor"]).toBe(before);
  });

  it("replays the newest N", async () => {
    for (const data of [1, 2, 3]) await server.publish("a", data);
    client.send({ op: "subscribe", ref: 1, topics: ["a"], last: 2 });
    const live = await client.op("live", 1);
    expect(client.data).toEqual([2, 3]);
    expect(live["cursor"]).toBe(server.bus.cursor);
  });

  it("tells live also where there is nothing to replay", async () => {
    for (const start of [{ after: "latest" }, { after: "earliest" }, { last: 0 }, { after: server.bus.cursor }]) {
      const ref = JSON.stringify(start);
      client.send({ op: "subscribe", ref, topics: [`t${Object.values(start).length}`], ...start });
      expect(await client.op("live", ref)).toEqual({ op: "live", ref, cursor: server.bus.cursor });
    }
    expect((await client.ask({ op: "subscribe", ref: "plain", topics: ["p"] }))["op"]).toBe("subscribed");
    await client.ask({ op: "ping", ref: "p" });
    expect(client.ops.some((op) => op["op"] === "live" && op["ref"] === "plain")).toBe(false);
  });

  it("tells a gap with the ref, and goes on", async () => {
    const small = await TestServer.start({ retention: { events: 2 } });
    small.access.add("all", ["**"]);
    const reader = await Client.open(small.url(), "all");
    const before = small.bus.cursor;
    for (const data of [1, 2, 3, 4]) await small.publish("a", data);
    reader.send({ op: "subscribe", ref: 7, topics: ["a"], after: before });
    await reader.op("live", 7);
    const gap = await reader.op("gap", 7);
    expect(gap).toEqual({ op: "gap", ref: 7, after: before, resumed_at: gap["resumed_at"], reason: "expired" });
    expect(reader.data).toEqual([3, 4]);
    expect(reader.messages.map((message) => message["op"] ?? "event")).toEqual([
      "welcome",
      "subscribed",
      "gap",
      "event",
      "event",
      "live",
    ]);

    const other = await Client.open(small.url());
    other.send({ op: "auth", token: "all" });
    other.send({ op: "subscribe", topics: ["a"], after: "zzz1-5" });
    expect(await other.op("gap")).toMatchObject({ reason: "reset", after: "zzz1-5" });
    expect(Object.keys(await other.op("gap"))).not.toContain("ref");
    reader.close();
    other.close();
    await small.close();
  });

  it("refuses what is not granted, and stays", async () => {
    const guest = await Client.open(server.url());
    expect(await guest.ask({ op: "subscribe", ref: 1, topics: ["public/x", "secret"] })).toMatchObject({
      op: "error",
      code: "unauthorized",
    });
    server.access.add("some", ["a"]);
    const some = await Client.open(server.url(), "some");
    expect(await some.ask({ op: "subscribe", ref: 1, topics: ["**"] })).toMatchObject({
      op: "error",
      code: "forbidden",
    });
    expect(await some.ask({ op: "subscribe", ref: 2, topics: ["a"] })).toMatchObject({ op: "subscribed" });
    await server.publish("public/x", 1);
    await server.publish("a", 2);
    await some.untilData([2]);
    await guest.ask({ op: "ping", ref: 2 });
    expect(guest.events).toEqual([]);
    expect(server.refused).toEqual(["unauthorized", "forbidden"]);
    guest.close();
    some.close();
  });

  it("has a bound of topics, and of the same topic with other types", async () => {
    server.limits = { ...server.limits, subscriptions: 3 };
    expect(await client.ask({ op: "subscribe", ref: 1, topics: ["a", "b"] })).toMatchObject({ op: "subscribed" });
    const over = await client.ask({ op: "subscribe", ref: 2, topics: ["c", "d"] });
    expect(over).toMatchObject({ op: "error", code: "too-many-subscriptions", field: "topics" });
    expect(await client.ask({ op: "subscribe", ref: 3, topics: ["a", "c"] })).toMatchObject({ op: "subscribed" });
    for (let n = 0; n < 3; n += 1) await client.ask({ op: "subscribe", ref: `t${n}`, topics: ["a"], types: [`t${n}`] });
    expect(await client.ask({ op: "subscribe", ref: 4, topics: ["a"], types: ["more"] })).toMatchObject({
      code: "too-many-subscriptions",
    });
    await client.ask({ op: "unsubscribe", ref: 5, topics: ["a"] });
    expect(await client.ask({ op: "subscribe", ref: 6, topics: ["d"] })).toMatchObject({ op: "subscribed" });
  });
});

describe("unsubscribe", () => {
  it("ends what is delivered, and passes over what was not asked for", async () => {
    await client.ask({ op: "subscribe", ref: 1, topics: ["a", "b"] });
    expect(await client.ask({ op: "unsubscribe", ref: 2, topics: ["a", "never"] })).toEqual({
      op: "unsubscribed",
      ref: 2,
      topics: ["a", "never"],
    });
    await server.publish("a", 1);
    await server.publish("b", 2);
    await client.untilData([2]);
    expect(client.data).toEqual([2]);
  });
});

describe("publish", () => {
  it("answers with ids and cursors, and keeps the data as written", async () => {
    await client.ask({ op: "subscribe", ref: 1, topics: ["a"] });
    client.send(
      '{"op":"publish", "events" : [ {"topic":"a","id":"one","data":{"n":12345678901234567890, "x":1e400}} ],"ref":2}',
    );
    const answer = await client.op("published", 2);
    expect(answer).toEqual({ op: "published", ref: 2, events: [{ id: "one", cursor: server.bus.cursor }] });
    await client.untilData([1]);
    expect(client.texts.find((text) => text.startsWith('{"id":"one"'))).toContain(
      '"data":{"n":12345678901234567890,"x":1e400}}',
    );

    const again = await client.ask({
      op: "publish",
      ref: 3,
      events: [
        { topic: "a", id: "one", data: 0 },
        { topic: "a", id: "two", data: 0 },
      ],
    });
    expect(again["events"]).toEqual([
      { id: "one", cursor: (answer["events"] as { cursor: string }[])[0]?.cursor, duplicate: true },
      { id: "two", cursor: server.bus.cursor },
    ]);
  });

  it("is all or nothing, and says which event is at fault", async () => {
    server.access.add("some", [], ["a"]);
    const some = await Client.open(server.url(), "some");
    const head = server.bus.cursor;
    const events = [
      { topic: "a", data: 1 },
      { topic: "b", data: 2 },
    ];
    expect(await some.ask({ op: "publish", ref: 1, events })).toMatchObject({ op: "error", code: "forbidden" });
    expect(await some.ask({ op: "publish", ref: 2, events: [{ topic: "a", data: 1 }, { topic: "a" }] })).toMatchObject({
      op: "error",
      code: "invalid-event",
      index: 1,
      field: "data",
    });
    expect(await some.ask({ op: "publish", ref: 3, events: [{ topic: "$sys/x", data: 1 }] })).toMatchObject({
      code: "invalid-topic",
    });
    expect(await some.ask({ op: "publish", ref: 4, events: [] })).toMatchObject({ code: "invalid-event" });
    server.limits = { ...server.limits, eventBytes: 10 };
    expect(await some.ask({ op: "publish", ref: 5, events: [{ topic: "a", data: "0123456789" }] })).toMatchObject({
      code: "too-large",
    });
    expect(server.bus.cursor).toBe(head);
    some.close();
  });

  it("holds for a client that closes right behind it", async () => {
    const hasty = await Client.open(server.url(), "all");
    await client.ask({ op: "subscribe", ref: 1, topics: ["a"] });
    hasty.send({ op: "publish", events: [{ topic: "a", data: 1 }] });
    hasty.send({ op: "publish", events: [{ topic: "a", data: 2 }] });
    hasty.socket.close();
    await client.untilData([1, 2]);
    expect(client.data).toEqual([1, 2]);
  });
});

describe("auth", () => {
  it("refreshes in place", async () => {
    server.access.add("wide", ["**"], [], Date.UTC(2030, 0, 1));
    const guest = await Client.open(server.url("topic=public/a"));
    expect(await guest.ask({ op: "auth", ref: 4, token: "wide" })).toEqual({
      op: "authorized",
      ref: 4,
      expires: "2030-01-01T00:00:00.000Z",
    });
    expect(await guest.ask({ op: "subscribe", ref: 5, topics: ["secret"] })).toMatchObject({ op: "subscribed" });
    expect([...server.access.guards].map(({ principal }) => principal.subject)).toContain("wide");
    expect(await guest.ask({ op: "auth", ref: 6, token: "all" })).toEqual({ op: "authorized", ref: 6, expires: null });
    guest.close();
  });

  it("keeps the old principal if the new one is not known or may not read what is subscribed", async () => {
    server.access.add("narrow", ["b"]);
    await client.ask({ op: "subscribe", ref: 1, topics: ["a"] });
    expect(await client.ask({ op: "auth", ref: 2, token: "unknown" })).toMatchObject({
      op: "error",
      code: "unauthorized",
    });
    expect(await client.ask({ op: "auth", ref: 3, token: "narrow" })).toMatchObject({ op: "error", code: "forbidden" });
    expect(await client.ask({ op: "auth", ref: 4, token: "a\r\nb" })).toMatchObject({
      op: "error",
      code: "invalid-message",
      field: "token",
    });
    expect(await client.ask({ op: "subscribe", ref: 5, topics: ["c"] })).toMatchObject({ op: "subscribed" });
    await server.publish("a", 1);
    await client.untilData([1]);
  });
});

describe("ping", () => {
  it("answers with the cursor", async () => {
    await client.ask({ op: "subscribe", ref: 1, topics: ["a"] });
    await server.publish("elsewhere");
    expect(await client.ask({ op: "ping", ref: 2 })).toEqual({ op: "pong", ref: 2, cursor: server.bus.cursor });
  });

  it("repeats any ref exactly, and none where there was none", async () => {
    const refs = ['"\\u00e4\\"\\ud800"', "12345678901234567890", "1.50", "-0", "1e400", '""', "0"];
    for (const ref of refs) client.send(`{"op":"ping","ref":${ref}}`);
    client.send('{"op":"ping"}');
    await until("the pongs", () => client.ops.length === refs.length + 2);
    const cursor = server.bus.cursor;
    const written = [...refs];
    written[0] = '"ä\\"\\ud800"';
    expect(client.texts.slice(1)).toEqual([
      ...written.map((ref) => `{"op":"pong","ref":${ref},"cursor":"${cursor}"}`),
      `{"op":"pong","cursor":"${cursor}"}`,
    ]);
  });
});

describe("what is wrong", () => {
  it.each([
    ["not JSON", "{", "invalid-message", undefined],
    ["trailing text", '{"op":"ping"} x', "invalid-message", undefined],
    ["an array", "[]", "invalid-message", undefined],
    ["null", "null", "invalid-message", undefined],
    ["no op", '{"ref":1}', "invalid-message", 1],
    ["an unknown op", '{"op":"jump","ref":1}', "invalid-message", 1],
    ["a name of every object", '{"op":"constructor","ref":1}', "invalid-message", 1],
    ["a ref that is no string or number", '{"op":"ping","ref":{"a":1}}', "invalid-message", undefined],
    ["a ref that is too long", `{"op":"ping","ref":"${"x".repeat(200)}"}`, "invalid-message", undefined],
    ["no topics", '{"op":"subscribe","ref":1}', "invalid-message", 1],
    ["empty topics", '{"op":"subscribe","ref":1,"topics":[]}', "invalid-message", 1],
    ["topics that are no strings", '{"op":"subscribe","ref":1,"topics":[1]}', "invalid-message", 1],
    [
      "too many topics",
      JSON.stringify({ op: "subscribe", ref: 1, topics: Array(101).fill("a") }),
      "invalid-message",
      1,
    ],
    ["a bad filter", '{"op":"subscribe","ref":1,"topics":["a//b"]}', "invalid-filter", 1],
    ["a bad cursor", '{"op":"subscribe","ref":1,"topics":["a"],"after":"!"}', "invalid-cursor", 1],
    ["after that is no string", '{"op":"subscribe","ref":1,"topics":["a"],"after":5}', "invalid-message", 1],
    ["after and last", '{"op":"subscribe","ref":1,"topics":["a"],"after":"latest","last":1}', "invalid-message", 1],
    ["last out of range", '{"op":"subscribe","ref":1,"topics":["a"],"last":101}', "invalid-message", 1],
    ["a bad type", '{"op":"subscribe","ref":1,"topics":["a"],"types":["a b"]}', "invalid-message", 1],
    ["events that are no array", '{"op":"publish","ref":1,"events":{}}', "invalid-message", 1],
    ["no token", '{"op":"auth","ref":1}', "invalid-message", 1],
  ])("%s is an error, and the connection stays", async (_what, text, code, ref) => {
    client.send(text);
    const error = await client.op("error");
    expect(error["code"]).toBe(code);
    expect(error["ref"]).toBe(ref);
    expect(typeof error["detail"]).toBe("string");
    expect(Object.keys(error)[0]).toBe("op");
    expect(await client.ask({ op: "ping", ref: "still" })).toMatchObject({ op: "pong" });
    expect(server.refused).toEqual([code]);
  });

  it("includes binary messages", async () => {
    client.socket.send(Buffer.from('{"op":"ping","ref":1}'));
    expect(await client.op("error")).toMatchObject({ code: "invalid-message" });
    expect(await client.ask({ op: "ping", ref: 2 })).toMatchObject({ op: "pong" });
  });
});

describe("order", () => {
  it("is that of the client's messages, however long one has to wait", async () => {
    let open = (): void => undefined;
    server.access.gate = new Promise((resolve) => (open = resolve));
    client.send({ op: "subscribe", ref: 1, topics: ["a"] });
    client.send({ op: "unsubscribe", ref: 2, topics: ["a"] });
    client.send({ op: "publish", ref: 3, events: [{ topic: "a", data: 1 }] });
    for (let ref = 4; ref < 40; ref += 1) client.send({ op: "ping", ref });
    await until(
      "the client to be left unread",
      () => server.refused.length === 0 && client.socket.bufferedAmount === 0,
    );
    expect(client.ops.length).toBe(1);
    open();
    await client.op("pong", 39);
    expect(client.ops.slice(1).map((op) => op["ref"])).toEqual(Array.from({ length: 39 }, (_, index) => index + 1));
    expect(client.events).toEqual([]);
  });
});
