import { describe, expect, test } from "vitest";
import { TestGateway } from "../../support/test-gateway.ts";
import { SECRET, tokenFor } from "../../support/tokens.ts";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver, TransportName } from "../drivers/reader-driver.ts";
import { placeOf, useDriver, useOwnGateways, withNeeds } from "../use.ts";

/** How each transport ends a reader whose grant was taken back. Who polls meets it with the next request. */
const ENDS: Readonly<Record<TransportName, readonly (number | string)[]>> = {
  polling: [401],
  "long-polling": [401, 403],
  sse: ["complete"],
  websocket: [1008],
  "xmpp-tcp": ["not-authorized"],
  "xmpp-websocket": ["not-authorized"],
  "xmpp-bosh": ["not-authorized"],
};

/** New grants hold for readers that are there already; the others don't notice. */
export function reloadCases(driver: ReaderDriver): void {
  describe("reload", () => {
    const own = useOwnGateways();
    const connect = useDriver(driver);

    test("a grant that is taken back ends those who used it, and nobody else", async () => {
      const gateway = await own(TestGateway.start(withNeeds({ access: { public: ["a/**", "b/**"] } }, driver)));
      const [a, b] = [`a/${freshTopic()}`, `b/${freshTopic()}`];
      const losing = await connect(gateway, { topics: [a] });
      const both = await connect(gateway, { topics: [a, b] });
      const keeping = await connect(gateway, { topics: [b] });
      await gateway.reload({ access: { public: ["b/**"] } });
      for (const { inbox } of [losing, both]) expect(ENDS[driver.name]).toContain((await inbox.untilEnd()).how);
      await gateway.publisher.publish({ topic: a, data: "secret" }, { topic: b, data: 1 });
      await keeping.inbox.take(1);
      expect(keeping.inbox.end).toBeNull();
      expect([...losing.inbox.events, ...both.inbox.events]).toEqual([]);
      expect((await driver.refusal({ ...placeOf(gateway), topics: [a] })).status).toBe(401);
    });

    test("a new secret ends those whose token it did not sign", async () => {
      const gateway = await own(
        TestGateway.start(withNeeds({ access: { public: ["open"], jwt: { secret: SECRET } } }, driver)),
      );
      const topic = freshTopic();
      const accessToken = tokenFor({ read: [topic] });
      const reader = await connect(gateway, { topics: [topic], accessToken });
      await gateway.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
      await gateway.reload({ access: { jwt: { secret: "another secret that is quite long enough" } } });
      await reader.inbox.untilEnd();
      const answer = await driver.refusal({ ...placeOf(gateway), topics: [topic], accessToken });
      expect([answer.status, answer.json()["code"]]).toEqual([401, "unauthorized"]);
    });

    test("new limits hold for those who come", async () => {
      const gateway = await own(TestGateway.start(withNeeds({}, driver)));
      const reader = await connect(gateway, { topics: ["a", "b", "c"] });
      await gateway.reload({ limits: { subscriptions: 2 } });
      expect((await driver.refusal({ ...placeOf(gateway), topics: ["a", "b", "c"] })).status).toBe(400);
      await gateway.publisher.publish({ topic: "c", data: 1 });
      if (driver.staysConnected && driver.name !== "long-polling") await reader.inbox.take(1);
      await connect(gateway, { topics: ["a", "b"] });
    });
  });
}
