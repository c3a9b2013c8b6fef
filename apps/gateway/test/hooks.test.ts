import { PassThrough } from "node:stream";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { commands } from "../src/commands/commands.ts";
import { run } from "../src/cli/run.ts";
import { TestGateway } from "../../../test/support/test-gateway.ts";
import { until } from "../../../test/support/until.ts";

describe("sluice hooks, on a gateway that runs", () => {
  let gateway: TestGateway;
  const received: { readonly method: string; readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  let status = 200;
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      received.push({ method: request.method ?? "", headers: request.headers, body });
      response.writeHead(status).end("noted");
    });
  });
  let target = "";

  beforeEach(async () => {
    received.length = 0;
    status = 200;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    target = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    gateway = await TestGateway.startWithSqlite({
      transports: { "rest-hooks": { http: true, allow: ["127.0.0.0/8"], schedule: ["0s", "100ms"] } },
    });
  });
  afterEach(async () => {
    await gateway.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function hooks(
    ...argv: readonly string[]
  ): Promise<{ code: number; lines: Record<string, unknown>[]; err: string }> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const io = { stdin: new PassThrough(), stdout, stderr, env: {} };
    const code = await run(commands, ["hooks", ...argv, "--url", gateway.adminUrl], io);
    const text = String(stdout.read() ?? "");
    const lines = text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return { code, lines, err: String(stderr.read() ?? "") };
  }

  test("a traceparent, of the request or the CloudEvent, goes along with the delivery", async () => {
    await hooks("add", target);
    const parentOf = (digit: string): string => `00-${digit.repeat(32)}-b7ad6b7169203331-01`;
    const publish = async (type: string, event: object, traceparent: string): Promise<number> => {
      const headers = { "content-type": type, traceparent };
      const body = JSON.stringify(event);
      return (await fetch(`${gateway.adminUrl}/events`, { method: "POST", headers, body })).status;
    };
    expect(await publish("application/json", { topic: "a", data: 1 }, parentOf("1"))).toBe(201);
    const about = {
      specversion: "1.0",
      id: "e2",
      source: "urn:x",
      type: "t",
      subject: "a",
      traceparent: parentOf("2"),
    };
    expect(await publish("application/cloudevents+json", about, parentOf("3"))).toBe(201);
    await until("both deliveries", () => received.length === 2);
    expect(received.map(({ headers }) => headers["traceparent"])).toEqual([parentOf("1"), parentOf("2")]);
  });

  test("add, list, show, pause, resume, retry, remove; metrics; a restart", async () => {
    const added = await hooks("add", target, "--topic", "orders/*", "--event", "order.ready");
    expect(added).toMatchObject({ code: 0, lines: [{ status: "active", owner: "operator", events: ["order.ready"] }] });
    const id = String(added.lines[0]?.["id"]);
    await gateway.publisher.publish({ topic: "orders/1", type: "order.ready", data: 1 });
    await until("the delivery", () => received.length === 1);
    await until("its record", async () => countOf((await hooks("show", id)).lines[0]?.["attempts"]) === 1);
    expect((await hooks("pause", id)).lines[0]).toMatchObject({ status: "paused", reason: "by the operator" });
    await gateway.publisher.publish({ topic: "orders/1", type: "order.ready", data: 2 });
    gateway = await gateway.restart();
    expect((await hooks("list")).lines).toMatchObject([{ id, status: "paused" }]);
    status = 400;
    expect((await hooks("resume", id)).lines[0]).toMatchObject({ status: "active" });
    const shown = await until("the dead letter", async () => {
      const { lines } = await hooks("show", id);
      // Attempts and dead letters are asked for one after the other.
      const [dead, tried] = [countOf(lines[0]?.["dead_letters"]), countOf(lines[0]?.["attempts"])];
      return dead === 1 && tried === 3 ? lines[0] : undefined;
    });
    expect(shown["attempts"]).toMatchObject([{ status: 400, response: "noted" }, { status: 400 }, { status: 200 }]);
    status = 200;
    expect((await hooks("retry", id)).lines[0]).toMatchObject({ dead_letters: 1 });
    await until("the retry", () => received.length === 4);
    const metrics = (await (await fetch(`${gateway.adminUrl}/metrics`)).text()).split("\n");
    expect(metrics).toContain('sluice_hooks{status="active"} 1');
    expect(metrics).toContain('sluice_hook_attempts_total{outcome="dead",error="none"} 1');
    expect(metrics.join()).not.toContain(id);
    expect(await hooks("remove", id)).toMatchObject({ code: 0, lines: [] });
    // The operator is not the owner: the receiver is told.
    await until("the goodbye", () => received.at(-1)?.method === "DELETE");
    expect(await hooks("show", id)).toMatchObject({ code: 1, err: expect.stringContaining("removed by the operator") });
    expect(await hooks("frob")).toMatchObject({ code: 2 });
    expect(await hooks("show")).toMatchObject({ code: 2 });
  });

  test("a drain lets a delivery under way finish, and records it", async () => {
    await hooks("add", target);
    const held: (() => void)[] = [];
    server.removeAllListeners("request");
    server.on("request", (request, response) => {
      request.resume();
      held.push(() => response.writeHead(200).end());
    });
    await gateway.publisher.publish({ topic: "a", data: 1 });
    await until("the request", () => held.length === 1);
    const drained = gateway.gateway.drain();
    held[0]?.();
    await drained;
    gateway = await gateway.restart();
    const { lines } = await hooks("list");
    await gateway.publisher.publish({ topic: "a", data: 2 });
    await until("the next", () => held.length === 2);
    held[1]?.();
    expect(lines).toHaveLength(1);
    await until(
      "both attempts",
      async () => countOf((await hooks("show", String(lines[0]?.["id"]))).lines[0]?.["attempts"]) === 2,
    );
  });
});

function countOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}
