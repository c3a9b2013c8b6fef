import { describe, expect, test } from "vitest";
import { shiftingClock } from "../../support/shifting-clock.ts";
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
    const clock = shiftingClock();
    const gateway = useGateway({ access: { public: ["open/**"], jwt: { secret: SECRET } } }, driver, clock);
    const connect = useDriver(driver);

    test("a live reader ends with its token, having got all before, and goes on with a new one", async () => {
      const topic = freshTopic();
      const exp = Math.floor(clock.now() / 1000) + 60;
      const accessToken = signToken({ exp, sluice: { read: [topic] } });
      const reader = await connect(gateway.current, { topics: [topic], accessToken });
      const other = await connect(gateway.current, { topics: [topic], accessToken: tokenFor({ read: [topic] }) });
      // Never so early that a client that renews in time would be caught out.
      clock.setOn(exp - 30);
      await gateway.current.publisher.publish({ topic, data: 1 });
      await reader.inbox.take(1);
      expect(reader.inbox.end).toBeNull();
      clock.setOn(exp);
      expect((await reader.inbox.untilEnd()).how).toBe(ENDS[driver.name]);
      await gateway.current.publisher.publish({ topic, data: 2 });
      const options = { topics: [topic], after: reader.inbox.cursor as string };
      const back = await connect(gateway.current, { ...options, accessToken: tokenFor({ read: [topic] }) });
      expect(JSON.parse((await back.inbox.take(1))[0] as string).data).toBe(2);
      await other.inbox.take(2);
      expect(other.inbox.end).toBeNull();
    });
  });
}
