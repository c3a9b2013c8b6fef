import { describe, expect, it } from "vitest";
import { Bus, type BusOptions } from "../src/bus.ts";
import type { StoredEvent } from "../src/event.ts";
import type { Gap } from "../src/gap.ts";
import { interestIn } from "../src/interest.ts";
import { MemoryLog } from "../src/memory-log.ts";
import { parsePublication } from "../src/publication.ts";
import { ManualClock } from "../src/testing/index.ts";
import { parseFilter } from "../src/topic.ts";
import { TrimmedTopics } from "../src/trimmed-topics.ts";
import type { Codec, Sink } from "../src/transport.ts";

const UNLIMITED = { ageMs: 1e12, events: 1e9, bytes: 1e12 };

function setUp(options: Partial<BusOptions> = {}): { clock: ManualClock; log: MemoryLog; bus: Bus } {
  const clock = new ManualClock();
  const log = new MemoryLog({ retention: UNLIMITED, deduplicationMs: 600_000, clock });
  return { clock, log, bus: new Bus({ log, clock, ...options }) };
}

async function publish(bus: Bus, ...events: readonly object[]): Promise<void> {
  await bus.publish(parsePublication(JSON.stringify(events), { eventBytes: 1_000_000 }));
}

class Reader implements Sink<string> {
  static encoded = 0;
  readonly codec: Codec<string>;
  readonly writes: string[] = [];
  readonly gaps: Gap[] = [];
  onWrite: () => boolean = () => true;

  constructor(codec: Codec<string>) {
    this.codec = codec;
  }

  write(bytes: string): boolean {
    this.writes.push(bytes);
    return this.onWrite();
  }

  gap(gap: Gap): boolean {
    this.gaps.push(gap);
    return true;
  }

  close(): void {
    throw new Error("not expected");
  }
}

function countingCodec(): Codec<string> & { calls: number } {
  const codec = {
    name: "counting",
    transport: "test",
    calls: 0,
    encode(events: readonly StoredEvent[]): string {
      codec.calls += 1;
      return events.map((event) => event.topic).join(" ");
    },
  };
  return codec;
}

const filters = (...texts: string[]): ReturnType<typeof parseFilter>[] => texts.map(parseFilter);

describe("fan-out", () => {
  it("encodes a batch once for all readers of a codec, also for those with other filters", async () => {
    const { bus } = setUp();
    const codec = countingCodec();
    const readers = Array.from({ length: 10 }, () => new Reader(codec));
    for (const [at, reader] of readers.entries()) {
      bus.subscribe(reader).extend(filters(at % 2 === 0 ? "a/*" : "a/1"), [], "latest");
    }
    await publish(bus, { topic: "a/1", data: 1 }, { topic: "a/1", data: 2 });
    expect(readers.map((reader) => reader.writes)).toEqual(readers.map(() => ["a/1 a/1"]));
    expect(codec.calls).toBe(1);
  });

  it("gives an event once, however many clauses match", async () => {
    const { bus } = setUp();
    const reader = new Reader(countingCodec());
    bus.subscribe(reader).extend(filters("a/*", "a/1", "**"), [], "latest");
    await publish(bus, { topic: "a/1", data: 1 });
    expect(reader.writes).toEqual(["a/1"]);
  });

  it("bounds a batch, so that a full reader costs no more than one", async () => {
    const { bus } = setUp({ batchBytes: 500 });
    const reader = new Reader(countingCodec());
    const subscription = bus.subscribe(reader);
    subscription.extend(filters("a"), [], "latest");
    reader.onWrite = () => false;
    await publish(bus, ...Array.from({ length: 20 }, () => ({ topic: "a", data: "x".repeat(100) })));
    expect(reader.writes).toEqual(["a a"]);
    expect(subscription.isFull).toBe(true);
    reader.onWrite = () => true;
    subscription.resume();
    expect(reader.writes.join(" ").split(" ")).toHaveLength(20);
    expect(subscription.isLive).toBe(true);
  });

  it("lets a reader leave while it is being written to, and tells the others all the same", async () => {
    const { bus } = setUp();
    const codec = countingCodec();
    const readers = Array.from({ length: 5 }, () => new Reader(codec));
    const subscriptions = readers.map((reader) => {
      const subscription = bus.subscribe(reader);
      subscription.extend(filters("a"), [], "latest");
      return subscription;
    });
    (readers[3] as Reader).onWrite = () => {
      subscriptions[3]?.close();
      subscriptions[0]?.close();
      return true;
    };
    await publish(bus, { topic: "a", data: 1 });
    await publish(bus, { topic: "a", data: 2 });
    expect(readers.map((reader) => reader.writes.length)).toEqual([0, 2, 2, 1, 2]);
    expect(bus.audienceCount).toBe(1);
  });

  it("forgets an audience with its last reader", async () => {
    const { bus } = setUp();
    const reader = new Reader(countingCodec());
    const subscription = bus.subscribe(reader);
    subscription.extend(filters("a", "b/*"), [], "latest");
    expect(bus.audienceCount).toBe(1);
    reader.onWrite = () => false;
    await publish(bus, { topic: "a", data: 1 });
    expect(bus.audienceCount).toBe(0);
    subscription.close();
    await publish(bus, { topic: "a", data: 2 });
    expect(reader.writes).toHaveLength(1);
  });

  it("narrows: what was taken out comes no more, the rest goes on", async () => {
    const { bus } = setUp();
    const reader = new Reader(countingCodec());
    const subscription = bus.subscribe(reader);
    subscription.extend(filters("a", "b"), [], "latest");
    subscription.extend(filters("c"), ["x"], "latest");
    subscription.narrow(new Set(["a"]));
    await publish(bus, { topic: "a", data: 1 }, { topic: "b", data: 1 }, { topic: "c", data: 1, type: "x" });
    expect(reader.writes).toEqual(["b c"]);
    subscription.narrow(new Set(["b", "c", "never asked for"]));
    await publish(bus, { topic: "b", data: 1 });
    expect(reader.writes).toEqual(["b c"]);
    expect(bus.audienceCount).toBe(0);
    expect(subscription.isLive).toBe(true);
  });

  it("replays beside what is live, each event once, and says when the replay is over", async () => {
    const { bus } = setUp();
    await publish(bus, { topic: "a", data: 1 }, { topic: "b", data: 1 }, { topic: "a", data: 2 });
    const reader = new Reader(countingCodec());
    const subscription = bus.subscribe(reader);
    subscription.extend(filters("b"), [], "earliest");
    const lives: number[] = [];
    const observer = { gap: () => true, live: (position: number) => lives.push(position) > 0 };
    subscription.extend(filters("**"), [], "earliest", { observer });
    expect(reader.writes).toEqual(["b", "a a"]);
    expect(lives).toEqual([3]);
    await publish(bus, { topic: "b", data: 2 });
    expect(reader.writes).toEqual(["b", "a a", "b"]);
  });
});

describe("a page", () => {
  const all = interestIn(filters("**"));
  const quiet = interestIn(filters("quiet"));

  it("goes on where the last one ended", async () => {
    const { bus } = setUp();
    await publish(bus, ...Array.from({ length: 5 }, (_, at) => ({ topic: `t/${at}`, data: at })));
    const first = await bus.read(all, "earliest", 3);
    expect(first.events.map((event) => event.topic)).toEqual(["t/0", "t/1", "t/2"]);
    const second = await bus.read(all, { cursor: first.cursor }, 3);
    expect(second.events.map((event) => event.topic)).toEqual(["t/3", "t/4"]);
    const third = await bus.read(all, { cursor: second.cursor }, 3);
    expect(third).toEqual({ events: [], cursor: second.cursor, gap: null, isCaughtUp: true });
    expect(second.cursor).toBe(bus.cursor);
  });

  it("tells a gap where something that matches was trimmed, and only there", async () => {
    const { bus, log } = setUp();
    const start = bus.cursor;
    await publish(bus, { topic: "busy", data: 1 }, { topic: "busy", data: 2 }, { topic: "busy", data: 3 });
    log.setRetention({ ...UNLIMITED, events: 1 });
    const busy = await bus.read(all, { cursor: start }, 10);
    expect(busy.events.map((event) => event.data)).toEqual(["3"]);
    expect(busy.gap).toMatchObject({ after: start, reason: "expired" });
    const resumed = await bus.read(all, { cursor: busy.gap?.resumedAt ?? "" }, 10);
    expect(resumed.gap).toBeNull();
    expect(resumed.events.map((event) => event.data)).toEqual(["3"]);
    expect((await bus.read(quiet, { cursor: start }, 10)).gap).toBeNull();
    expect((await bus.read(all, "earliest", 10)).gap).toBeNull();
  });

  it("tells a reset to a cursor of another log, and to one from the future of this one", async () => {
    const { bus } = setUp();
    await publish(bus, { topic: "a", data: 1 });
    const future = bus.cursorAt(99);
    for (const cursor of ["other-7", future]) {
      const page = await bus.read(quiet, { cursor }, 10);
      expect(page.gap).toMatchObject({ after: cursor, reason: "reset" });
      expect((await bus.read(all, { cursor: page.gap?.resumedAt ?? "" }, 10)).events).toHaveLength(1);
    }
  });

  it("refuses what is no cursor", () => {
    const { bus } = setUp();
    for (const cursor of ["", "x", "a-b-c", "A-1", "a-01", "a-1 ", "a-zzzzzzzzzzzzzz", "latest"]) {
      expect(() => bus.read(all, { cursor }, 1)).toThrow(
        expect.objectContaining({ name: "SluiceError", code: "invalid-cursor" }),
      );
    }
  });

  it("of the newest N ends at the head", async () => {
    const { bus } = setUp({ window: { events: 1, bytes: 1e6 } });
    await publish(bus, { topic: "a", data: 1 }, { topic: "b", data: 2 }, { topic: "a", data: 3 });
    const page = await bus.read(interestIn(filters("a")), { last: 2 }, 10);
    expect(page.events.map((event) => event.data)).toEqual(["1", "3"]);
    expect(page.cursor).toBe(bus.cursor);
    expect((await bus.read(all, { last: 0 }, 10)).events).toEqual([]);
  });

  it.each([
    ["events", "", 2],
    ["bytes", "x".repeat(200_000), 10],
  ])("of the newest N goes on behind its cursor where they are too many %s", async (_what, data, limit) => {
    const { bus } = setUp();
    for (let n = 0; n < 4; n += 1) await publish(bus, { topic: "a", data: `${n}${data}` });
    const first = await bus.read(all, { last: 3 }, limit);
    const second = await bus.read(all, { cursor: first.cursor }, limit);
    expect([first, second].map(({ events }) => events.map((event) => event.data[1]))).toEqual([["1", "2"], ["3"]]);
    expect([first.isCaughtUp, second.isCaughtUp]).toEqual([false, true]);
  });
});

describe("a log in memory", () => {
  const nothing = interestIn(filters("nothing/*"));

  it("lets others have their turn while a reader of little catches up with much", async () => {
    const { log } = setUp();
    for (let part = 0; part < 50; part += 1) {
      const events = Array.from({ length: 1000 }, () => ({ topic: "busy", data: 1 }));
      await log.append(parsePublication(JSON.stringify(events), { eventBytes: 1000 }));
    }
    const pages = [];
    for (let after = 0, isCaughtUp = false; !isCaughtUp;) {
      const page = await log.read({ interest: nothing, after, limit: 10, limitBytes: 1e6 });
      pages.push(page.events.length);
      ({ position: after, isCaughtUp } = page);
    }
    expect(pages).toEqual([0, 0, 0]);
  });

  it("merges the topics of a reader in log order", async () => {
    const { log } = setUp();
    const topics = ["a", "b", "c", "b", "a", "d", "c"];
    await log.append(
      parsePublication(JSON.stringify(topics.map((topic) => ({ topic, data: 1 }))), { eventBytes: 1000 }),
    );
    const interest = interestIn(filters("a", "b", "c"));
    const first = await log.read({ interest, after: 1, limit: 3, limitBytes: 1e6 });
    const second = await log.read({ interest, after: first.position, limit: 9, limitBytes: 1e6 });
    expect([...first.events, ...second.events].map(({ position }) => position)).toEqual([2, 3, 4, 5, 7]);
  });

  it("forgets topics and types beyond its bound, and then tells a gap to be safe", () => {
    const trimmed = new TrimmedTopics(16);
    for (let position = 1; position <= 40; position += 1) trimmed.add("t", `type${position}`, position);
    for (let position = 41; position <= 50; position += 1) trimmed.add(`u/${position}`, "message", position);
    expect(trimmed.hasGap(nothing, 10)).toBe(true);
    expect(trimmed.hasGap(nothing, 45)).toBe(false);
    expect(trimmed.hasGap(interestIn(filters("u/50")), 49)).toBe(true);
  });
});
