import { CLOSE_REASONS } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { afterEach, describe, expect, test } from "vitest";
import { connect, headOf, type BindingName, type Line } from "./probes/line.ts";
import { outcomeOf } from "./probes/outcome.ts";
import { ask, reach, statesOf, type State } from "./probes/xml-states.ts";
import { RawStream } from "./support/raw-stream.ts";
import { until } from "./support/until.ts";
import { XmppServer, type XmppServerOptions } from "./support/xmpp-server.ts";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const HTTPS = { "x-forwarded-proto": "https" };
const BINDINGS: readonly BindingName[] = ["tcp", "websocket", "bosh"];
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(options: XmppServerOptions = {}): Promise<XmppServer> {
  const server = await XmppServer.start(options);
  closing.push(async () => {
    expect(server.errors).toEqual([]);
    await server.stop();
  });
  return server;
}

function stateOf(binding: BindingName, name: string): State {
  return statesOf(binding).find((state) => state.name === name) as State;
}

/** What ends a stream, in the words of `outcomeOf`. */
async function endOf(line: Line): Promise<string> {
  await until("the end", () => {
    if (line.isSilent && line.end === null) line.send(" ");
    return line.end !== null;
  });
  const [, condition = ""] = /<stream:error[^>]*><([\w-]+) /.exec(line.text) ?? [];
  return [line.end, condition].filter((part) => part !== "").join(": ");
}

describe.each(BINDINGS)("the ends of a stream (contract §7): %s", (binding) => {
  const isBosh = binding === "bosh";

  test("a token that has expired", async () => {
    const clock = new ManualClock();
    const server = await start({ hasTls: binding === "tcp", clock });
    const token = await server.token("ann", ["orders/**"], [], 20_000);
    const auth = `<auth xmlns='${SASL}' mechanism='PLAIN'>${Buffer.from(`\0ann\0${token}`).toString("base64")}</auth>`;
    if (binding === "tcp") {
      const stream = await RawStream.openDirect(server.directPort);
      await stream.login(auth);
      clock.advance(20_000);
      await stream.closed();
      expect(stream.text).toMatch(/<stream:error[^>]*><not-authorized /);
      return;
    }
    const line = await connect(binding, server, HTTPS);
    await ask(line, headOf(binding), /<\/stream:features>/);
    await ask(line, auth, /<success/);
    await ask(line, headOf(binding), /<bind /);
    await ask(line, stateOf(binding, "before bind").next[0], /<\/jid>/);
    clock.advance(20_000);
    expect(await endOf(line)).toBe(isBosh ? "remote-stream-error: not-authorized" : "not-authorized");
  });

  test("a gateway that stops", async () => {
    const server = await start();
    const line = await reach(binding, stateOf(binding, "after bind"), server);
    const end = endOf(line);
    await server.transport.drain(CLOSE_REASONS.draining, 0, AbortSignal.timeout(5000));
    expect(await end).toBe(isBosh ? "system-shutdown: system-shutdown" : "system-shutdown");
  });

  test("too much, too fast", async () => {
    const server = await start({ messagesPerSecond: 3 });
    const state = stateOf(binding, "after bind");
    const line = await reach(binding, state, server);
    const flood = "<presence xmlns='jabber:client' to='x@localhost'/>";
    if (binding === "websocket") for (let count = 0; count < 100; count += 1) line.send(flood);
    const outcome = await outcomeOf(line, binding === "websocket" ? flood : flood.repeat(100), state);
    expect(outcome).toBe(isBosh ? "policy-violation: policy-violation" : "policy-violation");
    expect(server.refused).toContain("rate-limited");
  });
});

// By BOSH it is the request that names the host: see `bosh.test.ts`.
describe.each(["tcp", "websocket"] as const)("a stream that is not for us: %s", (binding) => {
  test.each([
    ["another host", "localhost", "example.net"],
    ["no host", "to='localhost'", ""],
  ])("%s", async (_name, from, to) => {
    const server = await start();
    const line = await connect(binding, server);
    line.send(headOf(binding).replace(from, to));
    expect(await endOf(line)).toBe("host-unknown");
  });
});
