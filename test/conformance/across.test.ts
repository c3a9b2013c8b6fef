import { describe, expect, test } from "vitest";
import { oddData } from "../support/odd-data.ts";
import { freshTopic } from "../support/topics.ts";
import { drivers } from "./drivers/index.ts";
import type { Reader, ReaderDriver } from "./drivers/reader-driver.ts";
import { cursorOf } from "../support/event-json.ts";
import { useGateway, useReaders } from "./use.ts";

describe("across transports", () => {
  const gateway = useGateway();
  const track = useReaders();

  test("all four give the same bytes for every event", async () => {
    const root = freshTopic("größe");
    const readers = await Promise.all(
      drivers.map((driver) => track(driver.connect({ url: gateway.current.url, topics: [`${root}/**`] }))),
    );
    const { publisher } = gateway.current;
    for (const [index, [, data]] of oddData.entries()) {
      await publisher.publishRaw(`{"topic":"${root}/${index}","data":${data},"type":"odd.${index}"}`);
    }
    await publisher.publish({
      topic: `${root}/bytes`,
      data_base64: "AP8=",
      datacontenttype: 'text/plain; charset="x"',
    });
    await publisher.publishRaw(
      JSON.stringify({
        specversion: "1.0",
        id: "ce-1",
        source: "https://app.example/",
        type: "t",
        subject: `${root}/ce`,
        data: "ü",
      }),
      { "content-type": "application/cloudevents+json" },
    );
    const count = oddData.length + 2;
    const received = await Promise.all(readers.map(({ inbox }) => inbox.take(count)));
    for (const [index, events] of received.entries()) {
      expect({ by: drivers[index]?.name, events }).toEqual({ by: drivers[index]?.name, events: received[0] });
    }
    // The same again from the log, a page at a time.
    for (const driver of drivers) {
      const later = await track(
        driver.connect({ url: gateway.current.url, topics: [`${root}/**`], after: "earliest" }),
      );
      expect(await later.inbox.take(count)).toEqual(received[0]);
    }
  });

  test("a cursor of one is good on all others", async () => {
    const topic = freshTopic();
    for (const from of drivers) {
      const reader = await track(from.connect({ url: gateway.current.url, topics: [topic] }));
      await gateway.current.publisher.publish({ topic, data: "got" });
      await reader.inbox.take(1);
      reader.cut();
      const [missed] = await gateway.current.publisher.publish({ topic, data: "missed" });
      for (const to of drivers) {
        const after = reader.inbox.cursor as string;
        const next = await track(to.connect({ url: gateway.current.url, topics: [topic], after }));
        expect([from.name, to.name, cursorOf((await next.inbox.take(1))[0] as string)]).toEqual([
          from.name,
          to.name,
          missed?.cursor,
        ]);
      }
    }
  });

  test("a reader that changes its transport every 50 events while 2000 are published loses and doubles nothing", async () => {
    const root = freshTopic();
    const { publisher } = gateway.current;
    const topics = [`${root}/*`];
    const [start] = await publisher.publish({ topic: `${root}/start`, data: null });
    const publishing = (async () => {
      for (let data = 0; data < 2000;) {
        // One by one and in batches, over several topics, and as fast as the gateway takes them.
        const size = data % 7 === 0 ? 13 : 1;
        const batch = Array.from({ length: Math.min(size, 2000 - data) }, (_, index) => data + index);
        await publisher.publish(...batch.map((one) => ({ topic: `${root}/${one % 3}`, data: one })));
        data += batch.length;
      }
    })();
    const received: string[] = [];
    let cursor = start?.cursor as string;
    for (let turn = 0; received.length < 2000; turn += 1) {
      const driver = drivers[turn % drivers.length] as ReaderDriver;
      const reader: Reader = await track(driver.connect({ url: gateway.current.url, topics, after: cursor }));
      const goal = Math.min(50, 2000 - received.length);
      received.push(...(await reader.inbox.take(goal)));
      reader.cut();
      expect(reader.inbox.gaps).toEqual([]);
      cursor = cursorOf(received.at(-1) as string);
    }
    await publishing;
    expect(received.map((json) => JSON.parse(json).data)).toEqual(Array.from({ length: 2000 }, (_, index) => index));
  });
});
