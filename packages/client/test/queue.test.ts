import { describe, expect, test } from "vitest";
import type { Item, SluiceEvent } from "../src/event.ts";
import { newQueue, type Queue } from "../src/queue.ts";

const LIMITS = { events: 4, bytes: 1000 };

function event(number: number): SluiceEvent<number> {
  return { id: `e${number}`, topic: "t", type: "message", time: "", cursor: `a-${number}`, data: number };
}

function loopQueue(limits: typeof LIMITS = LIMITS): Queue {
  return newQueue(
    limits,
    () => undefined,
    () => false,
  );
}

describe("room", () => {
  test("is told by the count and by the bytes; what is put in is taken in any case", () => {
    const queue = loopQueue();
    queue.put([1, 2, 3].map(event), null, 30);
    expect(queue.isFull()).toBe(false);
    queue.put([event(4)], null, 10);
    expect(queue.isFull()).toBe(true);
    const heavy = loopQueue();
    heavy.put([event(1)], null, 1000);
    expect(heavy.isFull()).toBe(true);
  });

  test("comes back when half is free, not before", async () => {
    const queue = loopQueue();
    queue.put([1, 2, 3, 4].map(event), null, 40);
    let isRoomy = false;
    const room = queue.room().then(() => (isRoomy = true));
    const loop = queue.loop();
    await loop.next();
    await loop.next();
    await Promise.resolve();
    expect(isRoomy).toBe(false);
    await loop.next();
    await room;
    expect(isRoomy).toBe(true);
  });

  test("comes when all is over", async () => {
    const queue = loopQueue();
    queue.put([1, 2, 3, 4].map(event), null, 40);
    const room = queue.room();
    queue.close(null);
    await room;
  });
});

describe("loops", () => {
  test("an item waits for who asks; the cursor is that of what has been handed over", async () => {
    const queue = loopQueue();
    queue.put([event(1), event(2)], "a-9", 2);
    expect(queue.cursor()).toBeNull();
    const loop = queue.loop();
    expect(await loop.next()).toEqual({ done: false, value: event(1) });
    expect(queue.cursor()).toBe("a-1");
    await loop.next();
    expect(queue.cursor()).toBe("a-9");
  });

  test("a loop that is left loses nothing: the next one goes on", async () => {
    const queue = loopQueue();
    queue.put([1, 2, 3].map(event), null, 3);
    const seen: unknown[] = [];
    for (let round = 0; round < 3; round += 1) {
      // Each loop takes one.
      for await (const item of { [Symbol.asyncIterator]: () => queue.loop() } as AsyncIterable<Item>) {
        seen.push(item.data);
        break;
      }
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  test("two loops get everything, at the pace of the slower one", async () => {
    const queue = loopQueue();
    const [fast, slow] = [queue.loop(), queue.loop()];
    const first = fast.next();
    queue.put([event(1), event(2)], null, 2);
    let hasCome = false;
    void first.then(() => (hasCome = true));
    await Promise.resolve();
    expect(hasCome).toBe(false);
    expect((await slow.next()).value).toEqual(event(1));
    expect((await first).value).toEqual(event(1));
  });

  test("an error comes after what waited; closing by hand drops it", async () => {
    const failed = loopQueue();
    failed.put([event(1)], null, 1);
    failed.close(new Error("over"));
    const loop = failed.loop();
    expect((await loop.next()).value).toEqual(event(1));
    await expect(loop.next()).rejects.toThrow("over");
    const closed = loopQueue();
    closed.put([event(1)], null, 1);
    closed.close(null);
    expect(await closed.loop().next()).toEqual({ done: true, value: undefined });
  });
});

describe("listeners", () => {
  test("one that answers with a promise is waited for", async () => {
    const seen: unknown[] = [];
    const goOn = Promise.withResolvers<void>();
    const queue = newQueue(
      LIMITS,
      (item) => {
        seen.push(item.data);
        return seen.length === 1 ? goOn.promise : undefined;
      },
      () => true,
    );
    queue.put([event(1), event(2)], null, 2);
    expect(seen).toEqual([1]);
    goOn.resolve();
    await goOn.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([1, 2]);
  });

  test("ten thousand at once are no matter of the stack", () => {
    let count = 0;
    const queue = newQueue(
      { events: 1e6, bytes: 1e9 },
      () => void (count += 1),
      () => true,
    );
    const many = Array.from({ length: 10_000 }, (_, index) => event(index + 1));
    queue.put(many, null, 1);
    expect(count).toBe(10_000);
    expect(queue.cursor()).toBe("a-10000");
  });

  test("a gap moves the cursor to where it ends", () => {
    const queue = newQueue(
      LIMITS,
      () => undefined,
      () => true,
    );
    queue.put([{ gap: { after: "a-1", resumedAt: "a-7", reason: "expired" } }], null, 0);
    expect(queue.cursor()).toBe("a-7");
  });
});
