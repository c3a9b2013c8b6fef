import { describe, expect, test } from "vitest";
import type { Change } from "../page/model/changes.ts";
import { Changes } from "../page/model/changes.ts";
import { Delays } from "../page/model/delays.ts";
import { Guide, STEPS } from "../page/model/guide.ts";
import { Ledger } from "../page/model/ledger.ts";
import { Orders } from "../page/model/orders.ts";
import { Spans } from "../page/model/spans.ts";
import { StageClock } from "../page/model/stage-clock.ts";
import { TimeWindow } from "../page/model/time-window.ts";

const SECOND = 1_000;

function change(place: number, topic = "orders"): Change {
  return { place, id: `e${place}`, topic, time: place * SECOND, hue: 0 };
}

describe("the ledger of a lane", () => {
  const figures = (ledger: Ledger, now = 5 * SECOND): object => {
    const { events, lost, doubled, awaited } = ledger.account(now);
    return { events, lost, doubled, awaited };
  };

  test("awaits what the log has, until it arrives", () => {
    const ledger = new Ledger({ order: "log", patienceMs: 20 * SECOND });
    ledger.owe(change(1));
    expect(figures(ledger)).toEqual({ events: 0, lost: 0, doubled: 0, awaited: 1 });
    ledger.arrive("e1", 1_250, change(1));
    expect(ledger.account(2 * SECOND)).toMatchObject({ events: 1, awaitedSince: null, medianMs: 250, worstMs: 250 });
  });

  test("takes an event that came before the log told of it", () => {
    const ledger = new Ledger({ order: "log", patienceMs: 20 * SECOND });
    ledger.arrive("e1", 1_010, undefined);
    ledger.owe(change(1));
    expect(ledger.account(2 * SECOND)).toMatchObject({ events: 1, lost: 0, awaited: 0, worstMs: 10 });
  });

  test("counts what was overtaken as lost, and takes that back when it comes after all", () => {
    const ledger = new Ledger({ order: "log", patienceMs: 20 * SECOND });
    const [first, second] = [change(1), change(2)];
    ledger.owe(first);
    ledger.owe(second);
    ledger.arrive("e2", 2_100, second);
    expect(figures(ledger)).toEqual({ events: 1, lost: 1, doubled: 0, awaited: 0 });
    ledger.arrive("e1", 2_200, first);
    expect(figures(ledger)).toEqual({ events: 2, lost: 0, doubled: 0, awaited: 0 });
  });

  test("where each topic has an order of its own, only what was overtaken by its own topic is lost", () => {
    const ledger = new Ledger({ order: "topic", patienceMs: 20 * SECOND });
    const [here, there, hereAgain] = [change(1, "orders/a"), change(2, "orders/b"), change(3, "orders/a")];
    for (const one of [here, there, hereAgain]) ledger.owe(one);
    ledger.arrive("e2", 2_100, there);
    expect(figures(ledger)).toMatchObject({ lost: 0, awaited: 2 });
    ledger.arrive("e3", 3_100, hereAgain);
    expect(figures(ledger)).toMatchObject({ lost: 1, awaited: 0 });
  });

  test("counts as lost what a whole lane does not get in time; a broken one has all the time", () => {
    const ledger = new Ledger({ order: "log", patienceMs: 20 * SECOND });
    ledger.owe(change(1));
    expect(figures(ledger, 60 * SECOND)).toMatchObject({ lost: 0, awaited: 1 });
    ledger.setWhole(true, 60 * SECOND);
    expect(figures(ledger, 79 * SECOND)).toMatchObject({ lost: 0, awaited: 1 });
    expect(figures(ledger, 81 * SECOND)).toMatchObject({ lost: 1, awaited: 0 });
    ledger.setWhole(false, 82 * SECOND);
    expect(figures(ledger, 83 * SECOND)).toMatchObject({ lost: 0, awaited: 1 });
  });

  test("counts what comes again: as doubled if it was handed on, else as repeated", () => {
    const ledger = new Ledger({ order: "log", patienceMs: 20 * SECOND });
    ledger.owe(change(1));
    for (const at of [1_100, 1_200, 1_300]) ledger.arrive("e1", at, change(1));
    ledger.recognise();
    expect(ledger.account(5 * SECOND)).toMatchObject({ events: 1, doubled: 2, repeated: 1 });
  });

  test("counts anew when it is reset, and still knows what is owed and what has come", () => {
    const ledger = new Ledger({ order: "log", patienceMs: 20 * SECOND });
    for (const place of [1, 2, 3]) ledger.owe(change(place));
    ledger.arrive("e2", 2_100, change(2));
    ledger.arrive("e2", 2_200, change(2));
    ledger.recognise();
    expect(ledger.account(5 * SECOND)).toMatchObject({ events: 1, lost: 1, doubled: 1, repeated: 1, awaited: 1 });
    ledger.reset(5 * SECOND);
    expect(ledger.account(5 * SECOND)).toEqual({
      events: 0,
      lost: 0,
      doubled: 0,
      repeated: 0,
      awaited: 1,
      awaitedSince: 3 * SECOND,
      medianMs: null,
      worstMs: null,
    });
    ledger.arrive("e3", 5_500, change(3));
    ledger.arrive("e2", 5_600, change(2));
    expect(ledger.account(6 * SECOND)).toMatchObject({ events: 1, doubled: 1, awaited: 0, worstMs: 2_500 });
  });

  test("forgives what nobody was there for, whether the log told of it before or does so later", () => {
    const ledger = new Ledger({ order: "topic", patienceMs: 20 * SECOND });
    ledger.owe(change(0));
    ledger.forgive();
    ledger.excuse(["e1"]);
    ledger.owe(change(1));
    ledger.owe(change(2));
    ledger.arrive("e2", 2_100, change(2));
    expect(figures(ledger)).toEqual({ events: 1, lost: 0, doubled: 0, awaited: 0 });
  });
});

describe("changes", () => {
  const truth = (
    id: string,
  ): { kind: "truth"; id: string; cursor: string; topic: string; type: string; time: number } => ({
    kind: "truth",
    id,
    cursor: id,
    topic: "orders",
    type: "created",
    time: 0,
  });

  test("are those since the page began, each once", () => {
    const changes = new Changes();
    changes.ignore(["old"]);
    expect(changes.add(truth("old"))).toBeNull();
    expect(changes.add(truth("a"))).toMatchObject({ id: "a", place: 0 });
    expect(changes.add(truth("a"))).toBeNull();
    expect(changes.all).toHaveLength(1);
  });

  test("are called by what is in them, as soon as a lane has brought it", () => {
    const changes = new Changes();
    const added = changes.add(truth("a")) as Change;
    expect(changes.label(added)).toBe("");
    changes.describe("a", { id: "x", pizza: "calzone", status: "baking" });
    expect(changes.label(added)).toBe("calzone baking");
  });

  test("are forgotten in the end, the oldest first", () => {
    const changes = new Changes();
    for (let count = 0; count < 2_500; count += 1) changes.add(truth(`e${count}`));
    expect(changes.all).toHaveLength(2_000);
    expect(changes.find("e499")).toBeUndefined();
    expect(changes.find("e500")).toBeDefined();
  });
});

describe("orders on the board", () => {
  test("are where the first lane says, and others follow", () => {
    const orders = new Orders();
    const heard = (lane: "sse" | "polling", status: "placed" | "baking" | "ready"): boolean =>
      orders.hear(lane, { id: "x", pizza: "calzone", status }, 0);
    expect(heard("sse", "placed")).toBe(true);
    expect(heard("sse", "baking")).toBe(true);
    expect(heard("polling", "placed")).toBe(false);
    const [order] = [...orders.all];
    if (order === undefined) throw new Error("no order");
    expect(order.status).toBe("baking");
    expect([orders.knows("sse", order), orders.knows("polling", order)]).toEqual([true, false]);
    expect(heard("polling", "baking")).toBe(false);
    expect(orders.knows("polling", order)).toBe(true);
  });

  test("are bounded, and those that are done go first", () => {
    const orders = new Orders();
    orders.hear("sse", { id: "open", pizza: "calzone", status: "placed" }, 0);
    for (let count = 0; count < 700; count += 1) {
      orders.hear("sse", { id: `o${count}`, pizza: "calzone", status: "ready" }, 0);
    }
    const ids = [...orders.all].map(({ id }) => id);
    expect(ids).toHaveLength(600);
    expect(ids).toContain("open");
  });
});

test("delays: the median of the newest, the worst of all", () => {
  const delays = new Delays();
  expect([delays.median(), delays.worst()]).toEqual([null, null]);
  delays.add(9_000);
  for (const ms of [1, 3]) delays.add(ms);
  expect([delays.median(), delays.worst()]).toEqual([3, 9_000]);
  for (let count = 0; count < 600; count += 1) delays.add(2);
  expect([delays.median(), delays.worst()]).toEqual([2, 9_000]);
});

test("spans: one trouble after the other, the last one open", () => {
  const spans = new Spans();
  spans.become(null, 0);
  spans.become("offline", 1);
  spans.become("offline", 2);
  spans.become("slow", 3);
  expect(spans.all).toEqual([
    { kind: "offline", from: 1, to: 3 },
    { kind: "slow", from: 3, to: null },
  ]);
  spans.become(null, 4);
  expect(spans.current).toBeNull();
});

test("the stage's clock: this page's own on one machine, else as far away as it was told", () => {
  const clock = new StageClock(() => 1_000);
  clock.heard(980);
  expect(clock.now()).toBe(1_000);
  clock.heard(91_000);
  expect(clock.now()).toBe(91_000);
});

describe("the time window", () => {
  let now = 100 * SECOND;
  const open = (isCalm = false): TimeWindow => {
    now = 100 * SECOND;
    return new TimeWindow(
      () => now,
      10 * SECOND,
      () => isCalm,
    );
  };

  test("follows the present, until it stands still", () => {
    const window = open();
    const { to } = window;
    now += SECOND;
    expect(window.to - to).toBe(SECOND);
    window.stop();
    now += SECOND;
    expect(window.to - to).toBe(SECOND);
    window.follow();
    expect(window.to - to).toBe(2 * SECOND);
  });

  test("moves in steps for those who want no motion, and always holds the present", () => {
    const window = open(true);
    const places = new Set<number>();
    for (let step = 0; step < 50; step += 1) {
      now += SECOND / 10;
      places.add(window.to);
      expect(window.from).toBeLessThan(now);
      expect(window.to).toBeGreaterThan(now);
    }
    expect(places.size).toBeLessThanOrEqual(4);
  });

  test("zooms around a point, within bounds", () => {
    const window = open();
    now += 60 * SECOND;
    window.pan(-5 * SECOND);
    const middle = (window.from + window.to) / 2;
    window.zoom(0.5, 0.5);
    expect(window.spanMs).toBe(5 * SECOND);
    expect((window.from + window.to) / 2).toBeCloseTo(middle);
    window.zoom(1e-9, 0.5);
    expect(window.spanMs).toBe(20);
    window.zoom(1e9, 0.5);
    expect(window.spanMs).toBe(180 * SECOND);
  });

  test("goes neither into the future nor to before the beginning, and shows what it is asked to", () => {
    const window = open();
    const begin = now;
    now += 60 * SECOND;
    window.pan(1_000 * SECOND);
    expect(window.to).toBe(now + 5 * SECOND);
    window.pan(-1_000 * SECOND);
    expect(window.to).toBe(begin + 2.5 * SECOND);
    window.reveal(begin + 20 * SECOND);
    expect(window.from).toBeLessThan(begin + 20 * SECOND);
    expect(window.to).toBeGreaterThan(begin + 20 * SECOND);
  });
});

describe("the guide", () => {
  test("goes on when what it waits for was done, and at nothing else", () => {
    const guide = new Guide();
    expect(guide.did("restart")).toBe(false);
    expect(guide.did("order")).toBe(true);
    expect(guide.step?.title).toBe("Look");
    expect(guide.did("skip")).toBe(true);
    expect(guide.step?.title).toBe("Cut");
  });

  test("comes to an end, and begins again", () => {
    const guide = new Guide();
    for (const { until } of STEPS) expect(guide.did(until)).toBe(true);
    expect(guide.step).toBeNull();
    expect(guide.did("skip")).toBe(false);
    guide.restart();
    expect(guide.done).toBe(0);
  });
});
