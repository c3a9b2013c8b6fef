import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { broken, Echo } from "./support/echo.ts";
import { openAccess, startGateway, type Gateway, type GatewayOptions } from "./support/gateway.ts";
import { bodyOfResponse, RawClient } from "./support/raw-client.ts";

let gateway: Gateway;
const clients: RawClient[] = [];

async function start(options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await startGateway({ transports: [new Echo("polling")], ...options });
}

function connect(): RawClient {
  const client = new RawClient(gateway.port);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await gateway.close();
});

const GET = "GET /realtime/events?topic=a HTTP/1.1\r\n";

function expectProblem(response: string, status: number, code: string): void {
  expect(response).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z]`));
  expect(response.toLowerCase()).toContain("\r\ncontent-type: application/problem+json\r\n");
  expect(bodyOfResponse(response)).toMatchObject({
    status,
    code,
    title: expect.any(String),
    detail: expect.any(String),
  });
}

describe("what the parser refuses", () => {
  test("a head over the limit is 431", async () => {
    await start({ headerBytes: 2048 });
    expectProblem(
      await connect()
        .send(`${GET}Host: x\r\nX-Long: ${"x".repeat(4096)}\r\n\r\n`)
        .closed(),
      431,
      "header-too-large",
    );
    expect(gateway.refused).toEqual(["http header-too-large"]);
  });

  test("a head far over the limit still gets its answer", async () => {
    await start({ headerBytes: 2048 });
    expectProblem(
      await connect()
        .send(`${GET}Host: x\r\nX-Long: ${"x".repeat(1_000_000)}\r\n\r\n`)
        .closed(),
      431,
      "header-too-large",
    );
  });

  test("a head just below the limit is taken", async () => {
    await start({ headerBytes: 2048 });
    const response = await connect()
      .send(`${GET}Host: x\r\nX-Long: ${"x".repeat(1900)}\r\n\r\n`)
      .holds("}");
    expect(response).toContain("200 OK");
  });

  test("half a head is 408 soon after the time is up", async () => {
    await start({ headTimeoutMs: 200 });
    expectProblem(await connect().send(`${GET}Host: x\r\n`).closed(), 408, "request-timeout");
  });

  test("a connection that says nothing is 408 too", async () => {
    await start({ headTimeoutMs: 200 });
    expectProblem(await connect().closed(), 408, "request-timeout");
  });

  test.each([
    [
      "both lengths",
      "POST /realtime/events HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "two different lengths",
      "POST /realtime/events HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    ],
    ["a space before the colon", `${GET}Host : x\r\n\r\n`],
    ["a folded header", `${GET}Host: x\r\nX-A: 1\r\n 2\r\n\r\n`],
    ["bare line feeds", "GET /realtime/events?topic=a HTTP/1.1\nHost: x\n\n"],
    ["a null in a header", `${GET}Host: x\r\nX-A: a\0b\r\n\r\n`],
    ["no HTTP", "\u0016\u0003\u0001\u0002\u0000\r\n\r\n"],
    [
      "an obscured Transfer-Encoding",
      "POST /realtime/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
    ],
  ])("%s is 400", async (_name, bytes) => {
    await start();
    expectProblem(await connect().send(bytes).closed(), 400, "bad-request");
  });

  test("a broken chunk ends the request with 400 and the process lives", async () => {
    await start();
    const head =
      "POST /realtime/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    expectProblem(await connect().send(`${head}5\r\n{"top\r\nZZ\r\n`).closed(), 400, "bad-request");
    expect((await fetch(`${gateway.origin}/realtime/events?topic=a`)).status).toBe(200);
    expect(gateway.errors).toEqual([]);
  });

  test("what follows a smuggled body is not taken for a request", async () => {
    await start();
    const smuggled = "GET /realtime/events?topic=smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    const bytes = `POST /realtime/events HTTP/1.1\r\nHost: x\r\nContent-Length: ${smuggled.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`;
    const response = await connect().send(bytes).closed();
    expect(response.split("HTTP/1.1 ")).toHaveLength(2);
    expect(response).not.toContain("smuggled");
  });
});

describe("what the server refuses", () => {
  test("more than one Host is 400", async () => {
    await start();
    expectProblem(await connect().send(`${GET}Host: x\r\nhost: y\r\n\r\n`).holds("}"), 400, "bad-request");
  });

  test("HTTP/1.1 without Host is 400, HTTP/1.0 may go without", async () => {
    await start();
    expectProblem(await connect().send(`${GET}\r\n`).holds("}"), 400, "bad-request");
    expect(await connect().send("GET /realtime/events?topic=a HTTP/1.0\r\n\r\n").closed()).toContain(" 200 OK");
  });

  test("other paths are 404, other methods 405 with Allow", async () => {
    await start();
    const nowhere = await fetch(`${gateway.origin}/realtime/nowhere`);
    expect([nowhere.status, nowhere.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
    expect(await nowhere.json()).toMatchObject({ code: "not-found" });
    const posted = await fetch(`${gateway.origin}/realtime/nowhere`, { method: "POST", body: "x" });
    expect(posted.status).toBe(404);
    for (const method of ["PUT", "DELETE", "PATCH", "PROPFIND"]) {
      const response = await fetch(`${gateway.origin}/realtime/events`, { method, body: "{}" });
      expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD, POST, OPTIONS"]);
      expect(await response.json()).toMatchObject({ code: "method-not-allowed" });
    }
  });

  test("a URL that is not percent-encoded UTF-8 is 400", async () => {
    await start();
    for (const path of ["/realtime/events?topic=%FF", "/realtime/events?topic=%E0%A4%A", "/%zz"]) {
      const response = await fetch(gateway.origin + path);
      expect([path, response.status]).toEqual([path, 400]);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
    }
  });

  test("a fault of the gateway's own shows nothing of it, and is logged", async () => {
    await start({ transports: [broken] });
    const response = await fetch(`${gateway.origin}/realtime/events?topic=a`);
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).toContain('"code":"internal"');
    expect(text).not.toContain("secret");
    expect(gateway.errors).toHaveLength(1);
    expect(gateway.seats.taken).toBe(0);
  });

  test("an offer to upgrade to something else is passed over", async () => {
    await start();
    const response = await connect()
      .send(
        `${GET}Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
      )
      .holds("}");
    expect(response).toContain("200 OK");
  });

  test("an upgrade that nothing answers is refused, and its connection closed", async () => {
    await start();
    const seen: unknown[] = [];
    // What listens for upgrades is a transport's; here one that hands all of them to the routes.
    gateway.fastify.server.on("upgrade", (request, socket) => {
      seen.push(request.url);
      const response = new ServerResponse(request);
      response.assignSocket(socket as Socket);
      gateway.fastify.routing(request, response);
    });
    const upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    expectProblem(await connect().send(`GET /nowhere HTTP/1.1\r\n${upgrade}`).closed(), 404, "not-found");
    expectProblem(await connect().send(`${GET}${upgrade}`).closed(), 406, "transport-off");
    expect(seen).toHaveLength(2);
  });

  test("CONNECT is refused", async () => {
    await start();
    const response = await connect().send("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n").closed();
    expectProblem(response, 405, "method-not-allowed");
  });

  test("an expectation that nobody knows is passed over", async () => {
    await start();
    expect(await connect().send(`${GET}Host: x\r\nExpect: the-unexpected\r\n\r\n`).holds("}")).toContain("200 OK");
  });
});

describe("manners", () => {
  test("no-store is the default, and a server that is being closed ends its connections", async () => {
    await start();
    const client = connect().send(`${GET}Host: x\r\n\r\n`);
    const first = await client.holds("}");
    expect(first).toContain("cache-control: no-store");
    expect(first.toLowerCase()).toContain("connection: keep-alive");
    gateway.fastify.server.close();
    // The close found the connection idle or this request on its way; both end it.
    await client.send(`${GET}Host: x\r\n\r\n`).closed();
    expect(client.text.split("HTTP/1.1 ").length).toBeLessThanOrEqual(3);
  });

  test("an answer that is under way when the server is closed is its connection's last", async () => {
    const [asked, decided] = [Promise.withResolvers<void>(), Promise.withResolvers<undefined>()];
    const check = (): Promise<undefined> => {
      asked.resolve();
      return decided.promise;
    };
    await start({ access: { ...openAccess, check } });
    const client = connect().send(`${GET}Host: x\r\n\r\n`);
    await asked.promise;
    gateway.fastify.server.close();
    decided.resolve(undefined);
    expect((await client.closed()).toLowerCase()).toContain("\r\nconnection: close\r\n");
  });

  test("behind a trusted proxy the client is the one it names", async () => {
    const transport = new Echo("sse", true);
    await start({ transports: [transport], trustProxy: ["127.0.0.0/8"], limits: { connectionsPerIp: 1 } });
    const ask = async (ip: string): Promise<number> =>
      (await fetch(`${gateway.origin}/realtime/events?topic=a&transport=sse`, { headers: { "x-forwarded-for": ip } }))
        .status;
    expect([await ask("192.0.2.1"), await ask("192.0.2.1"), await ask("192.0.2.2")]).toEqual([200, 429, 200]);
    transport.letGo();
    expect(await ask("192.0.2.1")).toBe(200);
  });

  test("without one it is the peer", async () => {
    await start({ transports: [new Echo("sse", true)], limits: { connectionsPerIp: 1 } });
    const ask = async (ip: string): Promise<number> =>
      (await fetch(`${gateway.origin}/realtime/events?topic=a&transport=sse`, { headers: { "x-forwarded-for": ip } }))
        .status;
    expect([await ask("192.0.2.1"), await ask("192.0.2.2")]).toEqual([200, 429]);
  });
});
