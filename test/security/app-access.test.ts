import { array, assert, asyncProperty, constantFrom, oneof, string } from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { drivers } from "../conformance/drivers/index.ts";
import type { Reader, ReaderDriver, TransportName } from "../conformance/drivers/reader-driver.ts";
import { connectWebSocket } from "../conformance/drivers/websocket.ts";
import { useOwnGateways, useReaders } from "../conformance/use.ts";
import { AppProcess } from "../support/app-process.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { mergeSettings, type Settings } from "../support/settings.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { SECRET, signToken, tokenFor } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const SOON: Settings = { app: { ttl: "500ms", recheck: "500ms" } };
const KEY = { authorization: "Bearer the-key-of-the-shop" };

/** How each transport ends a reader whose grant was taken back; one that polls meets it with its next request. */
const REVOKED: Readonly<Partial<Record<TransportName, readonly (number | string)[]>>> = {
  polling: [401],
  "long-polling": [401, 403],
  sse: ["complete"],
  websocket: [1008],
};
/** And while the app is down. */
const DOWN: Readonly<Partial<Record<TransportName, readonly (number | string)[]>>> = {
  polling: [503],
  "long-polling": [503],
  sse: ["complete"],
  websocket: [1013],
};

let app: AppProcess;
const own = useOwnGateways();
const keep = useReaders();

beforeAll(async () => {
  app = await AppProcess.start();
});

afterAll(() => app.stop());

beforeEach(async () => {
  await app.behave("well");
  await app.login("ann-1");
  await app.login("bob-1");
  await app.forget();
});

/** What the app said holds for as long as a test takes, unless the test is about it being asked again. */
function start(access: Settings = {}, settings: Settings = {}): Promise<TestGateway> {
  const inFront: Settings = {
    app: { url: app.url },
    resources: [{ path: "/orders/:id" }],
    access: { public: ["menu"], jwt: { secret: SECRET }, app: { ttl: "10m", recheck: "10m" } },
  };
  return own(TestGateway.start(mergeSettings(mergeSettings(inFront, { access }), settings)));
}

/** A session's cookie, from a page of the gateway's own. */
function session(gateway: TestGateway, name: string): { readonly cookie: string; readonly origin: string } {
  return { cookie: `theme=dark; session=${name}`, origin: gateway.url };
}

/** Whether a reader gets what is published from now on. */
async function isServed(gateway: TestGateway, reader: Reader, topic: string): Promise<void> {
  const { length } = reader.inbox.events;
  await gateway.publisher.publish({ topic, data: "news" });
  await reader.inbox.take(length + 1);
}

describe.each(drivers.map((driver): [string, ReaderDriver] => [driver.name, driver]))("%s", (_, driver) => {
  const connect = (
    gateway: TestGateway,
    headers: Readonly<Record<string, string>>,
    ...topics: string[]
  ): Promise<Reader> => keep(driver.connect({ url: gateway.url, topics, headers }));

  const refusal = async (
    gateway: TestGateway,
    headers: Readonly<Record<string, string>>,
    ...topics: string[]
  ): Promise<[number, unknown]> => {
    const answer = await driver.refusal({ url: gateway.url, topics, headers });
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    if (answer.status === 401) expect(answer.headers["www-authenticate"]).toMatch(/^Bearer\b/);
    if (answer.status === 503) expect(Number(answer.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    return [answer.status, answer.json()["code"]];
  };

  test("who may GET it may watch it, by cookie, by a Bearer of the app, or without either", async () => {
    const gateway = await start();
    const readers: [Reader, string][] = [
      [await connect(gateway, session(gateway, "ann-1"), "orders/1", "menu"), "orders/1"],
      [await connect(gateway, KEY, "orders/2"), "orders/2"],
      [await connect(gateway, {}, "orders/open"), "orders/open"],
    ];
    for (const [reader, topic] of readers) await isServed(gateway, reader, topic);
  });

  test("who may not is told the app's own status", async () => {
    const gateway = await start();
    const ann = session(gateway, "ann-1");
    expect(await refusal(gateway, {}, "orders/1")).toEqual([401, "unauthorized"]);
    expect(await refusal(gateway, session(gateway, "nobody"), "orders/1")).toEqual([401, "unauthorized"]);
    expect(await refusal(gateway, { authorization: "Bearer wrong" }, "orders/1")).toEqual([401, "unauthorized"]);
    expect(await refusal(gateway, ann, "orders/2")).toEqual([403, "forbidden"]);
    expect(await refusal(gateway, ann, "orders/99")).toEqual([404, "not-found"]);
    expect(await refusal(gateway, ann, "orders/1", "orders/2")).toEqual([403, "forbidden"]);
  });

  test("a topic without a resource, and a pattern, are nothing that the app could be asked about", async () => {
    const gateway = await start();
    for (const topic of ["bills/1", "orders/*", "orders/**", "**"]) {
      expect(await refusal(gateway, session(gateway, "ann-1"), topic)).toEqual([403, "forbidden"]);
      expect(await refusal(gateway, {}, topic)).toEqual([401, "unauthorized"]);
    }
    expect(await app.asked()).toEqual([]);
  });

  test("while the app is down nobody new is let in", async () => {
    const gateway = await start({}, { app: { timeout: "300ms" } });
    for (const manner of ["broken", "gone", "silent"] as const) {
      await app.behave(manner);
      const headers = { authorization: `Bearer ${manner}` };
      expect(await refusal(gateway, headers, "orders/1")).toEqual([503, "app-unavailable"]);
      await connect(gateway, {}, "menu");
    }
    await app.behave("well");
    await until("the app to be believed again", () => connect(gateway, KEY, "orders/1"));
  });

  test("who logs out is sent away", async () => {
    const gateway = await start(SOON);
    await app.login("ann-2");
    const leaving = await connect(gateway, session(gateway, "ann-2"), "orders/1", "menu");
    const staying = await connect(gateway, session(gateway, "ann-1"), "orders/1");
    await isServed(gateway, leaving, "orders/1");
    await app.logout("ann-2");
    const { how } = await leaving.inbox.untilEnd();
    expect(REVOKED[driver.name]).toContain(how);
    const { length } = leaving.inbox.events;
    await isServed(gateway, staying, "orders/1");
    expect(staying.inbox.end).toBeNull();
    expect(leaving.inbox.events).toHaveLength(length);
  });

  test("a token of ours is not shown to the app, and needs it no more than before", async () => {
    const gateway = await start();
    const authorization = `Bearer ${tokenFor({ read: ["orders/77"] })}`;
    const reader = await connect(gateway, { authorization }, "orders/77", "menu");
    await isServed(gateway, reader, "orders/77");
    expect(await app.asked()).toEqual([]);
    expect(await refusal(gateway, { authorization }, "orders/1")).toEqual([401, "unauthorized"]);
    await connect(gateway, { ...session(gateway, "ann-1"), authorization }, "orders/77", "orders/1");
    const expired = { authorization: `Bearer ${signToken({ exp: 1 })}` };
    expect(await refusal(gateway, expired, "orders/open")).toEqual([401, "unauthorized"]);
    const shown = (await app.asked()).map(({ headers }) => [headers["authorization"], headers["cookie"]]);
    expect(shown).toEqual([
      [undefined, undefined],
      [undefined, "theme=dark; session=ann-1"],
    ]);
  });

  test("an access_token is not passed on, and brings no cookie with it", async () => {
    const gateway = await start();
    const accessToken = tokenFor({ read: ["orders/77"] });
    const headers = { cookie: "session=ann-1" };
    const options = { url: gateway.url, topics: ["orders/1"], headers };
    expect((await driver.refusal({ ...options, accessToken })).status).toBe(401);
    expect((await driver.refusal({ ...options, accessToken: "opaque" })).status).toBe(401);
    const shown = (await app.asked()).map(({ url, headers: sent }) => [url, sent["authorization"], sent["cookie"]]);
    expect(shown).toEqual([["/orders/1", undefined, undefined]]);
  });

  const checksOrigin = driver.name === "sse" || driver.name === "websocket";

  test.runIf(checksOrigin)("what a cookie opens must be asked for from an allowed origin", async () => {
    const gateway = await start({}, { public: { cors: { origins: ["https://shop.example"], credentials: true } } });
    const { cookie } = session(gateway, "ann-1");
    expect(await refusal(gateway, { cookie }, "orders/1")).toEqual([403, "forbidden"]);
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1"]) {
      expect(await refusal(gateway, { cookie, origin }, "orders/1")).toEqual([403, "forbidden"]);
      const basic = { authorization: "Basic YW5uOmE=", origin };
      expect(await refusal(gateway, { ...basic, cookie }, "orders/1")).toEqual([403, "forbidden"]);
      expect(await refusal(gateway, basic, "orders/1")).toEqual([403, "forbidden"]);
      // What the app shows to anybody.
      await connect(gateway, basic, "orders/open");
    }
    // It is asked whether anybody may, and never with what the foreign page made the browser send.
    for (const { headers: sent } of await app.asked()) {
      expect([sent["cookie"], sent["authorization"]]).toEqual([undefined, undefined]);
    }
    await connect(gateway, { cookie, origin: gateway.url }, "orders/1");
    await connect(gateway, { cookie, origin: "https://shop.example" }, "orders/1");
    await connect(gateway, KEY, "orders/1");
    await connect(gateway, { ...KEY, origin: "https://evil.example", cookie: "session=nobody" }, "orders/1");
    await connect(gateway, { authorization: "Basic YW5uOmE=" }, "orders/open");
  });

  test.skipIf(checksOrigin)("what is no stream needs no origin: another page can't read the answer", async () => {
    const gateway = await start();
    await connect(gateway, { cookie: "session=ann-1" }, "orders/1");
  });

  // A reader that polls has no connection that could be kept.
  test.runIf(driver.staysConnected && driver.name !== "long-polling")(
    "live readers stay while the app is down",
    async () => {
      const gateway = await start(SOON);
      const reader = await connect(gateway, session(gateway, "ann-1"), "orders/1");
      await app.behave("broken");
      await app.forget();
      await until("it to be asked again, twice", async () => (await app.asked()).length >= 2);
      await isServed(gateway, reader, "orders/1");
      expect(await refusal(gateway, session(gateway, "ann-1"), "orders/1")).toEqual([503, "app-unavailable"]);
      await app.behave("well");
      await app.logout("ann-1");
      expect(REVOKED[driver.name]).toContain((await reader.inbox.untilEnd()).how);
    },
  );

  test("or end, where that is configured", async () => {
    const gateway = await start(mergeSettings(SOON, { app: { when_app_is_down: "end" } }));
    const reader = await connect(gateway, session(gateway, "ann-1"), "orders/1");
    const open = await connect(gateway, {}, "menu");
    await app.behave("gone");
    expect(DOWN[driver.name]).toContain((await reader.inbox.untilEnd()).how);
    await isServed(gateway, open, "menu");
  });

  test("a hundred clients with one credential ask once", async () => {
    const gateway = await start();
    const headers = session(gateway, "ann-1");
    await Promise.all(Array.from({ length: 100 }, () => connect(gateway, headers, "orders/1", "orders/3")));
    expect((await app.asked()).map(({ url }) => url).toSorted()).toEqual(["/orders/1", "/orders/3"]);
  });

  test("a reload that turns it off ends whom it let in, and one that turns it on lets them in", async () => {
    const gateway = await start();
    const headers = session(gateway, "ann-1");
    const reader = await connect(gateway, headers, "orders/1");
    await gateway.reload({ access: { app: null } });
    expect(REVOKED[driver.name]).toContain((await reader.inbox.untilEnd()).how);
    expect((await driver.refusal({ url: gateway.url, topics: ["orders/1"], headers })).status).toBe(401);
    await gateway.reload({ access: { app: {} }, resources: [{ path: "/orders/:id", topic: "bestellung/:id" }] });
    await connect(gateway, headers, "bestellung/1");
    expect(await refusal(gateway, headers, "orders/1")).toEqual([403, "forbidden"]);
  });
});

describe("on a WebSocket", () => {
  test("each subscribe is asked about, and a refusal ends nothing", async () => {
    const gateway = await start();
    const headers = session(gateway, "ann-1");
    const reader = await keep(connectWebSocket({ url: gateway.url, topics: [], headers }));
    reader.send({ op: "subscribe", ref: 1, topics: ["orders/1", "menu"] });
    reader.send({ op: "subscribe", ref: 2, topics: ["orders/2"] });
    reader.send({ op: "subscribe", ref: 3, topics: ["orders/99"] });
    reader.send({ op: "subscribe", ref: 4, topics: ["orders/*"] });
    await reader.op("subscribed", 1);
    const codes = [];
    for (const ref of [2, 3, 4]) codes.push((await reader.op("error", ref)).code);
    expect(codes).toEqual(["forbidden", "not-found", "forbidden"]);
    await isServed(gateway, reader, "orders/1");
  });

  test("a topic that was added is asked about again, too", async () => {
    const gateway = await start(SOON);
    await app.login("ann-3");
    const headers = session(gateway, "ann-3");
    const reader = await keep(connectWebSocket({ url: gateway.url, topics: ["menu"], headers }));
    reader.send({ op: "subscribe", ref: 1, topics: ["orders/3"] });
    await reader.op("subscribed", 1);
    await app.logout("ann-3");
    expect((await reader.inbox.untilEnd()).how).toBe(1008);
  });

  test("auth brings another Bearer of the app", async () => {
    const gateway = await start();
    const reader = await keep(connectWebSocket({ url: gateway.url, topics: ["menu"] }));
    reader.send({ op: "subscribe", ref: 1, topics: ["orders/1"] });
    expect((await reader.op("error", 1)).code).toBe("unauthorized");
    reader.send({ op: "auth", ref: 2, token: KEY.authorization.replace("Bearer ", "") });
    await reader.op("authorized", 2);
    reader.send({ op: "subscribe", ref: 3, topics: ["orders/1"] });
    await reader.op("subscribed", 3);
    await isServed(gateway, reader, "orders/1");
  });

  test("auth leaves the cookie of the handshake where it is", async () => {
    const gateway = await start();
    const token = (): string => tokenFor({ read: ["orders/77"] });
    const headers = { ...session(gateway, "ann-1"), authorization: `Bearer ${token()}` };
    const topics = ["orders/77", "orders/1"];
    const reader = await keep(connectWebSocket({ url: gateway.url, topics, headers }));
    reader.send({ op: "auth", ref: 1, token: token() });
    await reader.op("authorized", 1);
    await isServed(gateway, reader, "orders/1");
    await isServed(gateway, reader, "orders/77");
  });

  test("and does not bring one in that was left out, since any page can have it sent", async () => {
    const gateway = await start();
    const token = tokenFor({ read: ["orders/77"] });
    const headers = { cookie: "session=ann-1", origin: "https://evil.example" };
    const options = { url: gateway.url, topics: ["orders/77"], headers };
    const reader = await keep(connectWebSocket({ ...options, accessToken: token }));
    reader.send({ op: "auth", ref: 1, token });
    await reader.op("authorized", 1);
    reader.send({ op: "subscribe", ref: 2, topics: ["orders/1"] });
    expect((await reader.op("error", 2)).code).toBe("unauthorized");
    for (const { headers: sent } of await app.asked()) expect(sent).not.toHaveProperty("cookie");
  });

  test("auth with what no header can hold is refused, and sends nothing to the app", async () => {
    const gateway = await start();
    const reader = await keep(connectWebSocket({ url: gateway.url, topics: ["orders/open"] }));
    await app.forget();
    for (const [ref, token] of ["a\r\nX-Evil: 1", "a\n", "\u{1f355}"].entries()) {
      reader.send({ op: "auth", ref, token });
      expect(["unauthorized", "invalid-message"]).toContain((await reader.op("error", ref)).code);
    }
    expect((await app.asked()).filter(({ headers }) => headers["authorization"] !== undefined)).toEqual([]);
  });
});

describe("the question", () => {
  test("is a GET of the resource's path under the client's own host", async () => {
    const gateway = await start();
    await gateway.get("/realtime/events?topic=orders/1", KEY);
    const [asked] = await app.asked();
    expect(asked).toMatchObject({ method: "GET", url: "/orders/1" });
    expect(Object.keys(asked?.headers ?? {}).toSorted()).toEqual([
      "accept",
      "authorization",
      "connection",
      "host",
      "sluice-access",
      "user-agent",
      "x-forwarded-for",
      "x-forwarded-proto",
    ]);
    expect(asked?.headers["host"]).toBe(new URL(gateway.url).host);
  });

  test("is a HEAD, under the app's host, where that is configured", async () => {
    const gateway = await start({ app: { method: "HEAD" } }, { app: { host: "app" } });
    expect((await gateway.get("/realtime/events?topic=orders/1", KEY)).status).toBe(200);
    const [asked] = await app.asked();
    expect(asked).toMatchObject({ method: "HEAD", headers: { host: new URL(app.url).host } });
  });

  test("is put once for a thousand requests with one credential", async () => {
    const gateway = await start();
    const statuses = new Set<number>();
    for (let batch = 0; batch < 10; batch += 1) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => gateway.get("/realtime/events?topic=orders/1", KEY)),
      );
      for (const { status } of answers) statuses.add(status);
    }
    expect([...statuses]).toEqual([200]);
    expect(await app.asked()).toHaveLength(1);
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    expect(metrics).toContain('sluice_access_questions_total{outcome="granted"} 1\n');
  });
});

describe("hostile topics", () => {
  const HOSTILE = [
    "orders/%2e%2e",
    "orders/..",
    "orders/../admin",
    "orders/.",
    "../admin",
    "//evil.example/orders/1",
    "http://evil.example/orders/1",
    "orders//1",
    "orders/1?admin=1",
    "orders/1#x",
    "orders/..\\admin",
    "orders/1\r\nX-Evil: 1",
    "orders/1 HTTP/1.1",
    "orders/\u0000",
    "orders/..;",
    "orders/..;x=1",
    "@evil.example/orders/1",
    "orders/1/2",
    "orders",
  ];

  test("never make the gateway ask the app for anything", async () => {
    const gateway = await start();
    for (const topic of HOSTILE) {
      const { status } = await gateway.get(`/realtime/events?topic=${encodeURIComponent(topic)}`, KEY);
      expect([topic, status]).toEqual([topic, status === 400 ? 400 : 403]);
    }
    expect(await app.asked()).toEqual([]);
  });

  test("whatever the topic: the app is asked for one segment under /orders/, and nothing else", async () => {
    const gateway = await start();
    const character = oneof(
      constantFrom(..."./\\%;@:?#&=+~ \u2025\uff0e\u2215\u0000\n".split("")),
      string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
    );
    const segment = array(character, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(""));
    await assert(
      asyncProperty(segment, async (id) => {
        await app.forget();
        await gateway.get(`/realtime/events?topic=${encodeURIComponent(`orders/${id}`)}`, KEY);
        for (const { url, headers } of await app.asked()) {
          expect(url).toMatch(/^\/orders\/[^/?#\\]+$/);
          expect(decodeURIComponent(url.slice("/orders/".length))).toBe(id);
          expect(headers["x-evil"]).toBeUndefined();
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("as a process", () => {
  let gateway: GatewayProcess | undefined;

  afterEach(() => gateway?.close());

  test("no cookie, key or token gets into its logs, and a lost app does, once", async () => {
    const shop = await AppProcess.start();
    const secrets = ["the-cookie-of-somebody", "the-bearer-of-somebody", "the-basic-of-somebody"];
    gateway = await GatewayProcess.start({
      app: shop.url,
      resources: [{ path: "/orders/:id" }],
      access: { public: ["menu"], app: { ttl: "100ms", recheck: "200ms", when_app_is_down: "end" } },
      logging: { level: "trace", format: "json" },
    });
    await shop.login(secrets[0] as string);
    const ways = [
      { cookie: `session=${secrets[0]}`, origin: gateway.url },
      { authorization: `Bearer ${secrets[1]}` },
      { authorization: `Basic ${secrets[2]}` },
    ];
    const ask = async (): Promise<void> => {
      for (const headers of ways) {
        const response = await fetch(`${gateway?.url}/realtime/events?topic=orders/1&access_token=x`, { headers });
        await response.text();
      }
    };
    await ask();
    const reader = await keep(
      connectWebSocket({ url: gateway.url, topics: ["orders/open"], headers: ways[0] as Record<string, string> }),
    );
    await shop.stop();
    await ask();
    await reader.inbox.untilEnd();
    await gateway.kill("SIGTERM");
    const { output } = gateway;
    for (const secret of secrets) expect(output).not.toContain(secret);
    expect(output.split("the app that decides on access does not answer")).toHaveLength(2);
  });
});
