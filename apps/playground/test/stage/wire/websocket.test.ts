import { describe, expect, test } from "vitest";
import { answer, arrowsOf, ask, eventJson, message, readDialogue, type Line } from "./dialogue.ts";

const UPGRADE = [
  ask(message(["GET /realtime/events HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"])),
  answer(message(["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"])),
];

interface FrameOptions {
  readonly opcode?: number;
  readonly isLast?: boolean;
  readonly isCompressed?: boolean;
}

/** A frame of RFC 6455 §5.2, without a mask. */
function frame(
  payload: string | Buffer,
  { opcode = 1, isLast = true, isCompressed = false }: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload);
  const first = (isLast ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode;
  if (bytes.length < 126) return Buffer.concat([Buffer.of(first, bytes.length), bytes]);
  const isShort = bytes.length < 65_536;
  const head = Buffer.alloc(isShort ? 4 : 10);
  head[0] = first;
  head[1] = isShort ? 126 : 127;
  if (isShort) head.writeUInt16BE(bytes.length, 2);
  else head.writeBigUInt64BE(BigInt(bytes.length), 2);
  return Buffer.concat([head, bytes]);
}

/** The same with a mask, as clients send it. */
function masked(payload: string, options: FrameOptions = {}): Buffer {
  const plain = frame(payload, options);
  const start = plain.length - Buffer.byteLength(payload);
  const mask = Buffer.from([0xde, 0xad, 0xbe, 0xef]);
  const head = Buffer.from(plain.subarray(0, start));
  head[1] = (head[1] as number) | 0x80;
  return Buffer.concat([head, mask, plain.subarray(start).map((byte, index) => byte ^ (mask[index % 4] as number))]);
}

function talk(...lines: readonly Line[]): readonly unknown[][] {
  const arrows = readDialogue([...UPGRADE, ...lines]);
  expect(arrows.slice(0, 2)).toMatchObject([
    { label: "GET /realtime/events" },
    { label: "101, websocket", answerTo: 2 },
  ]);
  return arrows.slice(2).map(({ from, what, label, bytes, text }) => [from, what, label, bytes, text]);
}

describe("a WebSocket", () => {
  test("tells ops, events and signs of life apart, unmasked", () => {
    const subscribe = '{"op":"subscribe","topics":["orders"]}';
    const event = eventJson();
    const seen = talk(
      ask(masked(subscribe)),
      answer(Buffer.concat([frame('{"op":"welcome"}'), frame(event), frame('{"op":"heartbeat"}')])),
      answer(frame("", { opcode: 9 })),
      ask(masked("", { opcode: 10 })),
      ask(masked('{"op":"ping"}')),
      answer(frame("plain")),
      answer(frame(Buffer.of(1, 2), { opcode: 2 })),
      answer(frame(Buffer.of(3, 0xe9), { opcode: 8 })),
      ask(masked("", { opcode: 8 })),
    );
    expect(seen.map((arrow) => arrow.slice(0, 3))).toEqual([
      ["client", "frame", "subscribe"],
      ["gateway", "frame", "welcome"],
      ["gateway", "event", "orders/k3m9xz updated"],
      ["gateway", "heartbeat", "heartbeat"],
      ["gateway", "heartbeat", "ping"],
      ["client", "heartbeat", "pong"],
      ["client", "heartbeat", "ping"],
      ["gateway", "frame", "text"],
      ["gateway", "frame", "binary"],
      ["gateway", "frame", "close 1001"],
      ["client", "frame", "close"],
    ]);
    expect(seen[0]?.slice(3)).toEqual([subscribe.length + 6, subscribe]);
    expect(seen[2]?.slice(3)).toEqual([frame(event).length, event]);
  });

  test("puts fragments together, with a ping between them", () => {
    const parts = [
      frame('{"op":', { isLast: false }),
      frame("still there?", { opcode: 9 }),
      frame('"wel', { opcode: 0, isLast: false }),
      frame('come"}', { opcode: 0 }),
    ];
    const bytes = parts.map(({ length }) => length) as [number, number, number, number];
    expect(talk(answer(Buffer.concat(parts)))).toEqual([
      ["gateway", "heartbeat", "ping", bytes[1], "still there?"],
      ["gateway", "frame", "welcome", bytes[0] + bytes[2] + bytes[3], '{"op":"welcome"}'],
    ]);
  });

  test("has lengths of 7, 16 and 64 bits", () => {
    const sizes = [125, 126, 1_000];
    const seen = talk(answer(Buffer.concat(sizes.map((size) => frame("x".repeat(size))))));
    expect(seen.map(([, , , bytes]) => bytes)).toEqual([127, 130, 1_004]);
    const long = frame("x".repeat(1_000));
    const wide = Buffer.concat([Buffer.of(0x81, 127, 0, 0, 0, 0, 0, 0, 3, 0xe8), long.subarray(4)]);
    expect(talk(answer(wide))).toEqual([["gateway", "frame", "text", 1_010, "x".repeat(1_000)]]);
  });

  test("may carry a message that is too large to be looked into", () => {
    const large = frame(JSON.stringify({ op: "x".repeat(1024 * 1024) }));
    const arrows = arrowsOf([...UPGRADE, answer(large)], (bytes) => [bytes], "client");
    expect(arrows[3]).toMatchObject({ what: "frame", label: "text", bytes: large.length, isTextCut: true });
  });

  test("says when a message is compressed", () => {
    expect(talk(answer(frame("zzz", { isCompressed: true })))).toMatchObject([
      ["gateway", "frame", "compressed", 5, "zzz"],
    ]);
  });

  test("may be cut in the middle of a message, of fragments, or be no WebSocket any more", () => {
    expect(talk(answer(frame("hello").subarray(0, 4)))).toEqual([["gateway", "frame", "cut off", 4, "he"]]);
    const begun = frame("he", { isLast: false });
    expect(talk(answer(begun))).toEqual([["gateway", "frame", "half a message", 4, "he"]]);
    const stray = arrowsOf([...UPGRADE, answer(begun), answer(frame("again"))], (bytes) => [bytes], "client");
    expect(stray.slice(3, -1)).toMatchObject([
      { label: "half a message" },
      { label: "unreadable", text: "\ufffd\u0005again" },
    ]);
  });
});
