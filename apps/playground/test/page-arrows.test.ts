import { describe, expect, test } from "vitest";
import { Recording } from "../page/model/recording.ts";
import { arrowAt, layOut, STRIP, type Axis } from "../page/view/geometry.ts";
import { nearest, neighbour } from "../page/view/arrow-walk.ts";
import { LabelRow, type Label, type Paper } from "../page/view/labels.ts";
import type { Arrow } from "../src/stage/stage-protocol.ts";

let number = 0;

function arrow(what: Arrow["what"], from: Arrow["from"], at: number, more: Partial<Arrow> = {}): Arrow {
  number += 1;
  return {
    kind: "arrow",
    number,
    lane: "polling",
    connection: 1,
    answerTo: null,
    from,
    what,
    label: what,
    beganAt: at,
    endedAt: at,
    bytes: 100,
    text: "",
    isTextCut: false,
    events: 0,
    isWasted: false,
    ...more,
  };
}

function record(...arrows: readonly Arrow[]): Recording {
  const recording = new Recording();
  for (const one of arrows) recording.take(one);
  return recording;
}

describe("the recording of a lane", () => {
  test("joins request and answer, and knows what was asked in vain", () => {
    const request = arrow("request", "client", 10);
    const response = arrow("response", "gateway", 15, { answerTo: request.number, isWasted: true });
    const recording = record(request, response);
    expect(recording.exchangeOf(response)).toMatchObject({ request, response, endedAt: 15, isWasted: true });
    expect(recording.traffic).toEqual({ requests: 1, wasted: 1, upBytes: 100, downBytes: 100 });
  });

  test("takes a connection for open that was so before it began", () => {
    const recording = record(arrow("request", "gateway", 10), arrow("response", "client", 12));
    expect([...recording.connections]).toEqual([{ openedAt: 10, closedAt: null }]);
    recording.take(arrow("close", "client", 20));
    expect([...recording.connections]).toEqual([{ openedAt: 10, closedAt: 20 }]);
  });

  test("waits on while a stream goes on, until its connection ends", () => {
    const request = arrow("request", "client", 10);
    const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    const recording = record(
      arrow("open", "client", 9),
      request,
      arrow("response", "gateway", 11, { answerTo: request.number, text: head }),
      arrow("event", "gateway", 12, { answerTo: request.number }),
    );
    expect(recording.exchangeOf(request)).toMatchObject({ isStream: true, endedAt: null });
    recording.take(arrow("close", "gateway", 20));
    expect(recording.exchangeOf(request)?.endedAt).toBe(20);
    expect([...recording.connections]).toEqual([{ openedAt: 9, closedAt: 20 }]);
  });

  test("takes an empty answer of BOSH for one", () => {
    const request = arrow("request", "client", 10);
    const recording = record(request, arrow("heartbeat", "gateway", 15, { answerTo: request.number, isWasted: true }));
    expect(recording.exchangeOf(request)).toMatchObject({ endedAt: 15, isWasted: true });
  });

  test("finds the events in the bytes, as JSON and in XML", () => {
    const json = arrow("response", "gateway", 1, {
      text: '{"events":[{"id":"01A","topic":"orders"},{"id":"01B","topic":"orders/x","data":{"id":"x"}}]}',
    });
    const xml = arrow("response", "gateway", 2, { text: "<json>{&quot;id&quot;:&quot;01C&quot;,&quot;topic&quot;:" });
    const recording = record(json, xml);
    expect([recording.eventIdsOf(json), recording.eventIdsOf(xml)]).toEqual([["01A", "01B"], ["01C"]]);
  });

  test("is in the order of time, however it was told, and bounded", () => {
    const recording = record(arrow("frame", "client", 30), arrow("frame", "client", 10), arrow("frame", "client", 20));
    expect(recording.arrows.map(({ endedAt }) => endedAt)).toEqual([10, 20, 30]);
    for (let at = 100; at < 6_000; at += 1) recording.take(arrow("frame", "client", at));
    expect(recording.arrows).toHaveLength(5_000);
    expect(recording.arrows[0]?.endedAt).toBe(1_000);
    expect(recording.traffic.upBytes).toBe(5_903 * 100);
  });
});

describe("the picture of a lane", () => {
  /** A pixel is a tenth of a second. */
  const axis: Axis = { from: 0, to: 100_000, width: 1_000, x: (time) => time / 100 };

  test("leans arrows to the right, so that question and answer form a V", () => {
    const request = arrow("request", "client", 10_000);
    const [down, up] = layOut(
      record(request, arrow("response", "gateway", 10_001, { answerTo: request.number })),
      axis,
    );
    expect(down).toMatchObject({ x1: 100, x2: 105, y1: STRIP.client, y2: STRIP.gateway });
    expect(up).toMatchObject({ x1: 105, x2: 110, y1: STRIP.gateway, y2: STRIP.client });
  });

  test("shows how long something was under way", () => {
    const [slow] = layOut(record(arrow("response", "gateway", 10_000, { endedAt: 30_000 })), axis);
    expect(slow).toMatchObject({ x1: 100, x2: 300 });
  });

  test("holds what is in the window, and no more", () => {
    const recording = record(...[0, 50_000, 99_000, 200_000].map((at) => arrow("frame", "client", at)));
    const late: Axis = { from: 49_000, to: 100_000, width: 1_000, x: (time) => (time - 49_000) / 51 };
    expect(layOut(recording, late).map(({ arrow: { beganAt } }) => beganAt)).toEqual([50_000, 99_000]);
  });

  test("finds the arrow that is pointed at", () => {
    const drawn = layOut(record(arrow("frame", "client", 10_000), arrow("frame", "client", 13_000)), axis);
    expect(arrowAt(drawn, 131, 54, 8)).toBe(drawn[1]);
    expect(arrowAt(drawn, 117, 54, 8)).toBeUndefined();
  });

  test("walks from arrow to arrow, and to another lane at the same time", () => {
    const arrows = [1, 2, 3].map((at) => arrow("frame", "client", at));
    expect(neighbour(arrows, null, 1, 2.5)).toBe(arrows[1]);
    expect(neighbour(arrows, arrows[1] as Arrow, 1, 0)).toBe(arrows[2]);
    expect(neighbour(arrows, arrows[0] as Arrow, -1, 0)).toBeUndefined();
    expect(nearest(arrows, 2.9)).toBe(arrows[2]);
  });
});

describe("a row of labels", () => {
  /** Every character is 10 wide. */
  const paper = (): { readonly context: Paper; readonly texts: string[] } => {
    const texts: string[] = [];
    const context: Paper = {
      fillStyle: "",
      measureText: (text) => ({ width: text.length * 10 }),
      strokeText: () => undefined,
      fillText: (text) => texts.push(text),
    };
    return { context, texts };
  };

  const label = (key: number, x: number, weight = 1): Label => ({
    key,
    x,
    texts: ["a long one", "short"],
    color: "black",
    weight,
  });

  test("takes the longer text where there is room, the shorter one else, or none", () => {
    const { context, texts } = paper();
    new LabelRow().draw(context, [label(1, 100), label(2, 190), label(3, 192)], 0, 1_000);
    expect(texts).toEqual(["a long one", "short"]);
  });

  test("prefers what weighs more, then what was there before", () => {
    const row = new LabelRow();
    const [first, second] = [paper(), paper()];
    row.draw(first.context, [label(1, 100), label(2, 110, 2)], 0, 1_000);
    expect(first.texts).toEqual(["a long one"]);
    row.draw(second.context, [label(3, 100), label(2, 104)], 0, 1_000);
    expect(second.texts).toEqual(["a long one"]);
  });
});
