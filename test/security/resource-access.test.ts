import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { useOwnGateways } from "../conformance/use.ts";
import { AppProcess } from "../support/app-process.ts";
import { mergeSettings, type Settings } from "../support/settings.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { SECRET, tokenFor } from "../support/tokens.ts";

type Headers = Readonly<Record<string, string>>;

const KEY = { authorization: "Bearer the-key-of-the-shop" };

/** How a request for a resource's own URL asks for each transport, and the status of a refusal or grant. */
const WAYS: readonly (readonly [string, (url: string, headers: Headers) => Promise<number>])[] = [
  ["sse", (url, headers) => statusOf(url, { ...headers, accept: "text/event-stream" })],
  ["long-polling", (url, headers) => statusOf(url, { ...headers, prefer: "wait=1" })],
  ["websocket", statusOfUpgrade],
];

let app: AppProcess;
const own = useOwnGateways();

beforeAll(async () => {
  app = await AppProcess.start();
});

afterAll(() => app.stop());

beforeEach(async () => {
  await app.behave("well");
  await app.login("ann-1");
  await app.forget();
});

function start(access: Settings = {}): Promise<TestGateway> {
  const inFront: Settings = {
    app: { url: app.url },
    resources: [{ path: "/orders/:id" }],
    access: { public: ["menu"], jwt: { secret: SECRET }, app: { ttl: "10m", recheck: "10m" } },
  };
  return own(TestGateway.start(mergeSettings(inFront, { access })));
}

/** The status of an answer whose body may never end. */
function statusOf(url: string, headers: Headers): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, headers });
    sent.on("error", reject).on("response", (response: IncomingMessage) => {
      const { statusCode = 0 } = response;
      resolve(statusCode);
      response.on("error", () => undefined);
      sent.destroy();
    });
    sent.end();
  });
}

/** The status of an upgrade: 101 if it is let in. */
async function statusOfUpgrade(url: string, headers: Headers): Promise<number> {
  const socket = new WebSocket(url.replace(/^http/, "ws"), { headers });
  socket.on("error", () => undefined);
  const status = await Promise.race([
    once(socket, "open").then(() => 101),
    once(socket, "unexpected-response").then(([, response]: IncomingMessage[]) => response?.statusCode ?? 0),
  ]);
  socket.terminate();
  return status;
}

describe.each(WAYS)("a resource's own URL, by %s", (name, ask) => {
  const granted = name === "websocket" ? 101 : 200;

  test("is watched by whom the app lets GET it, and by nobody else", async () => {
    const gateway = await start();
    const ann = { cookie: "session=ann-1", origin: gateway.url };
    const status = (path: string, headers: Headers): Promise<number> => ask(`${gateway.url}${path}`, headers);
    expect(await status("/orders/1", ann)).toBe(granted);
    expect(await status("/orders/2", KEY)).toBe(granted);
    expect(await status("/orders/open", {})).toBe(granted);
    expect(await status("/orders/1", {})).toBe(401);
    expect(await status("/orders/2", ann)).toBe(403);
    expect(await status("/orders/99", ann)).toBe(404);
    await app.behave("broken");
    expect(await status("/orders/3", KEY)).toBe(503);
  });

  test("takes a token of ours from the header, and none from the query, which is the app's", async () => {
    const gateway = await start();
    const token = tokenFor({ read: ["orders/*"] });
    const url = `${gateway.url}/orders/1`;
    expect(await ask(url, { authorization: `Bearer ${token}` })).toBe(granted);
    expect(await app.asked()).toEqual([]);
    expect(await ask(`${url}?access_token=${token}`, {})).toBe(401);
  });

  test("asks for the path that the topic stands for, whatever way it was written", async () => {
    const gateway = await start();
    for (const path of ["/orders/%6fpen", "/orders/open?admin=1", "/orders/open/"]) {
      expect(await ask(`${gateway.url}${path}`, {})).toBe(granted);
    }
    expect((await app.asked()).map(({ url }) => url)).toEqual(["/orders/open"]);
  });

  test("without access.app needs another grant", async () => {
    const gateway = await start({ app: null });
    expect(await ask(`${gateway.url}/orders/open`, {})).toBe(401);
    expect(await ask(`${gateway.url}/orders/1`, KEY)).toBe(401);
    expect(await app.asked()).toEqual([]);
  });

  test.skipIf(name === "long-polling")("with a cookie is open to pages of its own and allowed origins", async () => {
    const gateway = await start();
    const cookie = "session=ann-1";
    expect(await ask(`${gateway.url}/orders/1`, { cookie })).toBe(403);
    expect(await ask(`${gateway.url}/orders/1`, { cookie, origin: "https://evil.example" })).toBe(403);
    for (const { headers: sent } of await app.asked()) expect(sent["cookie"]).toBeUndefined();
  });
});

test("a client can't tell the app that it is the gateway", async () => {
  const gateway = await start();
  const response = await fetch(`${gateway.url}/orders/open`, { headers: { "sluice-access": "check" } });
  expect(response.status).toBe(200);
  await response.text();
  const [asked] = await app.asked();
  expect(asked?.headers).not.toHaveProperty("sluice-access");
});
