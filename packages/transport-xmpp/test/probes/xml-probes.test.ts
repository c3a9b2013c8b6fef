import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEEDS, reasonToSkip } from "../../../../test/support/needs.ts";
import { XmppServer, type XmppServerOptions } from "../support/xmpp-server.ts";
import { Bystander } from "./bystander.ts";
import { differenceOf, XML_DIFFERENCES, type Difference } from "./differences.ts";
import type { BindingName } from "./line.ts";
import { outcomeOf } from "./outcome.ts";
import { Prosody } from "./prosody.ts";
import { INPUTS, type Input } from "./xml-inputs.ts";
import { BEFORE_TLS, midLogin, midResume, reach, statesOf, type State } from "./xml-states.ts";

type Place = readonly [binding: BindingName, name: string, state: State];

const PLACES: readonly Place[] = (["tcp", "websocket", "bosh"] as const).flatMap((binding) =>
  statesOf(binding).map((state): Place => [binding, state.name, state]),
);
const TLS_PLACES: readonly Place[] = [["tcp", BEFORE_TLS.name, BEFORE_TLS]];
/** Prosody's host for these has no passwords, and resumes nobody who is anonymous. */
const OWN_PLACES: readonly Place[] = (["tcp", "websocket"] as const).flatMap((binding): readonly Place[] => [
  [binding, "within a login", midLogin(binding)],
  [binding, "within a resumption", midResume(binding)],
]);

describe.each([
  ["in the clear", false, [...PLACES, ...OWN_PLACES]],
  ["with STARTTLS", true, TLS_PLACES],
] as const)("what should not be sent ends its own stream at the most: %s", (_name, hasTls, places) => {
  const options: XmppServerOptions = {
    hasTls,
    messagesPerSecond: 1000,
    accounts: [{ name: "ann", password: "secret", read: [], publish: [] }],
  };
  let server: XmppServer;
  let bystander: Bystander;

  beforeAll(async () => {
    server = await XmppServer.start(options);
    bystander = await Bystander.start(server, hasTls);
  });

  afterAll(async () => {
    bystander.stop();
    await server.stop();
  });

  test.each(places)("%s, %s", async (binding, name, state) => {
    const outcomes: Record<string, string> = {};
    for (const input of INPUTS) {
      const line = await reach(binding, state, server);
      outcomes[input.name] = await outcomeOf(line, input.content, state);
      line.destroy();
      await bystander.goesOn();
    }
    const expected = Object.fromEntries(INPUTS.map((input) => [input.name, input.outcome(binding, state.name)]));
    // There it is a step of the exchange, with a proof that is wrong.
    if (name === "within a login") expected["a response first"] = "failure not-authorized";
    expect(outcomes).toEqual(expected);
  });
});

const skipped = reasonToSkip(NEEDS.prosody);

describe.skipIf(skipped !== null)(`Prosody${skipped === null ? "" : ` (skipped: ${skipped})`}`, () => {
  const used = new Set<Difference>();
  let prosodies: { readonly plain: Prosody; readonly secured: Prosody };

  beforeAll(async () => {
    prosodies = { plain: await Prosody.start(false), secured: await Prosody.start(true) };
  });

  afterAll(async () => {
    await Promise.all([prosodies.plain.stop(), prosodies.secured.stop()]);
  });

  /** By BOSH it fails at that, and gives no answer at all. */
  const isAnswered = (binding: BindingName, { name }: Input): boolean => binding !== "bosh" || name !== "<starttls/>";

  test.each([...PLACES, ...TLS_PLACES])(
    "does the same, or the table says why we don't: %s, %s",
    async (binding, _name, state) => {
      const unexplained: string[] = [];
      for (const input of INPUTS.filter((one) => isAnswered(binding, one))) {
        const line = await reach(binding, state, state === BEFORE_TLS ? prosodies.secured : prosodies.plain);
        const theirs = await outcomeOf(line, input.content, state);
        line.destroy();
        const ours = input.outcome(binding, state.name);
        if (theirs === ours) continue;
        const difference = differenceOf(XML_DIFFERENCES, { binding, state: state.name, input: input.name, theirs });
        if (difference === undefined) unexplained.push(`${input.name}: ${ours} here, ${theirs} there`);
        else used.add(difference);
      }
      expect(unexplained).toEqual([]);
    },
  );

  test("each difference in the table is one", () => {
    expect(XML_DIFFERENCES.filter((difference) => !used.has(difference))).toEqual([]);
  });
});
