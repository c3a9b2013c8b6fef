import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SluiceError, type EventLog, type StoredEvent } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { describeModel } from "./describe-model.ts";
import {
  draft,
  drafts,
  interest,
  readAll,
  settled,
  trimmedThrough,
  UNLIMITED,
  type LogKind,
  type LogUnderTest,
  type OpenOptions,
} from "./log-under-test.ts";

const DEDUPLICATION_MS = 600_000;

/** What every log must do, whatever it is made of. */
export function describeLog(kind: LogKind): void {
  describe(kind.name, () => {
    let clock: ManualClock;
    let underTest: LogUnderTest;
    let log: EventLog;

    async function reopen(options: Partial<OpenOptions>): Promise<void> {
      await underTest.dispose();
      underTest = await kind.open({ retention: UNLIMITED, deduplicationMs: DEDUPLICATION_MS, clock, ...options });
      log = underTest.log;
    }

    beforeEach(async () => {
      clock = new ManualClock();
      underTest = await kind.open({ retention: UNLIMITED, deduplicationMs: DEDUPLICATION_MS, clock });
      log = underTest.log;
    });
    afterEach(() => underTest.dispose());

    async function positions(...filters: readonly string[]): Promise<readonly number[]> {
      const { events } = await readAll(log, { interest: interest(...filters), after: 0 });
      return events.map(({ position }) => position);
    }

    describe("append", () => {
      it("gives positions that rise by one, in the order of the calls", async () => {
        const calls = [log.append(drafts(2)), log.append([draft()]), log.append(drafts(3))];
        const appended = (await Promise.all(calls)).flat();
        expect(appended.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6]);
        expect(appended.every(({ isDuplicate }) => !isDuplicate)).toBe(true);
        expect(log.bounds()).toEqual({ trimmedThrough: 0, newest: 6 });
      });

      it("says the ids of the drafts", async () => {
        const [first, second] = await log.append([draft({ id: "a" }), draft({ id: "b" })]);
        expect([first?.id, second?.id]).toEqual(["a", "b"]);
      });

      it("takes nothing as nothing", async () => {
        expect(await log.append([])).toEqual([]);
        expect(log.bounds().newest).toBe(0);
      });

      it("keeps the events of many publishers whole and in order", async () => {
        const publishers = Array.from({ length: 20 }, async (_, publisher) => {
          for (let batch = 0; batch < 10; batch += 1) {
            // A publisher that waits.
            await log.append([0, 1, 2].map((n) => draft({ topic: `p/${publisher}`, data: `${batch * 3 + n}` })));
          }
        });
        await Promise.all(publishers);
        const { events } = await readAll(log, { interest: interest("p/*"), after: 0, limit: 7 });
        expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
        for (let publisher = 0; publisher < 20; publisher += 1) {
          const own = events.filter(({ topic }) => topic === `p/${publisher}`);
          expect(own.map(({ data }) => Number(data))).toEqual(Array.from({ length: 30 }, (_, index) => index));
          for (let index = 0; index < 30; index += 3)
            expect(own[index + 2]?.position).toBe((own[index]?.position ?? 0) + 2);
        }
      });
    });

    describe("tail", () => {
      it("has the events before the append's promise reacts, once, in order", async () => {
        const tailed: StoredEvent[] = [];
        log.tail((batch) => tailed.push(...batch));
        const seenBy = await Promise.all(
          [log.append(drafts(2)), log.append([draft()])].map((call) => call.then(() => tailed.length)),
        );
        expect(seenBy[0]).toBeGreaterThanOrEqual(2);
        expect(seenBy[1]).toBe(3);
        expect(tailed.map(({ position }) => position)).toEqual([1, 2, 3]);
      });

      it("calls nobody who has left, and all others", async () => {
        const heard: string[] = [];
        const leave = log.tail(() => heard.push("a"));
        log.tail(() => heard.push("b"));
        await log.append([draft()]);
        leave();
        await log.append([draft()]);
        expect(heard).toEqual(["a", "b", "b"]);
      });

      it("says nothing of duplicates", async () => {
        await log.append([draft({ id: "x" })]);
        const batches: (readonly StoredEvent[])[] = [];
        log.tail((batch) => batches.push(batch));
        await log.append([draft({ id: "x" })]);
        await log.append([draft({ id: "y" }), draft({ id: "x" })]);
        expect(batches.map((batch) => batch.map(({ id }) => id))).toEqual([["y"]]);
      });

      it("passes on when the gateway took the event", async () => {
        const tailed: StoredEvent[] = [];
        log.tail((batch) => tailed.push(...batch));
        await log.append([draft({ receivedAtMs: 12.5 }), draft()]);
        expect(tailed.map(({ receivedAtMs }) => receivedAtMs)).toEqual([12.5, 0]);
      });
    });

    describe("what is read", () => {
      const odd: readonly [string, string, string | null][] = [
        ["an object", '{"a":[1,2.50,{"b":null}]}', null],
        ["a big number and odd spelling", '{"n":12345678901234567890,"e":1E400,"s":"\\u0041\\/"}', null],
        ["unicode beyond the first plane", '{"pizza":"🍕 ümläut \u2028 漢字"}', null],
        ["a lone surrogate, escaped", '"\\ud800"', null],
        ["a NUL, escaped", '"\\u0000"', null],
        ["__proto__", '{"__proto__":{"x":1},"__proto__":2}', null],
        ["nothing", "null", null],
        ["an empty text", '""', null],
        ["bytes", "AAECAwQ=", "application/octet-stream"],
        ["no bytes", "", 'text/plain; charset="utf-8"'],
        ["256 KiB", JSON.stringify("x".repeat(256 * 1024)), null],
      ];

      it("is what was published, to the letter", async () => {
        const tailed: StoredEvent[] = [];
        log.tail((batch) => tailed.push(...batch));
        await log.append(odd.map(([, data, dataContentType]) => draft({ data, dataContentType })));
        const { events } = await readAll(log, { interest: interest("orders/1"), after: 0 });
        for (const [index, [what, data, dataContentType]] of odd.entries()) {
          expect(events[index]?.json, what).toBe(tailed[index]?.json);
          expect(events[index]?.json, what).toContain(
            dataContentType === null ? `"data":${data}}` : `"data_base64":"${data}"}`,
          );
          expect(events[index]?.dataContentType, what).toBe(dataContentType);
        }
      });

      it("has times to the letter", async () => {
        const times = [
          "2026-11-23T02:15:00.123Z",
          "2026-11-23T02:15:00.123Z",
          "2026-11-23T02:15:00Z",
          "2026-11-23T02:15:00.123456789Z",
          "2016-12-31T23:59:60Z",
          "0001-01-01T00:00:00.000Z",
          "1969-12-31T23:59:59.999Z",
          "9999-12-31T23:59:59.999Z",
        ];
        await log.append(times.map((time) => draft({ time })));
        const { events } = await readAll(log, { interest: interest("orders/1"), after: 0 });
        expect(events.map(({ time }) => time)).toEqual(times);
      });

      it("has topics of any printable characters", async () => {
        const topic = "zürich/漢字/🍕/a~b$c'd\"e";
        await log.append([draft({ topic }), draft({ topic: "zürich/漢字" })]);
        expect(await positions(topic)).toEqual([1]);
        expect(await positions("zürich/**")).toEqual([1, 2]);
        const { events } = await readAll(log, { interest: interest("zürich/*/*/*"), after: 0 });
        expect(events.map((event) => event.topic)).toEqual([topic]);
      });
    });

    describe("read", () => {
      it("takes what matches, after the position", async () => {
        for (const topic of ["a/1", "a/2", "a/1/x", "b", "a/1", "$sys/a/1"]) {
          await log.append([draft({ topic })]);
        }
        expect(await positions("a/1")).toEqual([1, 5]);
        expect(await positions("a/*")).toEqual([1, 2, 5]);
        expect(await positions("a/**")).toEqual([1, 2, 3, 5]);
        expect(await positions("a/*/x")).toEqual([3]);
        expect(await positions("*")).toEqual([4]);
        expect(await positions("**")).toEqual([1, 2, 3, 4, 5]);
        expect(await positions("$sys/**")).toEqual([6]);
        expect(await positions("b", "a/2", "b")).toEqual([2, 4]);
        expect(await positions("a/1", "a/**")).toEqual([1, 2, 3, 5]);
        expect(await positions("a")).toEqual([]);
        const { events } = await readAll(log, { interest: interest("a/**"), after: 2 });
        expect(events.map(({ position }) => position)).toEqual([3, 5]);
      });

      it("takes the types asked for", async () => {
        for (const type of ["created", "updated", "created", "deleted"]) {
          await log.append([draft({ topic: "a/1", type }), draft({ topic: "a/2", type })]);
        }
        expect(await positions("a/1 created")).toEqual([1, 5]);
        expect(await positions("a/1 created,deleted")).toEqual([1, 5, 7]);
        expect(await positions("a/* updated")).toEqual([3, 4]);
        expect(await positions("a/1 updated", "a/2 deleted")).toEqual([3, 8]);
        expect(await positions("a/1 none")).toEqual([]);
      });

      it("comes to the end of the log, also where nothing matches", async () => {
        await log.append(drafts(3, { topic: "a" }));
        const nothing = await log.read({ interest: interest("b"), after: 0, limit: 10, limitBytes: 1000 });
        expect(nothing).toEqual({ events: [], position: 3, isCaughtUp: true, gapUntil: null });
        const atEnd = await log.read({ interest: interest("a"), after: 3, limit: 10, limitBytes: 1000 });
        expect(atEnd).toEqual({ events: [], position: 3, isCaughtUp: true, gapUntil: null });
        const empty = await log.read({ interest: interest("a"), after: 7, limit: 10, limitBytes: 1000 });
        expect(empty).toEqual({ events: [], position: 7, isCaughtUp: true, gapUntil: null });
      });

      it("ends a page at its limit, and says whether that is the end", async () => {
        await log.append(drafts(5, { topic: "a" }));
        const first = await log.read({ interest: interest("a"), after: 0, limit: 3, limitBytes: 1e6 });
        expect([first.events.length, first.position, first.isCaughtUp]).toEqual([3, 3, false]);
        const second = await log.read({ interest: interest("a"), after: 3, limit: 2, limitBytes: 1e6 });
        expect([second.events.length, second.position, second.isCaughtUp]).toEqual([2, 5, true]);
      });

      it("ends a page with the event that reaches its bytes, counted as UTF-8", async () => {
        const data = JSON.stringify("漢".repeat(1000));
        await log.append(drafts(6, { topic: "a", data }));
        const [one] = (await readAll(log, { interest: interest("a"), after: 0 })).events;
        const bytes = Buffer.byteLength(one?.json ?? "");
        expect(bytes).toBeGreaterThan(3000);
        const read = async (limitBytes: number): Promise<number> =>
          (await log.read({ interest: interest("a"), after: 0, limit: 10, limitBytes })).events.length;
        expect(await read(1)).toBe(1);
        expect(await read(bytes)).toBe(1);
        expect(await read(bytes + 1)).toBe(2);
        expect(await read(bytes * 3)).toBe(3);
        expect((await readAll(log, { interest: interest("a"), after: 0, limitBytes: bytes + 1 })).events).toHaveLength(
          6,
        );
      });

      it("finds the few among the many", async () => {
        const many = Array.from({ length: 3000 }, (_, index) =>
          draft({ topic: `busy/${index % 50}`, type: index % 2 === 0 ? "x" : "y" }),
        );
        await log.append([draft({ topic: "quiet/1" }), ...many.slice(0, 1500)]);
        await log.append([draft({ topic: "quiet/2" }), ...many.slice(1500), draft({ topic: "quiet/1" })]);
        expect(await positions("quiet/1")).toEqual([1, 3003]);
        expect(await positions("quiet/*")).toEqual([1, 1502, 3003]);
        expect(await positions("*/1")).toHaveLength(62);
        expect(await positions("*/2 message")).toEqual([1502]);
        expect(await positions("**")).toHaveLength(3003);
        const topics = Array.from({ length: 20 }, (_, index) => `busy/${index}`);
        expect(await positions(...topics)).toHaveLength(1200);
        expect(await positions(...topics.map((topic) => `${topic} x`))).toHaveLength(600);
        expect(await positions(...Array.from({ length: 99 }, (_, index) => `none/${index}`), "quiet/2")).toEqual([
          1502,
        ]);
      });

      it("sees an event as soon as its append has resolved", async () => {
        for (let count = 1; count <= 20; count += 1) {
          const appended = await log.append([draft({ topic: "a" })]);
          const page = await log.read({ interest: interest("a"), after: count - 1, limit: 10, limitBytes: 1e6 });
          expect(page.events.map(({ position }) => position)).toEqual([appended[0]?.position]);
        }
      });
    });

    describe("readLast", () => {
      async function last(count: number, upTo: number, ...filters: readonly string[]): Promise<readonly number[]> {
        const page = await log.readLast(interest(...filters), count, upTo);
        expect(page.position).toBe(upTo);
        expect(page.gapUntil).toBeNull();
        return page.events.map(({ position }) => position);
      }

      it("gives the newest that match, oldest first", async () => {
        for (let round = 0; round < 4; round += 1) {
          await log.append([draft({ topic: "a/1" }), draft({ topic: "a/2", type: "x" }), draft({ topic: "b" })]);
        }
        expect(await last(2, 12, "a/1")).toEqual([7, 10]);
        expect(await last(9, 12, "a/1")).toEqual([1, 4, 7, 10]);
        expect(await last(3, 12, "a/*")).toEqual([8, 10, 11]);
        expect(await last(3, 12, "**")).toEqual([10, 11, 12]);
        expect(await last(2, 12, "a/* x")).toEqual([8, 11]);
        expect(await last(2, 12, "c")).toEqual([]);
        expect(await last(0, 12, "**")).toEqual([]);
      });

      it("leaves out what is behind the place asked for", async () => {
        await log.append(drafts(6, { topic: "a" }));
        expect(await last(2, 4, "a")).toEqual([3, 4]);
        expect(await last(2, 4, "*")).toEqual([3, 4]);
        expect(await last(2, 0, "a")).toEqual([]);
      });

      it("finds the few among the many", async () => {
        await log.append([
          draft({ topic: "quiet/1" }),
          ...drafts(2500, { topic: "busy/1" }),
          draft({ topic: "quiet/2" }),
        ]);
        await log.append(drafts(2500, { topic: "busy/2" }));
        const { newest } = log.bounds();
        expect(await last(5, newest, "quiet/1")).toEqual([1]);
        expect(await last(5, newest, "quiet/*")).toEqual([1, 2502]);
        expect(await last(1, newest, "*/1")).toEqual([2501]);
      });

      it("gives what is retained, without more ado", async () => {
        await log.append(drafts(6, { topic: "a" }));
        log.setRetention({ ...UNLIMITED, events: 2 });
        await trimmedThrough(log, 4);
        expect(await last(5, 6, "a")).toEqual([5, 6]);
        expect(await last(5, 6, "*")).toEqual([5, 6]);
      });
    });

    describe("deduplication", () => {
      it("answers with the first one's position and adds nothing", async () => {
        await log.append([draft(), draft({ id: "x" })]);
        const again = await log.append([draft({ id: "x", type: "other", data: "1" }), draft()]);
        expect(again).toEqual([
          { id: "x", position: 2, isDuplicate: true },
          { id: again[1]?.id, position: 3, isDuplicate: false },
        ]);
        expect(await positions("orders/1")).toEqual([1, 2, 3]);
      });

      it("knows a repeated id inside one batch, and in batches sent together", async () => {
        const [first, second] = await Promise.all([
          log.append([draft({ id: "x" }), draft({ id: "x" })]),
          log.append([draft({ id: "x" })]),
        ]);
        expect([...first, ...second]).toEqual([
          { id: "x", position: 1, isDuplicate: false },
          { id: "x", position: 1, isDuplicate: true },
          { id: "x", position: 1, isDuplicate: true },
        ]);
      });

      it("is about the id within its topic", async () => {
        await log.append([draft({ id: "x", topic: "a" })]);
        const [other] = await log.append([draft({ id: "x", topic: "b" })]);
        expect(other?.isDuplicate).toBe(false);
      });

      it("ends with its window, to the millisecond", async () => {
        await log.append([draft({ id: "x" })]);
        clock.advance(DEDUPLICATION_MS - 1);
        expect((await log.append([draft({ id: "x" })]))[0]).toMatchObject({ position: 1, isDuplicate: true });
        clock.advance(1);
        expect((await log.append([draft({ id: "x" })]))[0]).toMatchObject({ position: 2, isDuplicate: false });
        expect((await log.append([draft({ id: "x" })]))[0]).toMatchObject({ position: 2, isDuplicate: true });
      });

      it("outlives the event", async () => {
        await log.append([draft({ id: "x" }), ...drafts(20)]);
        log.setRetention({ ...UNLIMITED, events: 1 });
        await trimmedThrough(log, 20);
        expect((await log.append([draft({ id: "x" })]))[0]).toMatchObject({ position: 1, isDuplicate: true });
      });

      it("can be switched off", async () => {
        await reopen({ deduplicationMs: 0 });
        await log.append([draft({ id: "x" }), draft({ id: "x" })]);
        expect((await log.append([draft({ id: "x" })]))[0]).toMatchObject({ position: 3, isDuplicate: false });
      });
    });

    describe("retention", () => {
      it("keeps so many events", async () => {
        log.setRetention({ ...UNLIMITED, events: 3 });
        await log.append(drafts(2));
        await log.append(drafts(5));
        await trimmedThrough(log, 4);
        expect(log.bounds()).toEqual({ trimmedThrough: 4, newest: 7 });
        expect(await positions("**")).toEqual([5, 6, 7]);
      });

      it("keeps so many bytes, the newest", async () => {
        log.setRetention({ ...UNLIMITED, bytes: 100_000 });
        const data = JSON.stringify("x".repeat(1000));
        for (let count = 0; count < 20; count += 1) {
          // So that it happens little by little.
          await log.append(drafts(10, { data }));
        }
        await settled("something is trimmed", () => log.bounds().trimmedThrough >= 100);
        // Trimming may go on while the log is read.
        const before = log.bounds().trimmedThrough;
        const kept = await positions("**");
        expect(kept.length).toBeLessThan(100);
        expect(kept.length).toBeGreaterThan(20);
        expect(kept.at(-1)).toBe(200);
        expect(kept[0]).toBeGreaterThan(before);
        expect(kept[0]).toBeLessThanOrEqual(log.bounds().trimmedThrough + 1);
      });

      it("keeps events for so long", async () => {
        log.setRetention({ ...UNLIMITED, ageMs: 60_000 });
        await log.append(drafts(2));
        clock.advance(30_000);
        await log.append(drafts(2));
        clock.advance(30_000);
        await log.append([draft()]);
        expect(await positions("**")).toEqual([1, 2, 3, 4, 5]);
        clock.advance(2000);
        await trimmedThrough(log, 2);
        expect(await positions("**")).toEqual([3, 4, 5]);
        clock.advance(30_000);
        await trimmedThrough(log, 4);
        clock.advance(30_000);
        await trimmedThrough(log, 5);
        expect(await positions("**")).toEqual([]);
        expect((await log.append([draft()]))[0]?.position).toBe(6);
      });

      it("takes new limits while it runs, also for thousands of events", async () => {
        for (let count = 0; count < 6; count += 1) {
          await log.append(drafts(1000, { topic: `a/${count}` }));
        }
        log.setRetention({ ...UNLIMITED, events: 1500 });
        const meanwhile = await log.append([draft({ topic: "b" })]);
        expect(meanwhile[0]?.position).toBe(6001);
        await trimmedThrough(log, 4501);
        expect((await positions("**"))[0]).toBe(4502);
        log.setRetention({ ...UNLIMITED, events: 0 });
        await trimmedThrough(log, 6001);
        expect(await positions("**")).toEqual([]);
        log.setRetention(UNLIMITED);
        await log.append([draft()]);
        expect(await positions("**")).toEqual([6002]);
      });
    });

    describe("gaps", () => {
      /** Positions 1 to 6 are trimmed: a/1 at 1 and 4 (type x), a/2 at 2 and 5, b at 3 and 6; the same again is retained at 7 to 12. */
      async function fill(): Promise<void> {
        for (let round = 0; round < 4; round += 1) {
          const type = round === 1 ? "x" : "message";
          await log.append([draft({ topic: "a/1", type }), draft({ topic: "a/2" }), draft({ topic: "b" })]);
        }
        await log.append([draft({ topic: "quiet" })]);
        log.setRetention({ ...UNLIMITED, events: 7 });
        await trimmedThrough(log, 6);
      }

      async function gapAfter(after: number, ...filters: readonly string[]): Promise<number | null> {
        return (await log.read({ interest: interest(...filters), after, limit: 1, limitBytes: 1 })).gapUntil;
      }

      it("are told where something that matches was trimmed after the position, and nowhere else", async () => {
        await fill();
        for (const after of [0, 1, 3]) {
          expect(await gapAfter(after, "a/1")).toBe(6);
        }
        expect(await gapAfter(4, "a/1")).toBeNull();
        expect(await gapAfter(4, "a/2")).toBe(6);
        expect(await gapAfter(4, "a/1", "b")).toBe(6);
        expect(await gapAfter(5, "a/1", "a/2")).toBeNull();
        expect(await gapAfter(6, "**")).toBeNull();
        expect(await gapAfter(0, "quiet")).toBeNull();
        expect(await gapAfter(0, "never")).toBeNull();
      });

      it("are precise for patterns too", async () => {
        await fill();
        expect(await gapAfter(4, "a/*")).toBe(6);
        expect(await gapAfter(5, "a/*")).toBeNull();
        expect(await gapAfter(5, "**")).toBe(6);
        expect(await gapAfter(0, "*")).toBe(6);
        expect(await gapAfter(0, "c/**")).toBeNull();
        expect(await gapAfter(3, "*/1")).toBe(6);
        expect(await gapAfter(4, "*/1", "quiet")).toBeNull();
        log.setRetention({ ...UNLIMITED, events: 5 });
        await trimmedThrough(log, 8);
        expect(await gapAfter(5, "a/*")).toBe(8);
        expect(await gapAfter(7, "*/1")).toBeNull();
        expect(await gapAfter(0, "c/**")).toBeNull();
      });

      it("are precise for types", async () => {
        await fill();
        expect(await gapAfter(1, "a/1 message")).toBeNull();
        expect(await gapAfter(1, "a/1 x")).toBe(6);
        expect(await gapAfter(0, "a/1 y")).toBeNull();
        expect(await gapAfter(4, "a/* x")).toBeNull();
        expect(await gapAfter(3, "a/* x")).toBe(6);
      });

      it("end where they say", async () => {
        await fill();
        const page = await log.read({ interest: interest("a/*"), after: 0, limit: 10, limitBytes: 1e6 });
        expect(page.events.map(({ position }) => position)).toEqual([7, 8, 10, 11]);
        const again = await log.read({
          interest: interest("a/*"),
          after: page.gapUntil ?? 0,
          limit: 10,
          limitBytes: 1e6,
        });
        expect(again.gapUntil).toBeNull();
        expect(again.events.map(({ json }) => json)).toEqual(page.events.map(({ json }) => json));
      });

      it("are told when nothing is retained", async () => {
        await log.append(drafts(3, { topic: "a" }));
        log.setRetention({ ...UNLIMITED, events: 0 });
        await trimmedThrough(log, 3);
        const page = await log.read({ interest: interest("a"), after: 1, limit: 10, limitBytes: 1e6 });
        expect(page).toEqual({ events: [], position: 3, isCaughtUp: true, gapUntil: 3 });
        expect(await gapAfter(3, "a")).toBeNull();
        expect(await gapAfter(0, "b")).toBeNull();
      });
    });

    describe("closing", () => {
      it("refuses what comes after, and stores what came before", async () => {
        const before = [log.append(drafts(3)), log.append([draft()])];
        const closing = log.close();
        const after = log.append([draft()]);
        await expect(after).rejects.toMatchObject({ code: "log-unavailable", status: 503 });
        await expect(after).rejects.toBeInstanceOf(SluiceError);
        expect((await Promise.all(before)).flat()).toHaveLength(4);
        expect(log.isWritable).toBe(false);
        await closing;
        await log.close();
      });

      it("lets go of its timers", async () => {
        expect(clock.pending).toBeGreaterThan(0);
        await log.close();
        expect(clock.pending).toBe(0);
      });
    });

    describe("a restart", () => {
      if (kind.isDurable) {
        it.each(["close", "crash"] as const)("keeps all: %s", async (how) => {
          await log.append([
            draft({ id: "x", topic: "a/1" }),
            draft({ topic: "a/2", data: '"ü"' }),
            draft({ topic: "a/1" }),
          ]);
          await log.append([draft({ topic: "b", dataContentType: "image/png", data: "AAAA" })]);
          log.setRetention({ ...UNLIMITED, events: 2 });
          await trimmedThrough(log, 2);
          const { epoch } = log;
          const json = (await readAll(log, { interest: interest("**"), after: 0 })).events.map((event) => event.json);
          log = await underTest.restart(how);
          expect(log.epoch).toBe(epoch);
          expect(log.bounds()).toEqual({ trimmedThrough: 2, newest: 4 });
          expect(log.isWritable).toBe(true);
          const { events, gapUntil } = await readAll(log, { interest: interest("**"), after: 1 });
          expect(events.map((event) => event.json)).toEqual(json);
          expect(gapUntil).toBe(2);
          expect((await readAll(log, { interest: interest("a/1"), after: 1 })).gapUntil).toBeNull();
          expect(
            (await log.append([draft({ id: "x", topic: "a/1" }), draft()])).map(({ position }) => position),
          ).toEqual([1, 5]);
        });

        it("goes on where it was when nothing is retained", async () => {
          await log.append(drafts(3));
          log.setRetention({ ...UNLIMITED, events: 0 });
          await trimmedThrough(log, 3);
          log = await underTest.restart("close");
          expect(log.bounds()).toEqual({ trimmedThrough: 3, newest: 3 });
          expect((await log.append([draft()]))[0]?.position).toBe(4);
        });

        it("goes on counting age and window from when events were stored", async () => {
          await log.append([draft({ id: "x" })]);
          clock.advance(DEDUPLICATION_MS - 1);
          log = await underTest.restart("close");
          expect((await log.append([draft({ id: "x" })]))[0]?.isDuplicate).toBe(true);
          clock.advance(1);
          log = await underTest.restart("crash");
          expect((await log.append([draft({ id: "x" })]))[0]?.position).toBe(2);
          log.setRetention({ ...UNLIMITED, ageMs: DEDUPLICATION_MS - 1 });
          await trimmedThrough(log, 1);
          expect(log.bounds().trimmedThrough).toBe(1);
        });
      } else {
        it("begins a new log, and says so by its epoch", async () => {
          await log.append(drafts(3));
          const { epoch } = log;
          clock.advance(1000);
          log = await underTest.restart("close");
          expect(log.epoch).not.toBe(epoch);
          expect(log.bounds()).toEqual({ trimmedThrough: 0, newest: 0 });
        });
      }
    });

    it("is not moved by a wall clock that steps back", async () => {
      log.setRetention({ ...UNLIMITED, ageMs: 60_000 });
      await log.append([draft({ id: "x" })]);
      clock.step(-3_600_000);
      await log.append([draft()]);
      expect((await log.append([draft({ id: "x" })]))[0]?.isDuplicate).toBe(true);
      clock.advance(61_000);
      await trimmedThrough(log, 2);
      expect((await log.append([draft()]))[0]?.position).toBe(3);
    });

    describeModel(kind);
  });
}
