import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestApp } from "./support/test-app.ts";

const GIGABYTE = 1024 ** 3;
const CHUNK = Buffer.alloc(1024 * 1024, "x");
/**
 * What a gateway may need more for a gigabyte than for nothing: sockets' buffers, and what the collector leaves lying, which
 * is 60 to 100 MiB of chunks where it has to share its cores.
 */
const SLACK_BYTES = 192 * 1024 * 1024;

let app: TestApp;
let gateway: ChildProcess;
let url: string;

beforeAll(async () => {
  app = await TestApp.start((asked, response) => {
    let received = 0;
    asked.on("data", (chunk: Buffer) => (received += chunk.length));
    asked.on("end", () => {
      if (asked.method === "PUT" && asked.url !== "/orders/down") return response.end(JSON.stringify({ received }));
      response.setHeader("content-type", "application/json");
      return Readable.from(gigabyte()).pipe(response);
    });
  });
  gateway = fork(fileURLToPath(new URL("support/front-process.ts", import.meta.url)), [app.url]);
  [{ url }] = (await once(gateway, "message")) as [{ url: string }];
});

afterAll(async () => {
  gateway.kill();
  await app.close();
});

function* gigabyte(): Generator<Buffer> {
  for (let sent = 0; sent < GIGABYTE; sent += CHUNK.length) yield CHUNK;
}

async function maxRssBytes(): Promise<number> {
  gateway.send("memory");
  const [{ maxRssBytes: bytes }] = (await once(gateway, "message")) as [{ maxRssBytes: number }];
  return bytes;
}

async function answerOf(asked: ReturnType<typeof request>): Promise<IncomingMessage> {
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return answer;
}

describe("a gigabyte goes through in constant memory", () => {
  test.each([
    ["in chunks", {}],
    ["with a length", { "content-length": GIGABYTE }],
  ])("up, %s", async (_what, headers) => {
    const before = await maxRssBytes();
    const asked = request(`${url}/up`, { method: "PUT", headers });
    Readable.from(gigabyte()).pipe(asked);
    const answer = await answerOf(asked);
    let text = "";
    for await (const chunk of answer) text += String(chunk);
    expect(JSON.parse(text)).toEqual({ received: GIGABYTE });
    expect((await maxRssBytes()) - before).toBeLessThan(SLACK_BYTES);
  });

  test.each([
    ["plain", "GET", "/down"],
    ["as the answer to a change, whose event has no room for it", "PUT", "/orders/down"],
  ])("down, %s", async (_what, method, path) => {
    const before = await maxRssBytes();
    const answer = await answerOf(request(url + path, { method }).end());
    let received = 0;
    for await (const chunk of answer) received += (chunk as Buffer).length;
    expect(received).toBe(GIGABYTE);
    expect((await maxRssBytes()) - before).toBeLessThan(SLACK_BYTES);
  });
});
