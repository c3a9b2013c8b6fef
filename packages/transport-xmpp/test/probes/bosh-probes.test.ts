import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEEDS, reasonToSkip } from "../../../../test/support/needs.ts";
import { XmppServer } from "../support/xmpp-server.ts";
import { BOSH_PROBES } from "./bosh-probes.ts";
import { Bystander } from "./bystander.ts";
import { Prosody } from "./prosody.ts";

describe("BOSH, request by request", () => {
  let server: XmppServer;
  let bystander: Bystander;

  beforeAll(async () => {
    server = await XmppServer.start({ messagesPerSecond: 5 });
    bystander = await Bystander.start(server, false);
  });

  afterAll(async () => {
    bystander.stop();
    await server.stop();
  });

  test.each(BOSH_PROBES)("$name: $outcome", async ({ run, outcome }) => {
    expect(await run(server.boshUrl)).toBe(outcome);
    await bystander.goesOn();
  });
});

const skipped = reasonToSkip(NEEDS.prosody);

describe.skipIf(skipped !== null)(`Prosody${skipped === null ? "" : ` (skipped: ${skipped})`}`, () => {
  let prosody: Prosody;

  beforeAll(async () => {
    prosody = await Prosody.start(false);
  });

  afterAll(() => prosody.stop());

  const same = BOSH_PROBES.filter((probe) => probe.prosody === undefined);
  const different = BOSH_PROBES.filter((probe) => probe.prosody !== undefined && probe.prosody.outcome !== null);

  test.each(same)("does the same: $name", async ({ run, outcome }) => {
    expect(await run(prosody.boshUrl)).toBe(outcome);
  });

  test.each(different)("$name: ours differs: $prosody.why", async ({ run, outcome, prosody: theirs }) => {
    const said = await run(prosody.boshUrl);
    expect(said).toMatch(theirs?.outcome ?? "");
    expect(said).not.toBe(outcome);
  });
});
