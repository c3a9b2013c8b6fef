import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bus } from "../src/bus.ts";
import { parseCursor } from "../src/cursor.ts";
import type { StoredEvent } from "../src/event.ts";
import type { EventLog, Page, ReadQuery } from "../src/event-log.ts";
import type { Gap } from "../src/gap.ts";
import { clauseMatches, interestIn, type Clause, type Interest } from "../src/interest.ts";
import { MemoryLog } from "../src/memory-log.ts";
import { parsePublication } from "../src/publication.ts";
import type { Start } from "../src/replay.ts";
import { ManualClock } from "../src/testing/index.ts";
import { parseFilter } from "../src/topic.ts";
import type { CloseReason } from "../src/close-reason.ts";
import type { Codec, Sink } from "../src/transport.ts";

const codec: Codec<readonly StoredEvent[]> = { name: "test", transport: "test", encode: (events) => [...events] };
const UNLIMITED = { ageMs: 1e12, events: 1e9, bytes: 1e12 };

/** A log whose reads answer when the test lets them, as a log on a disk would. */
function slowLog(log: EventLog): { log: EventLog; letReadsAnswer: () => void } {
  let held: (() => void)[] = [];
  const hold = async <Result>(read: () => Promise<Result>): Promise<Result> => {
    await new Promise<void>((resolve) => held.push(resolve));
    return read();
  };
  return {
    log: {
      epoch: log.epoch,
      append: (drafts) => log.append(drafts),
      read: (query: ReadQuery) => hold<Page>(() => log.read(query)),
      readLast: (interest: Interest, count: number, upTo: number) =>
        hold<Page>(() => log.readLast(interest, count, upTo)),
      tail: (listener) => log.tail(listener),
      bounds: () => log.bounds(),
      setRetention: (retention) => log.setRetention(retention),
      isWritable: true,
      restarts: 0,
      close: () => log.close(),
    },
    letReadsAnswer: () => {
      const due = held;
      held = [];
      for (const answer of due) answer();
    },
  };
}

class Reader implements Sink<readonly StoredEvent[]> {
  readonly codec = codec;
  readonly got: StoredEvent[] = [];
  readonly gaps: Gap[] = [];
  readonly closed: CloseReason[] = [];
  /** How many more events fit until it is full. */
  room = Number.POSITIVE_INFINITY;

  write(events: readonly StoredEvent[]): boolean {
    this.got.push(...events);
    this.room -= events.length;
    return this.room > 0;
  }

  gap(gap: Gap): boolean {
    this.gaps.push(gap);
    return this.room > 0;
  }

  close(reason: CloseReason): void {
    this.closed.push(reason);
  }
}

/** A clock that work takes time of: after a slow flush, what follows is held back and joined. */
class WorkingClock extends ManualClock {
  #workMs = 0;

  work(forMs: number): void {
    this.#workMs += forMs;
  }

  override monotonic(): number {
    return super.monotonic() + this.#workMs;
  }
}

/** A reader to whom writing takes long. */
class HeavyReader extends Reader {
  readonly #clock: WorkingClock;

  constructor(clock: WorkingClock) {
    super();
    this.#clock = clock;
  }

  override write(events: readonly StoredEvent[]): boolean {
    this.#clock.work(8);
    return super.write(events);
  }
}

async function settle(letReadsAnswer: () => void, clock: ManualClock): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) {
    letReadsAnswer();
    clock.advance(5);
    for (let tick = 0; tick < 6; tick += 1) await Promise.resolve();
  }
}

function house(
  windowEvents: number,
  clock: ManualClock,
): {
  clock: ManualClock;
  memory: MemoryLog;
  bus: Bus;
  letReadsAnswer: () => void;
  publish: (topic: string, type: string) => Promise<void>;
} {
  const memory = new MemoryLog({ retention: UNLIMITED, deduplicationMs: 0, clock });
  const { log, letReadsAnswer } = slowLog(memory);
  const bus = new Bus({ log, clock, window: { events: windowEvents, bytes: 1e9 }, batchBytes: 600 });
  const publish = async (topic: string, type: string): Promise<void> => {
    await bus.publish(parsePublication(JSON.stringify({ topic, type, data: "x" }), { eventBytes: 1000, clock }));
  };
  return { clock, memory, bus, letReadsAnswer, publish };
}

const topics = ["a/1", "a/2", "b/1"];
const filters = ["a/1", "a/*", "b/**", "**", "a/2"];

type Step =
  | { readonly do: "publish"; readonly topic: string; readonly type: string }
  | { readonly do: "fill"; readonly room: number }
  | { readonly do: "drain" }
  | { readonly do: "answer" }
  | { readonly do: "trim"; readonly keep: number }
  | {
      readonly do: "extend";
      readonly filters: readonly string[];
      readonly types: readonly string[];
      readonly start: Start | "middle";
    };

const publish: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("publish" as const),
  topic: fc.constantFrom(...topics),
  type: fc.constantFrom("x", "y"),
});
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: publish },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("fill" as const), room: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("drain" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("answer" as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("extend" as const),
        filters: fc.subarray(filters, { minLength: 1, maxLength: 3 }),
        types: fc.constantFrom<string[]>([], ["x"]),
        start: fc.oneof(
          fc.constantFrom("latest" as const, "earliest" as const, "middle" as const),
          fc.record({ last: fc.integer({ min: 1, max: 6 }) }),
        ),
      }),
    },
  ),
  { minLength: 5, maxLength: 60 },
);
const withTrims = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: steps.map((list) => list[0] as Step) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("trim" as const), keep: fc.integer({ min: 0, max: 5 }) }) },
  ),
  { minLength: 5, maxLength: 60 },
);

interface Asked {
  readonly clauses: readonly Clause[];
  readonly since: number;
  /** What is trimmed before the log has answered is not asked for: the oldest and the newest N are those retained then. */
  readonly isGapless: boolean;
}

async function run(list: readonly Step[], windowEvents: number, isJoining: boolean): Promise<void> {
  const clock = new WorkingClock();
  const { memory, bus, letReadsAnswer, publish: put } = house(windowEvents, clock);
  const bystander = isJoining ? new HeavyReader(clock) : new Reader();
  bus.subscribe(bystander).extend([parseFilter("**")], [], "latest");
  const reader = new Reader();
  const subscription = bus.subscribe(reader);
  const published: StoredEvent[] = [];
  memory.tail((batch) => published.push(...batch));
  const asked: Asked[] = [];
  const matching = (clauses: readonly Clause[]): StoredEvent[] =>
    published.filter((event) => clauses.some((clause) => clauseMatches(clause, event.topic, event.type)));

  for (const step of list) {
    if (step.do === "publish") await put(step.topic, step.type);
    else if (step.do === "fill") reader.room = step.room;
    else if (step.do === "answer") await settle(letReadsAnswer, clock);
    else if (step.do === "trim") {
      memory.setRetention({ ...UNLIMITED, events: step.keep });
      memory.setRetention(UNLIMITED);
    } else if (step.do === "drain") {
      reader.room = Number.POSITIVE_INFINITY;
      subscription.resume();
    } else {
      const start: Start = step.start === "middle" ? { cursor: bus.cursorAt(Math.floor(bus.head / 2)) } : step.start;
      const { clauses } = interestIn(step.filters.map(parseFilter), step.types);
      const { trimmedThrough } = memory.bounds();
      const since = subscription.extend(step.filters.map(parseFilter), step.types, start);
      if (typeof start === "object" && "last" in start) {
        const retained = matching(clauses).filter((event) => event.position > trimmedThrough);
        asked.push({ clauses, since: (retained.at(-start.last)?.position ?? 1) - 1, isGapless: true });
      } else asked.push({ clauses, since, isGapless: start === "earliest" });
    }
  }
  reader.room = Number.POSITIVE_INFINITY;
  subscription.resume();
  await settle(letReadsAnswer, clock);

  expect(bystander.got.map((event) => event.position)).toEqual(published.map((event) => event.position));
  expect(reader.closed).toEqual([]);
  const positions = reader.got.map((event) => event.position);
  expect(new Set(positions).size, "an event came twice").toBe(positions.length);
  if (asked.length === 1) expect(positions, "out of order").toEqual([...positions].sort((one, other) => one - other));
  const told = reader.gaps.map(
    (gap) => [parseCursor(gap.after).position, parseCursor(gap.resumedAt).position] as const,
  );
  const { trimmedThrough } = memory.bounds();
  for (const { clauses, since, isGapless } of asked) {
    for (const event of matching(clauses)) {
      if (isGapless && event.position <= trimmedThrough) continue;
      const isTold = told.some(([after, until]) => event.position > after && event.position <= until);
      if (event.position > since && !isTold) expect(positions, `lost ${event.position}`).toContain(event.position);
    }
  }
  for (const event of reader.got) {
    const isWanted = asked.some(({ clauses }) =>
      clauses.some((clause) => clauseMatches(clause, event.topic, event.type)),
    );
    expect(isWanted, `${event.topic} was not asked for`).toBe(true);
  }
}

describe("a subscription", () => {
  it("loses nothing and doubles nothing, whatever is asked for, filled, drained and published, from the window", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), (list, isJoining) => run(list, 1000, isJoining)),
      { numRuns: 400 },
    );
  });

  it("and from a log that answers later", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), (list, isJoining) => run(list, 2, isJoining)),
      { numRuns: 400 },
    );
  });

  it("does not take a page for all of its topics that was asked for before the last of them came", async () => {
    const topic = { do: "publish", topic: "a/1" } as const;
    const list: readonly Step[] = [
      { ...topic, type: "x" },
      { do: "extend", filters: ["**"], types: ["x"], start: "earliest" },
      { do: "answer" },
      { do: "fill", room: 1 },
      { ...topic, type: "x" },
      { ...topic, type: "x" },
      { ...topic, type: "x" },
      { ...topic, type: "x" },
      { do: "drain" },
      { do: "extend", filters: ["a/*"], types: [], start: "latest" },
      { ...topic, type: "y" },
      { ...topic, type: "x" },
    ];
    await run(list, 2, false);
  });

  it("tells a gap wherever retention was faster", async () => {
    await fc.assert(
      fc.asyncProperty(withTrims, fc.constantFrom(2, 1000), fc.boolean(), (list, windowEvents, isJoining) =>
        run(list, windowEvents, isJoining),
      ),
      { numRuns: 600 },
    );
  });
});
