import { ManualClock } from "@sluice/core/testing";
import { afterEach, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { XmppServer } from "../support/xmpp-server.ts";
import { Bystander } from "./bystander.ts";
import { connect, type BindingName } from "./line.ts";
import { ask, statesOf, type State } from "./xml-states.ts";

const ROUNDS = 150;
/** What mutations are made of beside the dialogue itself. */
const SPICE = [
  "<",
  ">",
  "/>",
  "</",
  "&",
  "'",
  "]]>",
  "<![CDATA[",
  "<!--",
  "<?",
  "\0",
  "\u{10ffff}",
  " xmlns='",
  "=",
  "1e309",
];

let server: XmppServer;

afterEach(() => server.stop());

/** Another number in [0, 1) each time; the same ones for the same seed. */
function numbers(seed: number): () => number {
  const clock = new ManualClock(0, seed);
  return () => clock.random();
}

/** The bytes with some cut out, doubled, turned round or put in. */
function mutate(bytes: Buffer, random: () => number): Buffer {
  const at = Math.floor(random() * bytes.length);
  const [start, rest] = [bytes.subarray(0, at), bytes.subarray(at)];
  const size = Math.floor(random() * 12) + 1;
  const kinds: readonly (() => readonly Uint8Array[])[] = [
    () => [start, rest.subarray(size)],
    () => [start, rest.subarray(0, size), rest],
    () => [start, Buffer.from([Math.floor(random() * 256)]), rest.subarray(1)],
    () => [start, Buffer.from(SPICE[Math.floor(random() * SPICE.length)] ?? ""), rest],
    () => [start, bytes.subarray(Math.floor(random() * bytes.length)), rest],
  ];
  return Buffer.concat(kinds[Math.floor(random() * kinds.length)]?.() ?? []);
}

test.each(["tcp", "websocket", "bosh"] as const)(
  "a dialogue with faults put in at random ends itself at the most: %s",
  async (binding: BindingName) => {
    server = await XmppServer.start();
    const bystander = await Bystander.start(server, false);
    const { path, next } = statesOf(binding).at(-1) as State;
    const dialogue = [...path, next];
    for (let round = 0; round < ROUNDS; round += 1) {
      const random = numbers(round + 1);
      const line = await connect(binding, server);
      // By BOSH nothing comes of a session that has not begun.
      const first = binding === "bosh" ? 1 : 0;
      const hit = first + Math.floor(random() * (dialogue.length - first));
      for (const [text, answer] of dialogue.slice(0, hit)) await ask(line, text, answer);
      for (const [text] of dialogue.slice(hit)) line.send(random() < 0.7 ? mutate(Buffer.from(text), random) : text);
      await bystander.goesOn();
      line.destroy();
    }
    await bystander.goesOn();
    bystander.stop();
    if (binding !== "bosh") await until("their ends", () => server.counts.connections === 0);
    expect(server.errors).toEqual([]);
  },
);
