import { runInNewContext } from "node:vm";
import { CLOSE_REASONS, NO_GRANTS, SluiceError, type Access } from "@sluice/core";
import { ManualClock } from "@sluice/core/testing";
import { longPolling } from "@sluice/transport-long-polling";
import { polling } from "@sluice/transport-polling";
import { afterEach, describe, expect, test } from "vitest";
import { openAccess, startGateway, until, type Gateway, type GatewayOptions } from "../../http/test/support/gateway.ts";
import { dechunk, RawClient } from "../../http/test/support/raw-client.ts";
import { comet } from "../src/index.ts";

let gateway: Gateway;
const clients: RawClient[] = [];

async function start(more: Partial<GatewayOptions> = {}): Promise<void> {
  const transports = [
    polling({ intervalMs: 0 }),
    longPolling({ maxWaitMs: 60_000 }),
    comet({ heartbeatMs: 15_000, retryMs: 2000 }),
  ];
  gateway = await startGateway({ transports, ...more });
}

function open(query: string): RawClient {
  const client = new RawClient(gateway.port);
  clients.push(client);
  return client.send(`GET /realtime/events?transport=iframe&${query} HTTP/1.1\r\nHost: x\r\n\r\n`);
}

function pageOf(client: RawClient): string {
  const { text } = client;
  return dechunk(text.slice(text.indexOf("\r\n\r\n") + 4)).text;
}

/** Runs the page's scripts as a browser does; what its parent's function was called with. */
function callsOf(html: string, name = "onevent"): unknown[] {
  const calls: unknown[] = [];
  const [first = "", second] = name.split(".");
  const take = (value: unknown): void => void calls.push(value);
  const parent = { [first]: second === undefined ? take : { [second]: take } };
  for (const [, script = ""] of html.matchAll(/<script>([\s\S]*?)<\/script>/g)) runInNewContext(script, { parent });
  return JSON.parse(JSON.stringify(calls)) as unknown[];
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await gateway.close();
});

describe("a forever-frame", () => {
  test("calls a function of its parent for each event, whatever is in it", async () => {
    await start();
    const cursor = await gateway.publish("a", 0);
    const client = open("topic=a&callback=app.take");
    await client.holds("welcome");
    expect(client.text).toContain("content-type: text/html; charset=utf-8\r\n");
    expect(pageOf(client).length).toBeGreaterThan(2048);
    const data = "</script><!--<script>\u2028\u2029]]>é🍕";
    await gateway.publish("a", data, { id: "e1" });
    await until(() => callsOf(pageOf(client), "app.take").length === 2);
    expect(callsOf(pageOf(client), "app.take")).toEqual([
      { op: "welcome", cursor },
      expect.objectContaining({ id: "e1", topic: "a", data }),
    ]);
  });

  test("has a heartbeat, tells gaps, and ends as a whole page", async () => {
    const clock = new ManualClock();
    const transport = comet({ heartbeatMs: 15_000, retryMs: 2000 });
    await start({ clock, transports: [transport] });
    const client = open("topic=a&after=another-1");
    await client.holds("gap");
    const cursor = await gateway.publish("b", 1);
    clock.advance(15_000);
    await client.holds("heartbeat");
    await transport.drain(CLOSE_REASONS.draining, 0, new AbortController().signal);
    const text = await client.closed();
    const { text: html, isWhole } = dechunk(text.slice(text.indexOf("\r\n\r\n") + 4));
    expect(isWhole).toBe(true);
    expect(html.endsWith("</body></html>")).toBe(true);
    expect(callsOf(html)).toEqual([
      expect.objectContaining({ op: "welcome" }),
      expect.objectContaining({ op: "gap", reason: "reset", after: "another-1" }),
      { op: "heartbeat", cursor },
      { op: "closing", code: "draining", reconnect_after_ms: expect.any(Number) },
    ]);
  });

  test("shares what is encoded by name, of a bounded number of names", async () => {
    await start();
    const names = Array.from({ length: 70 }, (_, n) => `f${n}`);
    for (const name of [...names, ...names]) open(`topic=a&callback=${name}`);
    await until(() => gateway.connections.get("iframe") === 140);
    expect(gateway.bus.audienceCount).toBe(64 + 2 * 6);
    await gateway.publish("a", 1);
    for (const [n, client] of clients.entries()) {
      await client.holds('"data":1');
      expect(callsOf(pageOf(client), `f${n % 70}`)).toHaveLength(2);
    }
  });
});

describe("JSONP", () => {
  test("wraps a page of polling, and of long polling", async () => {
    await start();
    await gateway.publish("a", "</script>");
    const response = await fetch(`${gateway.origin}/realtime/events?topic=a&after=earliest&callback=app.take`);
    expect(response.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const script = await response.text();
    expect(script).toMatch(/^\/\*\*\/app\.take\(\{.*\}\);$/);
    const calls: unknown[] = [];
    runInNewContext(script, { app: { take: (page: unknown) => calls.push(page) } });
    expect(calls).toMatchObject([{ events: [{ topic: "a", data: "</script>" }] }]);
    const answer = fetch(`${gateway.origin}/realtime/events?topic=b&wait=20&callback=f`);
    await until(() => gateway.connections.get("long-polling") === 1);
    await gateway.publish("b", 1);
    expect(await (await answer).text()).toMatch(/^\/\*\*\/f\(\{.*"data":1\}\],"cursor":"[^"]+"\}\);$/);
  });
});

test("cookies do not open what any page can load", async () => {
  const access: Access = {
    ...openAccess,
    identify: async (credentials) => ({
      subject: credentials.cookie === undefined ? null : "ann",
      grants: NO_GRANTS,
      expiresAtMs: null,
      hasCredentials: credentials.cookie !== undefined,
      isByCookie: credentials.cookie !== undefined,
      credentials,
    }),
    check: async ({ subject }) => {
      if (subject === null) throw new SluiceError("unauthorized", "Who asks?");
    },
  };
  await start({ access });
  for (const query of ["transport=iframe", "callback=f", "wait=1&callback=f"]) {
    const response = await fetch(`${gateway.origin}/realtime/events?topic=a&${query}`, { headers: { cookie: "t=1" } });
    expect([query, response.status]).toEqual([query, 403]);
  }
});
