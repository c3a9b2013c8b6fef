import { expect, it } from "vitest";
import * as fc from "fast-check";
import { isInterested, type EventDraft, type EventLog, type Interest, type Retention } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { draft, interest, readAll, trimmedThrough, UNLIMITED, type LogKind } from "./log-under-test.ts";

const TOPICS = ["a/1", "a/2", "a/1/x", "b", "b/1", "ü/漢"];
const TYPES = ["x", "y"];
const INTERESTS: readonly Interest[] = [
  interest("a/1"),
  interest("a/1 x"),
  interest("a/1", "b", "b/1", "none"),
  interest("a/*"),
  interest("a/** y"),
  interest("*/1", "ü/漢"),
  interest("**"),
  interest("none"),
];
const DEDUPLICATION_MS = 5000;

type Command =
  | {
      readonly kind: "append";
      readonly batches: readonly (readonly (readonly [topic: number, type: number, id: number, size: number])[])[];
    }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "retain"; readonly events: number; readonly ageMs: number }
  | {
      readonly kind: "read";
      readonly interest: number;
      readonly back: number;
      readonly limit: number;
      readonly limitBytes: number;
    }
  | { readonly kind: "readLast"; readonly interest: number; readonly count: number; readonly back: number }
  | { readonly kind: "restart"; readonly how: "close" | "crash" };

const event = fc.tuple(fc.nat(TOPICS.length - 1), fc.nat(TYPES.length - 1), fc.nat(30), fc.nat(300));
const batches = fc.array(fc.array(event, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 });
const append = fc.record({ kind: fc.constant("append" as const), batches });
const read = fc.record({
  kind: fc.constant("read" as const),
  interest: fc.nat(INTERESTS.length - 1),
  back: fc.nat(40),
  limit: fc.integer({ min: 1, max: 12 }),
  limitBytes: fc.integer({ min: 1, max: 2000 }),
});

function command(isDurable: boolean): fc.Arbitrary<Command> {
  const restart = fc.record({
    kind: fc.constant("restart" as const),
    how: fc.constantFrom("close" as const, "crash" as const),
  });
  return fc.oneof(
    { arbitrary: append, weight: 6 },
    { arbitrary: read, weight: 6 },
    {
      arbitrary: fc.record({
        kind: fc.constant("readLast" as const),
        interest: fc.nat(INTERESTS.length - 1),
        count: fc.nat(10),
        back: fc.nat(10),
      }),
      weight: 3,
    },
    { arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(3000) }), weight: 2 },
    {
      arbitrary: fc.record({
        kind: fc.constant("retain" as const),
        events: fc.oneof(fc.nat(30), fc.constant(1e9)),
        ageMs: fc.oneof(fc.nat(8000), fc.constant(1e12)),
      }),
      weight: 2,
    },
    ...(isDurable ? [{ arbitrary: restart, weight: 1 }] : []),
  );
}

interface ModelEvent {
  readonly draft: EventDraft;
  readonly position: number;
  readonly atMs: number;
}

/** A log as simple as can be: all events that ever were, and how many of them are gone. */
class Model {
  readonly events: ModelEvent[] = [];
  trimmed = 0;
  retention: Retention = UNLIMITED;

  /** The answer is the position, of the first one if it is a duplicate. */
  append(added: EventDraft, nowMs: number): number {
    const known = this.events.findLast(
      ({ draft: { topic, id }, atMs }) => topic === added.topic && id === added.id && nowMs - atMs < DEDUPLICATION_MS,
    );
    if (known !== undefined) return known.position;
    this.events.push({ draft: added, position: this.events.length + 1, atMs: nowMs });
    return this.events.length;
  }

  trim(nowMs: number): void {
    const { events, ageMs } = this.retention;
    this.trimmed = Math.max(this.trimmed, this.events.length - events);
    while ((this.events[this.trimmed]?.atMs ?? Number.POSITIVE_INFINITY) < nowMs - ageMs) this.trimmed += 1;
  }

  matching(asked: Interest, after: number, upTo: number): readonly ModelEvent[] {
    return this.events.slice(after, upTo).filter((each) => isInterested(asked, each.draft));
  }
}

function told({ draft: { id, topic, type, time, data }, position }: ModelEvent): unknown {
  return { id, topic, type, time, data, position };
}

async function run(
  log: EventLog,
  model: Model,
  clock: ManualClock,
  step: Exclude<Command, { kind: "restart" }>,
): Promise<void> {
  const { length: newest } = model.events;
  switch (step.kind) {
    case "append": {
      const batchesOfDrafts = step.batches.map((batch) =>
        batch.map(([topic, type, id, size]) =>
          draft({
            topic: TOPICS[topic] as string,
            type: TYPES[type] as string,
            id: `id${id}`,
            data: `"${"ü".repeat(size)}"`,
          }),
        ),
      );
      const appended = await Promise.all(batchesOfDrafts.map((batch) => log.append(batch)));
      for (const [index, batch] of batchesOfDrafts.entries()) {
        const expected = batch.map((each) => {
          const before = model.events.length;
          const position = model.append(each, clock.monotonic());
          return { id: each.id, position, isDuplicate: position <= before };
        });
        expect(appended[index]).toEqual(expected);
      }
      model.trim(clock.monotonic());
      break;
    }
    case "advance":
      clock.advance(step.ms);
      log.setRetention(model.retention);
      model.trim(clock.monotonic());
      break;
    case "retain":
      model.retention = { ...UNLIMITED, events: step.events, ageMs: step.ageMs };
      log.setRetention(model.retention);
      model.trim(clock.monotonic());
      break;
    case "read": {
      const asked = INTERESTS[step.interest] as Interest;
      const after = Math.max(0, newest - step.back);
      const pages = await readAll(log, { interest: asked, after, limit: step.limit, limitBytes: step.limitBytes });
      const expected = model.matching(asked, Math.max(after, model.trimmed), newest);
      expect(pages.events.map((each) => told({ draft: each, position: each.position, atMs: 0 }))).toEqual(
        expected.map(told),
      );
      expect(pages.gapUntil).toBe(model.matching(asked, after, model.trimmed).length > 0 ? model.trimmed : null);
      expect(pages.position).toBe(newest);
      break;
    }
    case "readLast": {
      const asked = INTERESTS[step.interest] as Interest;
      const upTo = Math.max(0, newest - step.back);
      const page = await log.readLast(asked, step.count, upTo);
      const all = model.matching(asked, model.trimmed, upTo);
      const expected = step.count === 0 ? [] : all.slice(-step.count);
      expect(page.events.map((each) => told({ draft: each, position: each.position, atMs: 0 }))).toEqual(
        expected.map(told),
      );
      break;
    }
  }
}

/** Any interleaving of appends, trimming, reading, the passing of time and restarts does what the model does. */
export function describeModel(kind: LogKind): void {
  it("is, in any interleaving of append, trim, read and restart, like a simple model", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command(kind.isDurable), { minLength: 5, maxLength: 60 }), async (steps) => {
        const clock = new ManualClock();
        const model = new Model();
        const underTest = await kind.open({ retention: UNLIMITED, deduplicationMs: DEDUPLICATION_MS, clock });
        try {
          let { log } = underTest;
          for (const step of steps) {
            if (step.kind === "restart") {
              log = await underTest.restart(step.how);
              log.setRetention(model.retention);
              model.trim(clock.monotonic());
            } else {
              await run(log, model, clock, step);
            }
            await trimmedThrough(log, model.trimmed);
            // oxlint-enable no-await-in-loop
            expect(log.bounds()).toEqual({ trimmedThrough: model.trimmed, newest: model.events.length });
          }
        } finally {
          await underTest.dispose();
        }
      }),
      { numRuns: kind.modelRuns, interruptAfterTimeLimit: 12_000, endOnFailure: false },
    );
  });
}
