import { describe, expect, test } from "vitest";
import { SECRET, signToken, tokenFor } from "../../support/tokens.ts";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver, TransportName } from "../drivers/reader-driver.ts";
import { useDriver, useGateway } from "../use.ts";

/** How each transport ends a reader whose token has expired. Who polls meets it with the next request. */
const ENDS: Readonly<Record<TransportName, number | string>> = {
  polling: 401,
  "long-polling": 401,
  sse: "complete",
  websocket: 4401,
  "xmpp-tcp": "not-authorized",
  "xmpp-websocket": "not-authorized",
  "xmpp-bosh": "not-authorized",
};

/** A connection ends when its token does. */
export function expiryCases(driver: ReaderDriver): void {
  describe("expiry", () => {
    const gateway = useGateway({ access: { public: ["open/**"], jwt: { secret: SECRET } } }, driver);
    const connect = useDriver(driver);

    test("a live reader ends with its token, having got all before, and goes on with a new one", async () => {
      const topic = freshTopic();
      const exp = Math.floor(Date.now() / 1000) + 2;
      const accessToken = signToken({ exp, sluice: { read: [topic] } });
      const reader = await connect(gateway.current, { topics: [topic], accessToken });
      const other = await connect(gateway.current, { topics: [topic], accessToken: tokenFor({ read: [topic] }) });
      await gateway.current.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
      const end = await reader.inbox.untilEnd();
      expect(end.how).toBe(ENDS[driver.name]);
      // Exact to about a second: never so early that a client that renews in time would be caught out.
      expect(Date.now()).toBeGreaterThan((exp - 1) * 1000);
      await gateway.current.publisher.publish({ topic, data: 2 });
      const options = { topics: [topic], after: reader.inbox.cursor as string };
      const back = await connect(gateway.current, { ...options, accessToken: tokenFor({ read: [topic] }) });
      expect(JSON.parse((await back.inbox.take(1))[0] as string).data).toBe(2);
      await other.inbox.take(2);
      expect(other.inbox.end).toBeNull();
    });
  });
}
