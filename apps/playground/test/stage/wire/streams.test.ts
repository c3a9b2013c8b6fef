import { describe, expect, test } from "vitest";
import { answer, ask, chunked, eventJson, message, readDialogue } from "./dialogue.ts";

const GET = message(["GET /realtime/events?topic=orders HTTP/1.1", "accept: text/event-stream"]);
const HEAD = ["HTTP/1.1 200 OK", "content-type: text/event-stream"];
const CHUNKED = [...HEAD, "transfer-encoding: chunked"];
const START = "retry: 2188\n: cursor a-1\nid: a-1\n\n";
const EVENT = `id: a-1\ndata: ${eventJson()}\n\n`;
const HEARTBEAT = ": heartbeat\nid: a-1\n\n";

describe("a stream of Server-Sent Events", () => {
  test("is an arrow for its head, and one for each frame, however frames and chunks lie", () => {
    const rest = `${HEARTBEAT}${EVENT}event: gap\ndata: {}\n\n: draining\nretry: 10\n\n`;
    const body = chunked(START, EVENT + EVENT, rest.slice(0, 40), rest.slice(40));
    const next = message(["HTTP/1.1 304 Not Modified"]);
    const arrows = readDialogue([ask(GET), answer(message(CHUNKED, body)), ask(GET), answer(next)]);
    expect(arrows.map(({ what, label, events, answerTo }) => [what, label, events, answerTo])).toEqual([
      ["request", "GET /realtime/events", 0, null],
      ["response", "200, stream", 0, 2],
      ["frame", "start", 0, 2],
      ["event", "orders/k3m9xz updated", 1, 2],
      ["event", "orders/k3m9xz updated", 1, 2],
      ["heartbeat", "heartbeat", 0, 2],
      ["event", "orders/k3m9xz updated", 1, 2],
      ["frame", "gap", 0, 2],
      ["frame", "retry", 0, 2],
      ["frame", "end of the stream", 0, 2],
      ["request", "GET /realtime/events", 0, null],
      ["response", "304", 0, 12],
    ]);
    expect(arrows[1]).toMatchObject({ bytes: message(CHUNKED).length, text: message(CHUNKED) });
    // The chunk's head and end are counted with what is in it.
    expect(arrows[2]).toMatchObject({ bytes: START.length + "22\r\n\r\n".length, text: START });
  });

  test("a frame that is a chunk is complete with the chunk's end, and none is held back for what comes next", () => {
    const body = chunked(EVENT);
    const end = "0\r\n\r\n";
    const lines = [ask(GET), answer(message(CHUNKED)), answer(body.slice(0, -end.length)), answer(HEARTBEAT)];
    const [, , event] = readDialogue(lines.slice(0, 3));
    expect(event).toMatchObject({ what: "event", bytes: Buffer.byteLength(body) - end.length, beganAt: 3, endedAt: 3 });
  });

  test("may end with the connection", () => {
    const arrows = readDialogue([ask(GET), answer(message(HEAD, `${EVENT}data: half`))]);
    expect(arrows.slice(2)).toMatchObject([
      { what: "event", bytes: Buffer.byteLength(EVENT), text: EVENT },
      { what: "frame", label: "cut off", text: "data: half" },
    ]);
  });

  test("may hold what is no event of the gateway", () => {
    const arrows = readDialogue([ask(GET), answer(message(HEAD, "event: tick\r\ndata: 1\r\n\r\ndata\ndata: {}\n\n"))]);
    expect(arrows.slice(2).map(({ what, label }) => [what, label])).toEqual([
      ["event", "tick"],
      ["event", "event"],
    ]);
  });
});
