import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import { request } from "undici";
import { startGateway, type Gateway } from "../src/gateway.ts";
import { version } from "../src/version.ts";
import { configOf, load } from "./config-sandbox.ts";

const open: Gateway[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

const BASE = {
  public: { listen: "127.0.0.1:0" },
  admin: { listen: "127.0.0.1:0" },
  access: { public: ["**"] },
  log: { kind: "memory" },
};

async function start(settings: Readonly<Record<string, unknown>> = {}): Promise<Gateway> {
  // JSON is YAML.
  const config = configOf(await load(JSON.stringify({ ...BASE, ...settings })));
  const gateway = await startGateway({ config });
  open.push(gateway);
  return gateway;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

async function ask(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
  body?: string,
): Promise<Answer> {
  const answer = await request(url, { method, headers, body: body ?? null });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

const post = (url: string, event: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  ask(url, { "content-type": "application/json", ...headers }, "POST", JSON.stringify(event));

const PATHS = ["/", "/metrics", "/admin/state"];

describe("health", () => {
  test("up and ready, and not ready while it drains", async () => {
    const gateway = await start({ drain: { spread: "100ms", timeout: "20s" } });
    const { adminUrl, publicUrl } = gateway;
    expect((await ask(`${adminUrl}/healthz`)).status).toBe(200);
    expect((await ask(`${adminUrl}/readyz`)).status).toBe(200);
    // A publication whose end is still to come keeps it from being drained.
    const { hostname, port } = new URL(publicUrl);
    const publisher = connect(Number(port), hostname);
    publisher.write("POST /realtime/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    publisher.write("Expect: 100-continue\r\nContent-Length: 9\r\n\r\n");
    // The request has arrived: the gateway asks for its body.
    expect(String(await once(publisher, "data"))).toMatch(/^HTTP\/1\.1 100 /);
    const draining = gateway.drain();
    const notReady = await ask(`${adminUrl}/readyz`);
    expect([notReady.status, JSON.parse(notReady.text)]).toEqual([503, expect.objectContaining({ code: "draining" })]);
    expect(notReady.headers["retry-after"]).toMatch(/^\d+$/);
    expect((await ask(`${adminUrl}/healthz`)).status).toBe(200);
    publisher.destroy();
    await draining;
    await expect(ask(`${adminUrl}/healthz`)).rejects.toThrow();
  });

  test("whoever is refused while it drains may read why, from another origin too", async () => {
    const gateway = await start({
      public: { listen: "127.0.0.1:0", cors: { origins: ["https://a.example"] } },
      drain: { spread: "100ms", timeout: "20s" },
    });
    const { hostname, port } = new URL(gateway.publicUrl);
    const client = connect(Number(port), hostname);
    const poll = "GET /realtime/events?topic=t HTTP/1.1\r\nHost: x\r\n";
    client.write(`${poll}\r\n${poll}`);
    // With the answer to the first, half the head of the second is there: the connection is not idle.
    expect(String(await once(client, "data"))).toMatch(/^HTTP\/1\.1 200 /);
    const draining = gateway.drain();
    client.write("Origin: https://a.example\r\n\r\n");
    const answers = await textOf(client);
    expect(answers).toMatch(/HTTP\/1\.1 503 [^]*access-control-allow-origin: https:\/\/a\.example\r\n/i);
    await draining;
  });

  test("not ready when the log takes no events", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-admin-"));
    folders.push(folder);
    const config = configOf(await load(JSON.stringify({ ...BASE, log: { kind: "sqlite", path: folder } })));
    const gateway = await startGateway({ config });
    open.push(gateway);
    await gateway.close();
    expect(gateway.bus.isWritable).toBe(false);
    // Closed twice, drained after that: all the same end.
    await Promise.all([gateway.close(), gateway.drain()]);
    await expect(ask(`${gateway.adminUrl}/healthz`)).rejects.toThrow();
  });
});

describe("who may", () => {
  test("with a key, all but /healthz needs it", async () => {
    const { adminUrl } = await start({ admin: { listen: "127.0.0.1:0", key: "right-key-0123456789" } });
    const right = { authorization: "Bearer right-key-0123456789" };
    expect((await ask(`${adminUrl}/healthz`)).status).toBe(200);
    expect((await ask(`${adminUrl}/readyz`)).status).toBe(200);
    for (const path of PATHS) {
      const none = await ask(`${adminUrl}${path}`);
      expect([path, none.status, none.headers["www-authenticate"]]).toEqual([
        path,
        401,
        expect.stringContaining("Bearer"),
      ]);
      expect((await ask(`${adminUrl}${path}`, { authorization: "Bearer wrong" })).status).toBe(401);
      expect((await ask(`${adminUrl}${path}`, { authorization: "Basic right-key-0123456789" })).status).toBe(401);
      // With a key, the name that the request came by says nothing.
      expect((await ask(`${adminUrl}${path}`, { ...right, host: "gateway.example" })).status).toBe(200);
    }
    expect((await post(`${adminUrl}/events`, { topic: "a", data: 1 })).status).toBe(401);
    expect((await post(`${adminUrl}/events`, { topic: "a", data: 1 }, right)).status).toBe(201);
  });

  test("without a key, only those who call it by a loopback name, from no other origin", async () => {
    const { adminUrl } = await start();
    const { port } = new URL(adminUrl);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "localhost", `[::1]:${port}`, "127.9.9.9"]) {
      expect([host, (await ask(`${adminUrl}/admin/state`, { host })).status]).toEqual([host, 200]);
    }
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "10.0.0.1",
      "a b",
    ]) {
      expect([host, (await ask(`${adminUrl}/admin/state`, { host })).status]).toEqual([host, 403]);
    }
    expect((await ask(`${adminUrl}/metrics`, { origin: `http://127.0.0.1:${port}` })).status).toBe(200);
    for (const origin of ["https://evil.example", "null", `http://127.0.0.1:${Number(port) + 1}`]) {
      expect([origin, (await post(`${adminUrl}/events`, { topic: "a", data: 1 }, { origin })).status]).toEqual([
        origin,
        403,
      ]);
    }
  });
});

describe("what it shows", () => {
  test("an index, and problems for all else", async () => {
    const { adminUrl } = await start();
    const index = await ask(adminUrl);
    for (const path of ["/events", ...PATHS]) expect(index.text).toContain(path);
    const missing = await ask(`${adminUrl}/nothing`);
    expect([missing.status, missing.headers["content-type"]]).toEqual([
      404,
      expect.stringContaining("application/problem+json"),
    ]);
    const wrong = await ask(`${adminUrl}/metrics`, {}, "DELETE");
    expect([wrong.status, wrong.headers.allow]).toEqual([405, "GET, HEAD"]);
    expect((await ask(`${adminUrl}/events`)).headers.allow).toBe("POST");
    expect(await ask(`${adminUrl}/healthz`, {}, "HEAD")).toMatchObject({ status: 200, text: "" });
  });

  test("metrics count what happens, by transport", async () => {
    const { adminUrl, publicUrl } = await start({ access: { public: ["a"] } });
    const stream = new AbortController();
    const reader = await fetch(`${publicUrl}/realtime/events?topic=a`, {
      headers: { accept: "text/event-stream" },
      signal: stream.signal,
    });
    await reader.body?.getReader().read();
    await post(`${adminUrl}/events`, [
      { topic: "a", data: 1 },
      { topic: "b", data: 2 },
    ]);
    await ask(`${publicUrl}/realtime/events?topic=b`);
    const { text, headers } = await ask(`${adminUrl}/metrics`);
    stream.abort();
    expect(headers["content-type"]).toContain("text/plain");
    const value = (name: string): number =>
      Number(new RegExp(`^${name.replaceAll(/[{}+.]/g, "\\$&")} (\\S+)$`, "m").exec(text)?.[1]);
    expect(value("sluice_events_published_total")).toBe(2);
    expect(value('sluice_connections{transport="sse"}')).toBe(1);
    expect(value('sluice_deliveries_total{transport="sse"}')).toBe(1);
    expect(value('sluice_delivered_bytes_total{transport="sse"}')).toBeGreaterThan(50);
    expect(value('sluice_refusals_total{transport="polling",code="unauthorized"}')).toBe(1);
    expect(value('sluice_publish_to_write_seconds_count{transport="sse"}')).toBe(1);
    expect(value('sluice_publish_to_write_seconds_bucket{le="+Inf",transport="sse"}')).toBe(1);
    expect(value('sluice_publish_to_write_seconds_count{transport="websocket"}')).toBe(0);
    expect(value("sluice_log_position")).toBe(2);
    expect(value("sluice_log_writable")).toBe(1);
    expect(value("process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect(value("nodejs_eventloop_lag_p99_seconds")).toBeGreaterThanOrEqual(0);
    expect(value(`sluice_build_info{version="${version}"}`)).toBe(1);
    // Every metric has its help, and none is told twice.
    const types = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
    expect(new Set(types).size).toBe(types.length);
    expect([...text.matchAll(/^# HELP (\S+) ./gm)].map(([, name]) => name)).toEqual(types);
  });

  test("the state holds no secret", async () => {
    const secret = "a-secret-that-must-not-be-shown-anywhere";
    const { adminUrl } = await start({
      admin: { listen: "127.0.0.1:0", key: `${secret}-key` },
      access: { jwt: { secret: `${secret}-jwt` } },
    });
    const { text, status } = await ask(`${adminUrl}/admin/state`, { authorization: `Bearer ${secret}-key` });
    expect(status).toBe(200);
    expect(text).not.toContain(secret);
    expect(JSON.parse(text)).toMatchObject({
      version,
      ready: true,
      log: { events: 0, writable: true, newest_cursor: expect.stringMatching(/-0$/) },
      transports: { sse: { connections: 0 } },
      config: { admin: { key: "(set)" }, access: { jwt: { secret: "(set)" } }, limits: { event_bytes: 262_144 } },
    });
  });
});

test("gateways in one process have nothing in common", async () => {
  const [one, other] = [await start(), await start()];
  await post(`${one.adminUrl}/events`, { topic: "a", data: 1 });
  expect((await ask(`${one.adminUrl}/metrics`)).text).toContain("sluice_events_published_total 1\n");
  expect((await ask(`${other.adminUrl}/metrics`)).text).toContain("sluice_events_published_total 0\n");
  await one.close();
  expect((await ask(`${other.adminUrl}/readyz`)).status).toBe(200);
});

test("a gateway that can't open its second listener leaves nothing behind", async () => {
  const { publicUrl } = await start();
  const config = configOf(await load(JSON.stringify({ ...BASE, public: { listen: new URL(publicUrl).host } })));
  await expect(startGateway({ config })).rejects.toThrow(/it is in use/);
});
