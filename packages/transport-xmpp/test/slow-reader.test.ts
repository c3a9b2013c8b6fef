import { subscribe as observe, unsubscribe as ignore } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RawStream } from "./support/raw-stream.ts";
import { subscribe } from "./support/streams.ts";
import { until } from "./support/until.ts";
import { XmppServer } from "./support/xmpp-server.ts";

const NODES = 40;
const EVENT = "x".repeat(10_000);
/** What a socket holds before it says that it is full, a batch beyond, and an event that did not fit into the batch. */
const BOUND_BYTES = 64 * 1024 + 64 * 1024 + 20_000;

let server: XmppServer;
let stream: RawStream;
let accepted: Socket | null = null;

const accept = (message: unknown): void => {
  accepted ??= (message as { readonly socket: Socket }).socket;
};

beforeEach(async () => {
  observe("net.server.socket", accept);
  server = await XmppServer.start({ messagesPerSecond: 1000 });
  stream = await RawStream.bound(server.tcpPort);
});

afterEach(async () => {
  ignore("net.server.socket", accept);
  accepted = null;
  stream.destroy();
  expect(server.errors).toEqual([]);
  await server.stop();
});

/** The numbers of the events of a topic, in the order in which they came. */
function numbersOf(topic: string): readonly number[] {
  const found = stream.text.matchAll(new RegExp(`"topic":"${topic}",[^<]*"data":"(\\d+) `, "g"));
  return [...found].map(([, number]) => Number(number));
}

test("however many nodes: unsent bytes are bounded, and each node is read on in order", async () => {
  const topics = Array.from({ length: NODES }, (_, n) => `public/${n}`);
  for (const topic of topics) await subscribe(stream, topic);
  const socket = accepted as Socket;
  let most = 0;
  const round = async (number: number): Promise<void> => {
    for (const topic of topics) await server.publish(topic, `${number} ${EVENT}`);
    most = Math.max(most, socket.writableLength);
  };
  stream.pause();
  let rounds = 0;
  while (server.counts.leftBehind === 0) await round(rounds++);
  for (const behind = rounds; rounds < behind + 10;) await round(rounds++);
  expect(most).toBeGreaterThan(0);
  const watching = setInterval(() => (most = Math.max(most, socket.writableLength)), 1);
  stream.resume();
  await until(
    "all",
    () => stream.text.length > NODES * rounds * EVENT.length && numbersOf("public/0").length === rounds,
  );
  await until("all of all", () => topics.every((topic) => numbersOf(topic).length === rounds));
  clearInterval(watching);
  const all = Array.from({ length: rounds }, (_, n) => n);
  for (const topic of topics) expect(numbersOf(topic)).toEqual(all);
  expect(most).toBeLessThan(BOUND_BYTES);
});
