import { describe, expect, test } from "vitest";
import { freshTopic } from "../../support/topics.ts";
import type { Answer } from "../../support/publisher.ts";
import { until } from "../../support/until.ts";
import type { ReaderDriver, ReaderOptions } from "../drivers/reader-driver.ts";
import { lackOf, metricOf, placeOf, testWith, useDriver, useGateway } from "../use.ts";

/** Over a limit: a clear refusal; the others are not disturbed. */
export function limitCases(driver: ReaderDriver): void {
  describe("limits", () => {
    const gateway = useGateway({ limits: { connections_per_ip: 3, header: "4KiB", subscriptions: 5 } }, driver);
    const full = useGateway({ limits: { connections: 2 } }, driver);
    const lonely = useGateway({ limits: { connections_per_ip: 1 }, public: { trust_proxy: [] } }, driver);
    const proxied = useGateway({ limits: { connections_per_ip: 1 }, public: { trust_proxy: ["127.0.0.0/8"] } }, driver);
    const connect = useDriver(driver);

    testWith(
      driver,
      "connections",
      "vanishing",
    )("one connection more from an address than it may have: 429, until one leaves", async () => {
      const topic = freshTopic();
      const readers = await Promise.all([1, 2, 3].map(() => connect(gateway.current, { topics: [topic] })));
      await gateway.current.untilConnections(metricOf(driver), 3);
      const answer = await driver.refusal({ ...placeOf(gateway.current), topics: [topic] });
      expectRefusal(driver, answer, 429, "too-many-connections");
      readers[0]?.cut();
      await gateway.current.untilConnections(metricOf(driver), 2);
      const another = await connect(gateway.current, { topics: [topic] });
      await gateway.current.publisher.publish({ topic, data: 1 });
      for (const reader of [...readers.slice(1), another]) await reader.inbox.take(1);
    });

    testWith(driver, "connections")("more connections than the gateway holds: 503", async () => {
      const topic = freshTopic();
      const readers = await Promise.all([1, 2].map(() => connect(full.current, { topics: [topic] })));
      await full.current.untilConnections(metricOf(driver), 2);
      const answer = await driver.refusal({ ...placeOf(full.current), topics: [topic] });
      expectRefusal(driver, answer, 503, "at-capacity");
      await full.current.publisher.publish({ topic, data: 1 });
      for (const reader of readers) await reader.inbox.take(1);
    });

    testWith(
      driver,
      "connections",
      "vanishing",
    )("a reader that goes away is given up", async () => {
      const reader = await connect(gateway.current, { topics: [freshTopic()] });
      await gateway.current.untilConnections(metricOf(driver), 1);
      reader.cut();
      await gateway.current.untilConnections(metricOf(driver), 0);
    });

    testWith(
      driver,
      "connections",
      "proxies",
    )("behind a proxy that is trusted, and only there, the client's own address counts", async () => {
      const from = (address: string): Omit<ReaderOptions, "url"> => ({
        topics: ["a"],
        headers: { "x-forwarded-for": address },
      });
      await connect(proxied.current, from("203.0.113.1"));
      await connect(proxied.current, from("203.0.113.2"));
      await proxied.current.untilConnections(metricOf(driver), 2);
      const again = await driver.refusal({ ...placeOf(proxied.current), ...from("203.0.113.1") });
      expectRefusal(driver, again, 429, "too-many-connections");
      await connect(lonely.current, from("203.0.113.1"));
      await lonely.current.untilConnections(metricOf(driver), 1);
      expect((await driver.refusal({ ...placeOf(lonely.current), ...from("203.0.113.2") })).status).toBe(429);
    });

    testWith(driver, "http")("a header that is too large: 431", async () => {
      const headers = { "x-filling": "x".repeat(5000) };
      const answer = await driver.refusal({ ...placeOf(gateway.current), topics: ["a"], headers });
      expect(answer.status).toBe(431);
      expect(answer.headers["content-type"]).toContain("application/problem+json");
      expect(answer.json()["code"]).toBe("header-too-large");
    });

    test("more topics than a connection may have: 400", async () => {
      const topics = ["a", "b", "c", "d", "e"];
      await connect(gateway.current, { topics });
      const answer = await driver.refusal({ ...placeOf(gateway.current), topics: [...topics, "f"] });
      expect([answer.status, answer.json()["code"]]).toEqual([400, "too-many-subscriptions"]);
    });

    test("refusals are counted", async () => {
      const counted = async (): Promise<number> => {
        const response = await fetch(`${gateway.current.adminUrl}/metrics`);
        const lines = (await response.text())
          .split("\n")
          .filter((line) => line.includes('code="too-many-subscriptions"'));
        return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
      };
      const before = await counted();
      await driver.refusal({ ...placeOf(gateway.current), topics: ["a", "b", "c", "d", "e", "f"] });
      await until("the refusal to be counted", async () => (await counted()) > before);
    });
  });
}

/** HTTP says when to come back. In XMPP it is one condition, whichever limit it was. */
function expectRefusal(driver: ReaderDriver, answer: Answer, status: number, code: string): void {
  if (lackOf(driver, "http") !== "") return expect([429, 503]).toContain(answer.status);
  expect([answer.status, answer.json()["code"]]).toEqual([status, code]);
  expect(answer.headers["retry-after"]).toMatch(/^\d+$/);
}
