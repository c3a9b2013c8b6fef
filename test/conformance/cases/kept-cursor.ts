import { describe, expect, test } from "vitest";
import { dataOf } from "../../support/event-json.ts";
import { SECRET, tokenFor } from "../../support/tokens.ts";
import { freshTopic } from "../../support/topics.ts";
import type { ReaderDriver } from "../drivers/reader-driver.ts";
import { useDriver, useGateway } from "../use.ts";

/** Where the gateway keeps a reader's cursor: whoever comes back under the same name goes on from there. */
export function keptCursorCases(driver: ReaderDriver): void {
  describe(`${driver.name} alone`, () => {
    const gateway = useGateway({ access: { jwt: { secret: SECRET } } }, driver);
    const connect = useDriver(driver);

    test("who comes back under the same name gets what came meanwhile, also without having had any event", async () => {
      const topic = freshTopic();
      const options = { topics: [topic], accessToken: tokenFor({ read: [topic] }), resource: "desk" };
      const first = await connect(gateway.current, options);
      first.cut();
      await gateway.current.publisher.publish({ topic, data: 1 });
      const second = await connect(gateway.current, options);
      expect(dataOf(await second.inbox.take(1))).toEqual([1]);
      await second.close();
      await gateway.current.publisher.publish({ topic, data: 2 }, { topic, data: 3 });
      const third = await connect(gateway.current, options);
      await third.inbox.until("the newest", () => dataOf(third.inbox.events).at(-1) === 3);
      // What had not been acknowledged comes again.
      expect(dataOf(third.inbox.events).slice(-2)).toEqual([2, 3]);
    });
  });
}
