import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { TestGateway } from "../support/test-gateway.ts";
import { freshTopic } from "../support/topics.ts";

// The npm package `ws` as people use it: with its defaults, compression offered.

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start();
});

afterAll(() => gateway.close());

test("subscribe, receive, close", async () => {
  const topic = freshTopic();
  const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/realtime/events`, "sluice.v1");
  const messages: Record<string, unknown>[] = [];
  const got = (enough: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (enough()) resolve();
        else socket.once("message", () => setImmediate(look));
      };
      look();
    });
  socket.on("message", (data) => messages.push(JSON.parse((data as Buffer).toString()) as Record<string, unknown>));
  await once(socket, "open");
  socket.send(JSON.stringify({ op: "subscribe", ref: 1, topics: [topic] }));
  await got(() => messages.some(({ op }) => op === "subscribed"));
  await gateway.publisher.publish({ topic, data: "x".repeat(200_000) }, { topic, data: 2 });
  await got(() => messages.filter(({ op }) => op === undefined).length === 2);
  expect(messages.filter(({ op }) => op === undefined).map(({ data }) => (data as string).length ?? data)).toEqual([
    200_000, 2,
  ]);
  socket.ping("are you there");
  const [answer] = (await once(socket, "pong")) as [Buffer];
  expect(answer.toString()).toBe("are you there");
  socket.close(1000, "done");
  const [code] = (await once(socket, "close")) as [number];
  expect(code).toBe(1000);
});
