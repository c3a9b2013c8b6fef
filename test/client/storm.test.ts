import { connect, type TransportName } from "@sluice/client";
import { afterEach, describe, expect, test } from "vitest";
import { TestGateway } from "../support/test-gateway.ts";
import { freshTopic } from "../support/topics.ts";
import { Chance } from "./support/chance.ts";
import { HostileProxy } from "./support/hostile-proxy.ts";
import {
  faultIn,
  phaseOf,
  publishNumbers,
  STORM,
  STORM_CLOCK,
  STORM_EVENTS,
  STORM_GATEWAY,
  STORM_TIMING,
} from "./support/storm.ts";

const SEED = Number(process.env["STORM_SEED"] ?? 6);
const TRANSPORTS: readonly ("auto" | TransportName)[] = ["auto", "websocket", "sse", "long-polling", "polling"];

describe("through a hostile proxy, in Node", () => {
  const open: { close(): Promise<void> | void }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).toReversed()) await one.close();
  });

  test.each(TRANSPORTS)(
    `%s: ${STORM_EVENTS} events, none lost, none doubled, in order`,
    async (transport) => {
      const chance = new Chance(SEED);
      const gateway = await TestGateway.start(STORM_GATEWAY);
      const proxy = await HostileProxy.start(gateway.url, STORM, chance);
      open.push(gateway, proxy);
      const topic = freshTopic("storm");
      const sluice = connect<number>(proxy.url, {
        topics: topic,
        after: "earliest",
        transport,
        timing: STORM_TIMING,
        clock: STORM_CLOCK,
      });
      open.push(sluice);
      const seen = new Set<TransportName>();
      sluice.on("transport", (change) => seen.add(change.transport));
      const numbers: number[] = [];
      const reading = (async () => {
        for await (const item of sluice) {
          expect(item.gap).toBeUndefined();
          if (item.gap === undefined) numbers.push(item.data);
          // What passes is cut too, now and then, or the proxy would have no say any more.
          if (numbers.length % 400 === 0) proxy.cutAll();
          if (transport === "auto") {
            proxy.temper = phaseOf(numbers.length);
          }
          if (numbers.length >= STORM_EVENTS && numbers.at(-1) === STORM_EVENTS) break;
        }
      })();
      await publishNumbers(gateway.publisher, topic, chance);
      await reading;
      expect(faultIn(numbers)).toBeNull();
      expect(sluice.cursor).toMatch(/-/);
      // The proxy has been as bad as it was meant to be.
      expect([...proxy.counts.values()].reduce((sum, count) => sum + count)).toBeGreaterThan(10);
      if (transport === "auto") expect(seen.size).toBeGreaterThan(1);
      else expect([...seen]).toEqual([transport]);
    },
    180_000,
  );
});
