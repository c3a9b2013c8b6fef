import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Reader } from "../conformance/drivers/reader-driver.ts";
import { sse } from "../conformance/drivers/sse.ts";
import { websocket } from "../conformance/drivers/websocket.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

const EVENT_BYTES = 200_000;
const EVENTS = 1000;
const PER_BATCH = 10;
/** Above what the gateway holds when it starts: its window of newest events, batches on their way, and garbage. */
const GROWTH_BYTES = 300 * 1024 * 1024;

describe("clients that stop reading while 200 MB are published", () => {
  let gateway: GatewayProcess;
  const readers: Reader[] = [];

  beforeAll(async () => {
    gateway = await GatewayProcess.start();
  });

  afterAll(async () => {
    for (const reader of readers) {
      reader.resume();
      reader.cut();
    }
    await gateway.close();
  });

  test.skipIf(process.platform !== "linux")(
    "cost bounded memory, hold nobody up, and read on later without loss (memory is read from /proc)",
    async () => {
      const connect = async (driver: typeof sse): Promise<Reader> => {
        const reader = await driver.connect({ url: gateway.url, topics: ["big"] });
        readers.push(reader);
        return reader;
      };
      const stopped = [await connect(sse), await connect(websocket)];
      const brisk = [await connect(sse), await connect(websocket)];
      for (const reader of stopped) reader.pause();
      const before = await gateway.residentBytes();
      let peak = before;
      const filling = "x".repeat(EVENT_BYTES);
      for (let first = 0; first < EVENTS; first += PER_BATCH) {
        await gateway.publisher.publish(
          ...Array.from({ length: PER_BATCH }, (_, place) => ({ topic: "big", data: [first + place, filling] })),
        );
        peak = Math.max(peak, await gateway.residentBytes());
      }
      for (const { inbox } of brisk) expect(numbers(await inbox.take(EVENTS))).toEqual(upTo(EVENTS));
      for (const { inbox } of stopped) expect(inbox.events.length).toBeLessThan(EVENTS);
      for (const reader of stopped) reader.resume();
      for (const { inbox } of stopped) {
        await inbox.until("all events", () => inbox.events.length === EVENTS, 60_000);
        peak = Math.max(peak, await gateway.residentBytes());
        expect(numbers(inbox.events)).toEqual(upTo(EVENTS));
        expect(inbox.gaps).toEqual([]);
      }
      expect(peak - before).toBeLessThan(GROWTH_BYTES);
    },
  );
});

/** The first member of each event's data, without parsing the rest. */
function numbers(events: readonly string[]): number[] {
  return events.map((json) => Number(/"data":\[(\d+),/.exec(json)?.[1]));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
