import { describe, expect, test } from "vitest";
import { dataOf } from "../support/event-json.ts";
import { shiftingClock } from "../support/shifting-clock.ts";
import { signToken, tokenFor } from "../support/tokens.ts";
import { freshTopic } from "../support/topics.ts";
import { useGateway } from "./use.ts";
import { guarded, openTopic, useWebSocket } from "./use-websocket.ts";

const inAnHour = Math.floor(Date.now() / 1000) + 3600;

describe("WebSocket: publish, auth, ping", () => {
  const clock = shiftingClock();
  const gateway = useGateway(guarded);
  const dated = useGateway(guarded, undefined, clock);
  const connect = useWebSocket();
  const beating = useGateway({ transports: { websocket: { heartbeat: "50ms" } } });

  test("publish with a grant: receipts as by HTTP, and readers get the events", async () => {
    const topic = `closed/${freshTopic()}`;
    const reader = await connect(gateway, {
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
    const reader = await connect(gateway, { topics: [topic], accessToken });
    reader.send({
      op: "publish",
      ref: 1,
      events: [
        { topic, data: 1 },
        { topic: "closed/other", data: 2 },
      ],
    });
    expect(await reader.op("error", 1)).toMatchObject({
      code: "forbidden",
      detail: expect.any(String),
      index: 1,
      field: "topic",
    });
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
    expect(dataOf(reader.inbox.events)).toEqual([5]);
    const stranger = await connect(gateway);
    stranger.send({ op: "publish", ref: 1, events: [{ topic, data: 1 }] });
    expect(await stranger.op("error", 1)).toMatchObject({ code: "unauthorized" });
  });

  test("auth refreshes in place: the connection outlives its first token", async () => {
    const topic = `closed/${freshTopic()}`;
    const exp = Math.floor(clock.now() / 1000) + 60;
    const options = { topics: [topic], accessToken: signToken({ exp, sluice: { read: [topic] } }) };
    const reader = await connect(dated, options);
    const other = await connect(dated, options);
    const longer = signToken({ exp: inAnHour, sluice: { read: ["closed/**"] } });
    reader.send({ op: "auth", ref: 4, token: longer });
    const authorized = await reader.op("authorized", 4);
    expect(Date.parse(authorized["expires"] as string)).toBe(inAnHour * 1000);
    clock.setOn(exp);
    expect((await other.inbox.untilEnd()).how).toBe(4401);
    reader.send({ op: "subscribe", ref: 5, topics: ["closed/more"] });
    await reader.op("subscribed", 5);
    await dated.current.publisher.publish({ topic, data: 1 });
    await reader.inbox.take(1);
  });

  test("auth with a token that is none is refused; what was granted stays", async () => {
    const topic = `closed/${freshTopic()}`;
    const reader = await connect(gateway, { topics: [topic], accessToken: tokenFor({ read: [topic] }) });
    for (const [ref, token] of ["nonsense", signToken({ exp: 1 }), "two words", ""].entries()) {
      reader.send({ op: "auth", ref, token });
      const { code } = await reader.op("error", ref);
      expect(["unauthorized", "invalid-message"]).toContain(code);
    }
    await gateway.current.publisher.publish({ topic, data: 1 });
    await reader.inbox.take(1);
  });

  test("auth opens what was closed before", async () => {
    const reader = await connect(gateway);
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
    const reader = await connect(gateway, { topics: [topic] });
    const [event] = await gateway.current.publisher.publish({ topic, data: 1 });
    await reader.inbox.take(1);
    reader.send({ op: "ping", ref: 5 });
    expect(await reader.op("pong", 5)).toEqual({ op: "pong", ref: 5, cursor: event?.cursor });
  });

  test("heartbeats: pings, and an op with the cursor when nothing else was sent", async () => {
    const reader = await connect(beating, { topics: [freshTopic()] });
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
