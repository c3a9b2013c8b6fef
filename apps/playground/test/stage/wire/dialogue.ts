import { expect } from "vitest";
import type { Arrow } from "../../../src/stage/stage-protocol.ts";
import { Conversation, type Party } from "../../../src/stage/wire/conversation.ts";

/** What one of the two says, after all that was said before. */
export interface Line {
  readonly by: "asker" | "other";
  readonly bytes: Buffer;
}

/** The one who connected says something. */
export function ask(text: string | Buffer): Line {
  return { by: "asker", bytes: Buffer.from(text) };
}

/** The other one says something. */
export function answer(text: string | Buffer): Line {
  return { by: "other", bytes: Buffer.from(text) };
}

/** The arrows of a dialogue that then ends, its bytes cut into pieces. The time is the number of the piece. */
export function arrowsOf(lines: readonly Line[], cut: (bytes: Buffer) => readonly Buffer[], asker: Party): Arrow[] {
  const arrows: Arrow[] = [];
  let number = 0;
  const numbers = { nextArrow: () => (number += 1), nextConnection: () => 7 };
  const conversation = new Conversation({ lane: "sse", asker, numbers, onArrow: (arrow) => arrows.push(arrow) });
  let time = 0;
  conversation.opened(time);
  for (const { by, bytes } of lines) {
    for (const piece of cut(bytes)) {
      time += 1;
      if (by === "asker") conversation.asked(piece, time);
      else conversation.answered(piece, time);
    }
  }
  conversation.closed("gateway", "closed", time);
  const total = lines.reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect(arrows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(total);
  expect(arrows.map((arrow) => arrow.number)).toEqual(arrows.map((_arrow, index) => index + 1));
  return arrows;
}

/**
 * The arrows of a dialogue, after making sure that they are the same wherever its bytes are cut in two, and when they
 * come one by one. Without those of the connection's beginning and end.
 */
export function readDialogue(lines: readonly Line[], asker: Party = "client"): readonly Arrow[] {
  const whole = arrowsOf(lines, (bytes) => [bytes], asker);
  const timeless = (arrows: readonly Arrow[]): unknown => arrows.map((arrow) => ({ ...arrow, beganAt: 0, endedAt: 0 }));
  const longest = Math.max(...lines.map(({ bytes }) => bytes.length));
  for (let at = 1; at < longest; at += 1) {
    const split = arrowsOf(lines, (bytes) => [bytes.subarray(0, at), bytes.subarray(at)].filter(isSome), asker);
    expect(timeless(split), `cut at ${at}`).toEqual(timeless(whole));
  }
  const single = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.of(byte));
  expect(timeless(arrowsOf(lines, single, asker)), "one by one").toEqual(timeless(whole));
  expect([whole[0]?.what, whole.at(-1)?.what]).toEqual(["open", "close"]);
  return whole.slice(1, -1);
}

/** An HTTP message with these lines as its head. */
export function message(head: readonly string[], body = ""): string {
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

/** A body in chunks. */
export function chunked(...chunks: readonly string[]): string {
  const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  return `${chunks.map(chunk).join("")}0\r\n\r\n`;
}

/** The JSON of an event. */
export function eventJson(topic = "orders/k3m9xz", type = "updated"): string {
  return JSON.stringify({
    id: "1",
    topic,
    type,
    time: "2026-11-24T10:00:00.000Z",
    cursor: "a-1",
    data: { pizza: "é" },
  });
}

function isSome(bytes: Buffer): boolean {
  return bytes.length > 0;
}
