import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEEDS, reasonToSkip } from "../support/needs.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { until } from "../support/until.ts";
import { runTsung } from "./xmpp/tsung.ts";

const SESSIONS = 100;
const NODE = "public/load";
const skipped = reasonToSkip(NEEDS.tsung);

// Of sessions that are cut off it has no idea: what it shows is that its own many, which nobody here wrote, are served.
describe.skipIf(skipped !== null)(`Tsung${skipped === null ? "" : ` (skipped: ${skipped})`}`, () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await TestGateway.start({ transports: { xmpp: { tcp: { listen: "127.0.0.1:0" } } } });
  });

  afterAll(() => gateway.close());

  async function delivered(): Promise<number> {
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    return Number(/^sluice_deliveries_total\{transport="xmpp"\} (\d+)/m.exec(metrics)?.[1] ?? 0);
  }

  test.each(["tcp", "bosh"] as const)(
    `by %s: ${SESSIONS} sessions log in, subscribe, get events, and go`,
    async (binding) => {
      const port = binding === "tcp" ? gateway.gateway.xmppPorts[0] : new URL(gateway.url).port;
      const load = { binding, port: Number(port), node: NODE, sessions: SESSIONS, perSecond: 40, staySeconds: 10 };
      const running = runTsung(load);
      // Each round asks how many got the event that it published: all, as soon as all have subscribed.
      const allGotOne = until(
        "an event for all",
        async () => {
          const before = await delivered();
          await gateway.publisher.publish({ topic: NODE, data: "for all" });
          return (await delivered()) - before === SESSIONS;
        },
        60_000,
      );
      const [counted] = await Promise.all([running, allGotOne]);
      expect([...counted.keys()].filter((name) => name.startsWith("error"))).toEqual([]);
      expect([counted.get("match"), counted.get("nomatch") ?? 0]).toEqual([SESSIONS, 0]);
      expect(counted.get("finish_users_count")).toBe(SESSIONS);
      await gateway.untilConnections("xmpp", 0);
    },
  );
});
