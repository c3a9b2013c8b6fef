import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestGateway } from "../support/test-gateway.ts";
import { freshTopic } from "../support/topics.ts";

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

describe.skipIf(!hasCurl)("curl (skipped where it is not installed)", () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await TestGateway.start();
  });

  afterAll(() => gateway.close());

  /** Runs curl to its end; gives what it wrote. */
  async function curl(...args: readonly string[]): Promise<string> {
    const child = spawn("curl", ["--silent", "--show-error", "--max-time", "20", ...args]);
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(err).toBe("");
    return out;
  }

  /** Runs curl until it has written something that satisfies the condition, and ends it. */
  async function curlUntil(
    enough: (out: string) => boolean,
    started: () => Promise<unknown>,
    ...args: readonly string[]
  ): Promise<string> {
    const child: ChildProcess = spawn("curl", ["--silent", "--no-buffer", "--max-time", "20", ...args]);
    let out = "";
    const done = new Promise<void>((resolve, reject) => {
      child.stdout?.on("data", (bytes: Buffer) => {
        out += bytes.toString();
        if (enough(out)) resolve();
      });
      child.once("exit", (code) => reject(new Error(`curl ended with ${code}: ${out}`)));
    });
    await started();
    await done;
    child.removeAllListeners("exit");
    const ended = once(child, "exit");
    child.kill();
    await ended;
    return out;
  }

  test("publishing", async () => {
    const topic = freshTopic();
    const out = await curl("--json", JSON.stringify({ topic, data: { by: "curl" } }), `${gateway.adminUrl}/events`);
    expect(JSON.parse(out)).toMatchObject({ events: [{ cursor: expect.any(String) }] });
    const page = await curl(`${gateway.url}/realtime/events?topic=${topic}&after=earliest`);
    expect(JSON.parse(page)).toMatchObject({ events: [{ data: { by: "curl" } }] });
  });

  test("polling with an ETag that it keeps", async () => {
    const topic = freshTopic();
    const url = `${gateway.url}/realtime/events?topic=${topic}`;
    const head = await curl("--head", url);
    const etag = /^etag: (.*)$/im.exec(head)?.[1]?.trim() as string;
    const status = await curl(
      "--output",
      "/dev/null",
      "--write-out",
      "%{http_code}",
      "--header",
      `If-None-Match: ${etag}`,
      url,
    );
    expect(status).toBe("304");
  });

  test("long polling", async () => {
    const topic = freshTopic();
    const waiting = curl("--header", "Prefer: wait=20", `${gateway.url}/realtime/events?topic=${topic}`);
    await gateway.untilConnections("long-polling", 1);
    await gateway.publisher.publish({ topic, data: 1 });
    expect(JSON.parse(await waiting)).toMatchObject({ events: [{ data: 1 }] });
  });

  test("SSE, with -N", async () => {
    const topic = freshTopic();
    const out = await curlUntil(
      (so) => so.includes('"data":"for curl"'),
      async () => {
        await gateway.untilConnections("sse", 1);
        await gateway.publisher.publish({ topic, data: "for curl" });
      },
      "--header",
      "Accept: text/event-stream",
      `${gateway.url}/realtime/events?topic=${topic}`,
    );
    expect(out).toMatch(/^retry: ?\d+$/m);
    expect(out).toMatch(/^data: ?\{"id":.*\}$/m);
    await gateway.untilConnections("sse", 0);
  });

  test("HTTP/1.0, and a refusal", async () => {
    const topic = freshTopic();
    expect(JSON.parse(await curl("--http1.0", `${gateway.url}/realtime/events?topic=${topic}`))).toMatchObject({
      events: [],
    });
    const refused = await curl("--include", `${gateway.url}/realtime/events?topic=a//b`);
    expect(refused).toMatch(/^HTTP\/1\.1 400 /);
    expect(refused).toMatch(/^content-type: application\/problem\+json/im);
  });
});
