import { expect, test } from "vitest";
import { RawStream } from "./support/raw-stream.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const SESSIONS = 2000;
const AT_A_TIME = 100;

test("2000 sessions log in, subscribe, get an event each, and are sent away", async () => {
  const server = await XmppServer.start();
  const streams: RawStream[] = [];
  const open = async (): Promise<void> => {
    const stream = await RawStream.bound(server.tcpPort);
    const subscribe = `<subscribe node='public/storm' jid='${stream.jid}'/>`;
    const pubsub = `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${subscribe}</pubsub>`;
    await stream.ask(`<iq id='s' type='set' to='pubsub.localhost'>${pubsub}</iq>`, `id="s"`);
    streams.push(stream);
  };
  while (streams.length < SESSIONS) await Promise.all(Array.from({ length: AT_A_TIME }, open));
  expect(server.counts.connections).toBe(SESSIONS);
  await server.publish("public/storm", "to all");
  await until("all have it", () => streams.every(({ text }) => text.includes(`"data":"to all"`)));
  await server.stop();
  await until("the end of all", () => streams.every(({ isClosed }) => isClosed));
  expect(streams.every(({ text }) => text.includes("<system-shutdown "))).toBe(true);
  expect(server.counts.connections).toBe(0);
  expect(server.errors).toEqual([]);
});
