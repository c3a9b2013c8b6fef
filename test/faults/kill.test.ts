import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { drivers } from "../conformance/drivers/index.ts";
import { cursorOf } from "../support/event-json.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import type { Receipt } from "../support/publisher.ts";
import { rawElements, rawMember } from "../support/raw-json.ts";
import { SteadyReader } from "../support/steady-reader.ts";
import { until } from "../support/until.ts";

const PUBLISHERS = 8;
/** Acknowledged batches between two kills. */
const BATCHES_PER_LIFE = 150;

interface Data {
  readonly publisher: number;
  readonly batch: number;
  readonly place: number;
  readonly size: number;
}

describe("kill -9 during a publishing storm", () => {
  let gateway: GatewayProcess;
  let steady: readonly SteadyReader[] = [];

  beforeEach(async () => {
    gateway = await GatewayProcess.start();
  });

  afterEach(async () => {
    await Promise.all(steady.map((reader) => reader.close()));
    await gateway.close();
  });

  test("acknowledged events are all there, in order; no batch is half; readers lose and double nothing", async () => {
    const [start] = await gateway.publisher.publish({ topic: "start", data: null });
    steady = drivers.map((driver) =>
      SteadyReader.start(driver, { url: gateway.url, topics: ["storm/*"], after: start?.cursor }),
    );
    const acknowledged: {
      readonly receipts: readonly Receipt[];
      readonly publisher: number;
      readonly batch: number;
    }[] = [];
    const over = new AbortController();
    const publishing = Array.from({ length: PUBLISHERS }, async (_, publisher) => {
      for (let batch = 0; !over.signal.aborted; batch += 1) {
        const size = 1 + ((publisher + batch) % 4);
        const events = Array.from({ length: size }, (__, place) => ({
          topic: `storm/${place % 3}`,
          id: `${publisher}-${batch}-${place}`,
          data: { publisher, batch, place, size } satisfies Data,
        }));
        for (let isKnown = false; !isKnown && !over.signal.aborted;) {
          try {
            const receipts = await gateway.publisher.publish(...events);
            acknowledged.push({ receipts, publisher, batch });
            isKnown = true;
          } catch {
            // The gateway was killed, and whether the batch is in is not known. Some ask again, some go on with the next.
            await until("the gateway to be back", () => over.signal.aborted || gateway.isRunning);
            isKnown = !asksAgain(publisher);
          }
        }
      }
    });
    for (let life = 0; life < 3; life += 1) {
      const goal = acknowledged.length + BATCHES_PER_LIFE;
      await until("a storm", () => acknowledged.length >= goal);
      await gateway.kill("SIGKILL");
      await gateway.launch();
    }
    const goal = acknowledged.length + BATCHES_PER_LIFE;
    await until("a storm after the last kill", () => acknowledged.length >= goal);
    over.abort();
    await Promise.all(publishing);
    const [end] = await gateway.publisher.publish({
      topic: "storm/end",
      data: { publisher: 1_001, batch: 0, place: 0, size: 1 },
    });

    const all = await readAll(gateway, start?.cursor as string);
    const dataAt = new Map(all.map((json) => [cursorOf(json), JSON.parse(json).data as Data]));
    expect(dataAt.size).toBe(all.length);
    for (const { receipts, publisher, batch } of acknowledged) {
      for (const [place, { cursor }] of receipts.entries())
        expect(dataAt.get(cursor)).toMatchObject({ publisher, batch, place });
    }
    expectWhole([...dataAt.values()]);
    for (const [index, { inbox, connections }] of steady.entries()) {
      await inbox.until("the end", () => inbox.cursor === end?.cursor);
      expect({ by: drivers[index]?.name, events: inbox.events }).toEqual({ by: drivers[index]?.name, events: all });
      expect(inbox.gaps).toEqual([]);
      expect(connections).toBeGreaterThan(3);
    }
  });
});

/** Whether the publisher sends a batch again, with the same ids, until it is acknowledged. */
function asksAgain(publisher: number): boolean {
  return publisher % 2 === 0;
}

/** Every batch stands once, whole and in one piece, and each publisher's batches in the order it published them. */
function expectWhole(events: readonly Data[]): void {
  const newest = new Map<number, number>();
  for (let at = 0; at < events.length;) {
    const { publisher, batch, size } = events[at] as Data;
    const expected = Array.from({ length: size }, (_, place) => ({ publisher, batch, place, size }));
    expect(events.slice(at, at + size)).toEqual(expected);
    const before = newest.get(publisher) ?? -1;
    if (asksAgain(publisher)) expect(batch).toBe(before + 1);
    else expect(batch).toBeGreaterThan(before);
    newest.set(publisher, batch);
    at += size;
  }
}

async function readAll(gateway: GatewayProcess, after: string): Promise<readonly string[]> {
  const all: string[] = [];
  for (let cursor = after; ;) {
    const response = await fetch(`${gateway.url}/realtime/events?topic=storm/*&limit=1000&after=${cursor}`);
    const text = await response.text();
    const events = rawElements(rawMember(text, "events") as string);
    if (events.length === 0) return all;
    all.push(...events);
    cursor = JSON.parse(text).cursor;
  }
}
