import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { runScenario } from "../src/measure/run-scenario.ts";
import { PEERS } from "../src/peers/peers.ts";
import { gateway } from "../src/servers/gateway.ts";
import { measured, NO_LOSSES, TINY } from "./support/measured.ts";
import { ScriptedServer } from "./support/scripted-server.ts";

const found = await Promise.all(
  [...PEERS].map(async ([name, peer]) => {
    const sought = await peer.find();
    return { name, peer, missing: "missing" in sought ? sought.missing : null };
  }),
);

/** Pushpin takes no more than two dozen publications per second, one after the other. */
const GENTLE = { load: { ...TINY.load, eventsPerSecond: 20, durationMs: 600 } };

for (const { name, peer, missing } of found) {
  describe.skipIf(missing !== null)(missing === null ? name : `${name} (${missing})`, () => {
    test.each(peer.transports)("%s: its clients get everything", async (transport) => {
      const { server, losses, deliveries } = await measured(peer, transport, GENTLE);
      expect({ server, losses }).toEqual({ server: peer.name, losses: NO_LOSSES });
      expect(deliveries).toBeGreaterThan(0);
    });
  });
}

test("those of npm are installed, and in CI Debian's, too", () => {
  const absent = found.filter(({ missing }) => missing !== null).map(({ name }) => name);
  const isCi = process.env["CI"] !== undefined && process.env["CI"] !== "";
  expect(absent.filter((name) => isCi || !["nchan", "pushpin"].includes(name))).toEqual([]);
});

test("one that is not installed, has none of the transports, or can't be measured is skipped, and why is told as soon as it is known", async () => {
  const [absent, refusing] = [new ScriptedServer({}), new ScriptedServer({ refuses: true })];
  const elsewhere = { ...gateway, name: "elsewhere", transports: ["bosh", "rest-hooks"] };
  const output = new PassThrough();
  const options = {
    kinds: [
      Object.assign(absent, { name: "absent", find: async () => ({ missing: "it is not made yet" }) }),
      elsewhere,
      refusing,
    ],
    signal: new AbortController().signal,
    output,
  };
  const { runs, skipped, versions } = await runScenario({ ...TINY, transports: ["sse"] }, options);
  expect(runs).toEqual([]);
  const beforehand = ["absent: it is not made yet", "elsewhere: it has bosh, rest-hooks only"];
  expect(skipped).toEqual([...beforehand, "scripted, SSE: a publication was answered 503: no"]);
  expect(String(output.read()).split("\n").slice(1, 3)).toEqual(beforehand.map((reason) => `not measured: ${reason}`));
  expect(versions).toMatchObject({ node: process.versions.node, scripted: "1" });
});
