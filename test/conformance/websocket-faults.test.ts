import { describe, expect, test } from "vitest";
import { RawConnection } from "../support/raw-connection.ts";
import { freshTopic } from "../support/topics.ts";
import { closeCodeIn, frame, rawWebSocket } from "../support/ws-frames.ts";
import { useGateway } from "./use.ts";
import { guarded, openTopic, useWebSocket } from "./use-websocket.ts";

describe("WebSocket: faults", () => {
  const gateway = useGateway(guarded);
  const connect = useWebSocket();
  const narrow = useGateway({ limits: { connections: 2, connections_per_ip: 2 } });
  const strict = useGateway({ limits: { messages_per_second: 5 } });

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
    const reader = await connect(gateway, { topics: [topic] });
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
    const [bad, good] = [await connect(gateway, { topics: [topic] }), await connect(gateway, { topics: [topic] })];
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
    const reader = await connect(gateway);
    const whole = `{"op":"ping","ref":1,"filling":"${"x".repeat(16 * 1024)}`.slice(0, 16 * 1024 - 2);
    reader.send(`${whole}"}`);
    await reader.op("pong", 1);
    reader.send(`${whole}xx"}`);
    expect((await reader.inbox.untilEnd()).how).toBe(1009);
  });

  test("a flood is answered with rate-limited, and ends with 1008 if it goes on; others don't notice", async () => {
    const topic = freshTopic();
    const [flooding, other] = [await connect(strict, { topics: [topic] }), await connect(strict, { topics: [topic] })];
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
    const other = await connect(gateway, { topics: [topic] });
    const broken = await rawWebSocket(gateway.current.url, `/realtime/events?topic=${topic}`);
    broken.send(bytes);
    const received = await broken.untilClosed();
    expect(closeCodeIn(received)).toBe(code);
    await gateway.current.publisher.publish({ topic, data: 1 });
    await other.inbox.take(1);
    await gateway.current.untilConnections("websocket", 1);
  });

  test("a binary message is refused", async () => {
    const reader = await connect(gateway);
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

  test("handshakes that fail keep no place", async () => {
    for (let round = 0; round < 10; round += 1) {
      const connection = await RawConnection.open(narrow.current.url);
      connection.send(
        "GET /realtime/events?topic=a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Version: 13\r\n\r\n",
      );
      await connection.untilClosed();
    }
    await connect(narrow, { topics: ["a"] });
    await connect(narrow, { topics: ["a"] });
  });
});
