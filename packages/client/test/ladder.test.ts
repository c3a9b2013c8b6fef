import { ManualClock } from "@sluice/core/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { newLadder, type Ladder } from "../src/ladder.ts";
import type { TransportName } from "../src/transport.ts";

const ALL: readonly TransportName[] = ["websocket", "sse", "long-polling", "polling"];
const TIMES = { climbMs: 30_000, shortMs: 10_000 };

let clock: ManualClock;
let ladder: Ladder;
beforeEach(() => {
  clock = new ManualClock();
  ladder = newLadder(ALL, TIMES);
});

const open = (): void => ladder.opened(clock.monotonic());
const fall = (how: Parameters<Ladder["fell"]>[0]): boolean => ladder.fell(how, clock.monotonic());

/** Goes down to a rung that then stands. */
function descendTo(name: TransportName): void {
  while (ladder.current() !== name) fall("bad");
  open();
}

describe("going down", () => {
  test("begins with the best", () => {
    expect(ladder.current()).toBe("websocket");
    expect(ladder.better()).toEqual([]);
  });

  test("a WebSocket that comes to nothing is followed by SSE at once", () => {
    expect(fall("cut")).toBe(true);
    expect(ladder.current()).toBe("sse");
  });

  test("a gateway that is away makes nobody go down for good: two attempts a round, then a wait", () => {
    const tried: (string | undefined)[] = [];
    for (let round = 0; round < 1; round += 1) {
      do tried.push(ladder.current());
      while (fall("cut"));
    }
    expect(tried).toEqual(["websocket", "sse"]);
    expect(ladder.current()).toBe("websocket");
  });

  test("rungs that stay in vain are passed by, until the last; then it begins at the top", () => {
    const tried = new Set<string | undefined>();
    for (let count = 0; count < 20; count += 1) {
      tried.add(ladder.current());
      fall("cut");
    }
    expect([...tried]).toEqual(ALL);
    while (ladder.current() !== "websocket") fall("cut");
    expect(ladder.better()).toEqual([]);
  });

  test("a stream that is held back, or falls silent, is left at once", () => {
    descendTo("sse");
    expect(fall("bad")).toBe(true);
    expect(ladder.current()).toBe("long-polling");
  });

  test("from the last one there is nowhere to go: the next round begins at the top, after a wait", () => {
    descendTo("polling");
    expect(fall("bad")).toBe(false);
    expect(ladder.current()).toBe("websocket");
  });

  test("what the gateway does not have is never tried again", () => {
    expect(fall("off")).toBe(true);
    expect(ladder.current()).toBe("sse");
    for (let count = 0; count < 20; count += 1) {
      fall("cut");
      expect(ladder.current()).not.toBe("websocket");
    }
  });

  test("without any there is none", () => {
    ladder = newLadder(["sse"], TIMES);
    expect(fall("off")).toBe(false);
    expect(ladder.current()).toBeUndefined();
  });

  test("a gateway that says when to come back is asked again in the same way", () => {
    open();
    fall("cut");
    expect(fall("told")).toBe(false);
    expect(ladder.current()).toBe("websocket");
  });
});

describe("staying", () => {
  test("a connection that has stood is tried again", () => {
    for (let count = 0; count < 10; count += 1) {
      open();
      clock.advance(TIMES.shortMs);
      expect(fall("cut")).toBe(false);
      expect(ladder.current()).toBe("websocket");
    }
  });

  test("three short ones in a row are too many", () => {
    for (const expected of ["websocket", "websocket", "sse"]) {
      open();
      clock.advance(TIMES.shortMs - 1);
      fall("cut");
      expect(ladder.current()).toBe(expected);
    }
  });

  test("a long one in between makes good for the short ones", () => {
    for (const stoodMs of [1, 1, TIMES.shortMs, 1, 1]) {
      open();
      clock.advance(stoodMs);
      fall("cut");
    }
    expect(ladder.current()).toBe("websocket");
  });

  test("a connection that was let go says nothing about the rung", () => {
    for (let count = 0; count < 10; count += 1) {
      open();
      ladder.released();
    }
    expect(ladder.current()).toBe("websocket");
  });
});

describe("climbing", () => {
  test("the best has nothing to climb to", () => {
    open();
    expect(ladder.climbAtMs()).toBeNull();
  });

  test("a better one is due after a while, and later each time that none works", () => {
    descendTo("long-polling");
    expect(ladder.better()).toEqual(["websocket", "sse"]);
    const waits: number[] = [];
    for (let count = 0; count < 7; count += 1) {
      const waitMs = (ladder.climbAtMs() as number) - clock.monotonic();
      waits.push(waitMs / TIMES.climbMs);
      clock.advance(waitMs);
      ladder.stayed(clock.monotonic());
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 16, 16]);
  });

  test("a reconnection on the same rung does not put the climb off", () => {
    descendTo("sse");
    const dueMs = ladder.climbAtMs();
    clock.advance(20_000);
    fall("cut");
    open();
    expect(ladder.climbAtMs()).toBe(dueMs);
  });

  test("what works is used, and home from then on", () => {
    descendTo("polling");
    ladder.climbed("sse");
    expect(ladder.current()).toBe("sse");
    open();
    clock.advance(TIMES.shortMs);
    fall("cut");
    expect(ladder.current()).toBe("sse");
    expect(ladder.better()).toEqual(["websocket"]);
  });

  test("one that falls again soon is tried later than before; one that has stood, as soon as at first", () => {
    const waitMs = (): number => (ladder.climbAtMs() as number) - clock.monotonic();
    descendTo("sse");
    ladder.climbed("websocket");
    open();
    descendTo("sse");
    expect(waitMs()).toBe(2 * TIMES.climbMs);
    ladder.climbed("websocket");
    open();
    clock.advance(TIMES.climbMs);
    fall("bad");
    open();
    expect(waitMs()).toBe(TIMES.climbMs);
  });
});
