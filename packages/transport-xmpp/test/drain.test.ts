import { CLOSE_REASONS } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { BoshClient } from "./support/bosh-client.ts";
import { RawStream } from "./support/raw-stream.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const SPREAD_MS = 10_000;
const OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";

test("streams leave one after the other, and whoever comes meanwhile is sent away at once", async () => {
  const clock = new ManualClock();
  const server = await XmppServer.start({ clock });
  const streams = [await RawStream.bound(server.tcpPort), await RawStream.bound(server.tcpPort)];
  const left = (): number => streams.filter(({ text }) => text.includes("<system-shutdown ")).length;
  const drained = server.transport.drain(CLOSE_REASONS.draining, SPREAD_MS, AbortSignal.timeout(60_000));
  await until("the first", () => left() === 1);

  const late = new WebSocket(server.websocketUrl, "xmpp");
  let text = "";
  late.on("message", (data: Buffer) => (text += data.toString()));
  await new Promise((resolve) => late.once("open", resolve));
  late.send(OPEN);
  await until("its end", () => text.includes("<system-shutdown "));
  expect(await new BoshClient(server.boshUrl).create()).toContain(`condition="system-shutdown"`);
  expect(left()).toBe(1);

  clock.advance(SPREAD_MS);
  await until("the other", () => left() === 2);
  await drained;
  await server.stop();
});
