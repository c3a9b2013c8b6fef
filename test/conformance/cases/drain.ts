import { describe, expect, test } from "vitest";
import { request } from "undici";
import { TestGateway } from "../../support/test-gateway.ts";
import { freshTopic } from "../../support/topics.ts";
import { until } from "../../support/until.ts";
import { sse, type SseReader } from "../drivers/sse.ts";
import type { ReaderDriver, TransportName } from "../drivers/reader-driver.ts";
import type { WebSocketReader } from "../drivers/websocket.ts";
import { metricOf, placeOf, useDriver, useOwnGateways, withNeeds } from "../use.ts";

/** How each transport sends a reader away. A long poll gets its page, and hears it with its next request. */
const ENDS: Readonly<Record<TransportName, readonly (number | string)[]>> = {
  polling: [],
  "long-polling": [503, "cut"],
  sse: ["complete"],
  websocket: [1001],
  "xmpp-tcp": ["system-shutdown"],
  "xmpp-websocket": ["system-shutdown"],
  "xmpp-bosh": ["system-shutdown"],
};

/** A gateway that stops sends its readers away in the transport's way, and they go on where they were. */
export function drainCases(driver: ReaderDriver): void {
  describe("drain", () => {
    const own = useOwnGateways();
    const connect = useDriver(driver);

    test("readers are told to come back, and find all at the next gateway", async () => {
      const first = await own(
        TestGateway.startWithSqlite(withNeeds({ drain: { spread: "300ms", timeout: "10m" } }, driver)),
      );
      const topic = freshTopic();
      await first.publisher.publish({ topic, data: 0 });
      const readers = await Promise.all([1, 2, 3].map(() => connect(first, { topics: [topic] })));
      await first.publisher.publish({ topic, data: 1 });
      for (const reader of readers) await reader.inbox.take(1);
      if (driver.staysConnected) await first.untilConnections(metricOf(driver), 3);
      const draining = first.gateway.drain();
      if (driver.staysConnected) {
        for (const reader of readers) {
          const end = await reader.inbox.untilEnd();
          expect(ENDS[driver.name]).toContain(end.how);
        }
      }
      if (driver.name === "websocket") {
        for (const reader of readers as WebSocketReader[]) {
          expect(reader.ops.at(-1)).toMatchObject({ op: "closing", reconnect_after_ms: expect.any(Number) });
        }
      }
      if (driver.name === "sse") {
        for (const reader of readers as SseReader[]) {
          expect(reader.frames.filter(({ retry }) => retry !== undefined).length).toBeGreaterThanOrEqual(2);
        }
      }
      await draining;
      const second = await own(first.restart());
      await second.publisher.publish({ topic, data: 2 }, { topic, data: 3 });
      for (const reader of readers) {
        const back = await connect(second, { topics: [topic], after: reader.inbox.cursor as string });
        expect((await back.inbox.take(2)).map((json) => JSON.parse(json).data)).toEqual([2, 3]);
        expect(back.inbox.gaps).toEqual([]);
      }
    });

    test("while it drains it is not ready, and takes no new readers", async () => {
      const gateway = await own(TestGateway.start(withNeeds({ drain: { spread: "2s", timeout: "10s" } }, driver)));
      const topic = freshTopic();
      // Somebody has to be there to be sent away slowly, or it is over at once.
      const holding = await sse.connect({ url: gateway.url, topics: [topic] });
      const reader = await connect(gateway, { topics: [topic] });
      const draining = gateway.gateway.drain();
      await until("/readyz 503", async () => {
        const { statusCode, body } = await request(`${gateway.adminUrl}/readyz`);
        await body.dump();
        return statusCode === 503;
      });
      const refused = await driver
        .refusal({ ...placeOf(gateway), topics: [topic] })
        .catch((error: unknown) => String(error));
      // Refused with an answer, or not listened to at all.
      if (typeof refused === "string") expect(refused).toMatch(/ECONNREFUSED|ECONNRESET/);
      else expect([refused.status, refused.headers["retry-after"]]).toEqual([503, expect.stringMatching(/^\d+$/)]);
      reader.cut();
      holding.cut();
      await draining;
    });

    test("a reader that has stopped reading does not hold it up beyond its time-out", async () => {
      const gateway = await own(TestGateway.start(withNeeds({ drain: { spread: "100ms", timeout: "500ms" } }, driver)));
      const topic = freshTopic();
      const reader = await connect(gateway, { topics: [topic] });
      reader.pause();
      const data = "x".repeat(200_000);
      for (let count = 0; count < 10; count += 1) {
        await gateway.publisher.publish(...Array.from({ length: 10 }, () => ({ topic, data })));
      }
      await gateway.gateway.drain();
      await expect(fetch(`${gateway.url}/realtime/events?topic=a`)).rejects.toThrow("fetch failed");
      reader.resume();
    });
  });
}
