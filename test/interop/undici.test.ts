import { afterAll, beforeAll, expect, test } from "vitest";
import { EventSource, fetch, WebSocket } from "undici";
import { TestGateway } from "../support/test-gateway.ts";
import { freshTopic } from "../support/topics.ts";

// undici, which is also Node's own fetch, WebSocket and EventSource: written to the browsers' standards.

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start();
});

afterAll(() => gateway.close());

test("fetch: polling, conditional requests, long polling", async () => {
  const topic = freshTopic();
  const url = `${gateway.url}/realtime/events?topic=${topic}`;
  const first = await fetch(url);
  const { cursor } = (await first.json()) as { cursor: string };
  const same = await fetch(url, { headers: { "if-none-match": first.headers.get("etag") as string } });
  expect([same.status, await same.text()]).toEqual([304, ""]);
  const waiting = fetch(`${url}&after=${cursor}`, { headers: { prefer: "wait=20" } });
  await gateway.untilConnections("long-polling", 1);
  await gateway.publisher.publish({ topic, data: { größe: "ü" } });
  const page = (await (await waiting).json()) as { events: { data: unknown }[] };
  expect(page.events.map(({ data }) => data)).toEqual([{ größe: "ü" }]);
});

test("fetch: a stream that is read and given up", async () => {
  const leaving = new AbortController();
  const topic = freshTopic();
  const response = await fetch(`${gateway.url}/realtime/events?topic=${topic}`, {
    headers: { accept: "text/event-stream" },
    signal: leaving.signal,
  });
  if (response.body === null) throw new Error("There is no body");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  await gateway.publisher.publish({ topic, data: "streamed" });
  let text = "";
  while (!text.includes("streamed")) text += (await reader.read()).value ?? "";
  leaving.abort();
  await gateway.untilConnections("sse", 0);
});

test("EventSource", async () => {
  const topic = freshTopic();
  const source = new EventSource(`${gateway.url}/realtime/events?topic=${topic}`);
  await new Promise((resolve) => source.addEventListener("open", resolve));
  const message = new Promise<{ data: string; lastEventId: string }>((resolve) => {
    source.addEventListener("message", (event) => resolve(event as unknown as { data: string; lastEventId: string }));
  });
  const [receipt] = await gateway.publisher.publish({ topic, data: 1 });
  expect(JSON.parse((await message).data)).toMatchObject({ topic, data: 1 });
  expect((await message).lastEventId).toBe(receipt?.cursor);
  source.close();
});

test("WebSocket", async () => {
  const topic = freshTopic();
  const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/realtime/events?topic=${topic}`, ["sluice.v1"]);
  const texts: string[] = [];
  const got = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (texts.length >= count) resolve();
      };
      socket.addEventListener("message", look);
      look();
    });
  socket.addEventListener("message", ({ data }) => texts.push(data as string));
  await got(1);
  expect(socket.protocol).toBe("sluice.v1");
  expect(JSON.parse(texts[0] as string)).toMatchObject({ op: "welcome" });
  await gateway.publisher.publish({ topic, data: 1 });
  await got(2);
  expect(JSON.parse(texts[1] as string)).toMatchObject({ topic, data: 1 });
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener("close", ({ code }) => resolve(code));
  });
  socket.close(1000);
  expect(await closed).toBe(1000);
});
