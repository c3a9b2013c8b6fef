import { systemClock } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { expect, test } from "vitest";
import { Database } from "../src/pubsub/database.ts";
import { SubscriptionStore } from "../src/pubsub/subscription-store.ts";

const nothing = (): void => undefined;
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

test("a cursor moves on and not back, and from one log to another", () => {
  const store = new SubscriptionStore(new Database(null, systemClock, logger), systemClock);
  const subscription = { jid: "ann@localhost", node: "a", cursor: "log0-5", isLasting: true };
  store.add(subscription);
  store.reached(subscription, "log0-7");
  store.reached(subscription, "log0-6");
  expect(subscription.cursor).toBe("log0-7");
  store.reached(subscription, "log1-2");
  expect(subscription.cursor).toBe("log1-2");
});

test("of a user's resources so many have subscriptions; those not seen for longest are forgotten", () => {
  const clock = new ManualClock();
  const database = new Database(null, clock, logger);
  const store = new SubscriptionStore(database, clock);
  const add = (jid: string, node: string): void => store.add({ jid, node, cursor: "log0-1", isLasting: true });
  add("ann@localhost", "a");
  add("ann@localhost0/desk", "a");
  for (let n = 0; n < 50; n += 1) {
    clock.advance(1000);
    add(`ann@localhost/${n}`, "a");
    add(`ann@localhost/${n}`, "b");
  }
  // The first is seen again.
  for (const subscription of store.of("ann@localhost/0")) store.moved(subscription);
  clock.advance(1000);
  add("ann@localhost/new", "a");
  const held = (jid: string): number => store.of(jid).length;
  expect(["ann@localhost/0", "ann@localhost/1", "ann@localhost/2", "ann@localhost/new"].map(held)).toEqual([
    2, 0, 2, 1,
  ]);
  expect([held("ann@localhost"), held("ann@localhost0/desk")]).toEqual([1, 1]);
  database.close();
});
