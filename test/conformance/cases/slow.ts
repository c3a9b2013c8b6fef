import { describe, expect, test } from "vitest";
import type { TestGateway } from "../../support/test-gateway.ts";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver } from "../drivers/reader-driver.ts";
import { useDriver, useGateway } from "../use.ts";

const EVENT_BYTES = 100_000;
/** More than the kernel's socket buffers hold, so that the gateway meets a connection that takes no more. */
const EVENTS = 240;

/** A reader that doesn't keep up holds nobody up, and reads on from the log. */
export function slowCases(driver: ReaderDriver): void {
  describe("slow readers", () => {
    const gateway = useGateway({ limits: { publish_body: "20MiB" } }, driver);
    const short = useGateway({ limits: { publish_body: "20MiB" }, retention: { events: 50 } }, driver);
    const connect = useDriver(driver);

    test("a reader that stops reading catches up from the log and loses nothing; others are not held up", async () => {
      const topic = freshTopic();
      const slow = await connect(gateway.current, { topics: [topic] });
      const brisk = await connect(gateway.current, { topics: [topic] });
      slow.pause();
      await publish(gateway.current, topic);
      await brisk.inbox.take(EVENTS);
      expect(slow.inbox.events.length).toBeLessThan(EVENTS);
      slow.resume();
      await slow.inbox.take(EVENTS);
      await gateway.current.publisher.publish({ topic, data: "live again" });
      const received = await slow.inbox.take(EVENTS + 1);
      expect(received).toEqual(await brisk.inbox.take(EVENTS + 1));
      expect(slow.inbox.gaps).toEqual([]);
    });

    test("a reader that retention passes by is told so", async () => {
      const topic = freshTopic();
      const slow = await connect(short.current, { topics: [topic] });
      slow.pause();
      await publish(short.current, topic);
      slow.resume();
      const isTold = (): boolean => slow.inbox.gaps.length > 0 || slow.inbox.end !== null;
      const isServed = (): boolean => numbers(slow.inbox.events).at(-1) === EVENTS;
      await slow.inbox.until("the newest event, or the end", () => isServed() || isTold());
      if (slow.inbox.end !== null) {
        // Only WebSocket has a way to say it by ending: the reader comes back and is told where it lost what.
        expect([driver.name, slow.inbox.end.how]).toEqual(["websocket", 4408]);
        const back = await connect(short.current, { topics: [topic], after: slow.inbox.cursor as string });
        await back.inbox.until("the newest event", () => numbers(back.inbox.events).at(-1) === EVENTS);
        expect(back.inbox.gaps).toHaveLength(1);
        expectAccountedFor(numbers([...slow.inbox.events, ...back.inbox.events]), [slow.inbox.events.length]);
        return;
      }
      await slow.inbox.until("the newest event", isServed);
      expectAccountedFor(
        numbers(slow.inbox.events),
        slow.inbox.gaps.map(({ before }) => before),
      );
    });
  });
}

/** Every number up to the newest was received, in order, but for holes exactly where a gap was told. */
function expectAccountedFor(received: readonly number[], gapsAt: readonly number[]): void {
  const holes: number[] = [];
  for (let index = 0, due = 1; index < received.length; index += 1) {
    const number = received[index] as number;
    expect(number).toBeGreaterThanOrEqual(due);
    if (number > due) holes.push(index);
    due = number + 1;
  }
  expect(holes).toEqual([...gapsAt]);
  expect(holes.length).toBeGreaterThan(0);
}

async function publish(gateway: TestGateway, topic: string): Promise<void> {
  const filling = "x".repeat(EVENT_BYTES);
  for (let first = 1; first <= EVENTS; first += 20) {
    const events = Array.from({ length: 20 }, (_, index) => ({ topic, data: [first + index, filling] }));
    await gateway.publisher.publish(...events);
  }
}

function numbers(events: readonly string[]): number[] {
  return events.map((json) => (JSON.parse(json) as { data: [number] }).data[0]);
}
