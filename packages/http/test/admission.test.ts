import { NO_GRANTS, SluiceError, isGranted, parseFilter, type Access } from "@sluice/core";
import { afterEach, describe, expect, test } from "vitest";
import { Echo } from "./support/echo.ts";
import { startGateway, type Gateway } from "./support/gateway.ts";

/** `Bearer NAME` or the cookie `who=NAME` may read and publish `NAME/**`; `Bearer bad` is no credential. */
const access: Access = {
  async identify(credentials) {
    const byCookie = /who=(\w+)/.exec(credentials.cookie ?? "")?.[1];
    const name = /^Bearer (\w+)$/.exec(credentials.authorization ?? "")?.[1] ?? credentials.accessToken ?? byCookie;
    if (name === "bad") throw new SluiceError("unauthorized", "The token is not valid.");
    const filters = name === undefined ? [] : [parseFilter(`${name}/**`)];
    return {
      subject: name ?? null,
      grants: { ...NO_GRANTS, read: filters, publish: filters },
      expiresAtMs: null,
      hasCredentials: name !== undefined,
      isByCookie: name !== undefined && name === byCookie,
      credentials,
    };
  },
  async check(principal, action, filters) {
    for (const filter of filters) {
      if (isGranted([parseFilter("open/**"), ...principal.grants[action]], filter)) continue;
      throw new SluiceError(principal.hasCredentials ? "forbidden" : "unauthorized", `No grant for ${filter.text}.`);
    }
  },
  guard: () => ({ replace: () => undefined, release: () => undefined }),
};

let gateway: Gateway;
let sse: Echo;

async function start(limits = {}, cors = { origins: ["https://app.example"], hasCredentials: true }): Promise<void> {
  sse = new Echo("sse", true);
  gateway = await startGateway({ transports: [new Echo("polling"), sse], access, limits, cors });
}

async function get(query: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.origin}/realtime/events?${query}`, { headers });
}

async function post(topic: string, headers: Record<string, string>): Promise<Response> {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers } };
  return fetch(`${gateway.origin}/realtime/events`, { ...init, body: JSON.stringify({ topic, data: 1 }) });
}

afterEach(() => gateway.close());

describe("grants", () => {
  test("without credentials 401 with WWW-Authenticate, with them 403", async () => {
    await start();
    const anonymous = await get("topic=ann/1");
    expect([anonymous.status, anonymous.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="sluice"']);
    expect((await get("topic=ann/1", { authorization: "Bearer bob" })).status).toBe(403);
    expect((await get("topic=ann/1", { authorization: "Bearer ann" })).status).toBe(200);
    expect((await get("topic=ann/1&access_token=ann")).status).toBe(200);
    expect((await get("topic=open/1")).status).toBe(200);
    expect((await get("topic=open/1&topic=ann/1")).status).toBe(401);
    expect(gateway.refused).toEqual(["polling unauthorized", "polling forbidden", "polling unauthorized"]);
  });

  test("credentials that are none are 401, whatever is asked for", async () => {
    await start();
    expect((await get("topic=open/1", { authorization: "Bearer bad" })).status).toBe(401);
    expect((await post("open/1", { authorization: "Bearer bad" })).status).toBe(401);
  });

  test("a refusal takes no seat", async () => {
    await start();
    await get("topic=ann/1&transport=sse");
    expect(gateway.seats.taken).toBe(0);
  });

  test("publishing takes a grant for each topic", async () => {
    await start();
    expect((await post("ann/1", {})).status).toBe(401);
    expect((await post("ann/1", { authorization: "Bearer bob" })).status).toBe(403);
    expect((await post("ann/1", { authorization: "Bearer ann" })).status).toBe(201);
  });
});

describe("cookies", () => {
  const cookie = "who=ann";

  test("a stream or a publication by cookie must come from an allowed origin", async () => {
    await start();
    const from = async (headers: Record<string, string>): Promise<number[]> => [
      (await get("topic=ann/1&transport=sse", { cookie, ...headers })).status,
      (await post("ann/1", { cookie, ...headers })).status,
    ];
    expect(await from({ origin: "https://evil.example" })).toEqual([403, 403]);
    expect(await from({ origin: "null" })).toEqual([403, 403]);
    expect(await from({ origin: `${gateway.origin}.evil.example` })).toEqual([403, 403]);
    expect(await from({})).toEqual([403, 403]);
    expect(await from({ "sec-fetch-site": "cross-site" })).toEqual([403, 403]);
    expect(await from({ origin: "https://app.example" })).toEqual([200, 201]);
    expect(await from({ origin: gateway.origin })).toEqual([200, 201]);
    // As browsers send an EventSource's GET to the page's own host.
    expect(await from({ "sec-fetch-site": "same-origin" })).toEqual([200, 201]);
  });

  test("what anybody may read, a foreign page may read too, and nothing by its cookie", async () => {
    await start();
    const foreign = { cookie, origin: "https://evil.example" };
    expect((await get("topic=open/1&transport=sse", foreign)).status).toBe(200);
    expect((await get("topic=open/1&topic=ann/1&transport=sse", foreign)).status).toBe(403);
  });

  test("a poll by cookie may come from anywhere: its answer can't be read there", async () => {
    await start();
    expect((await get("topic=ann/1", { cookie })).status).toBe(200);
    const foreign = await get("topic=ann/1", { cookie, origin: "https://evil.example" });
    expect([foreign.status, foreign.headers.get("access-control-allow-origin")]).toEqual([200, null]);
  });

  test("a token needs no origin", async () => {
    await start();
    const headers = { authorization: "Bearer ann", cookie: "who=bob", origin: "https://evil.example" };
    expect((await get("topic=ann/1&transport=sse", headers)).status).toBe(200);
  });

  test("* without credentials lets no cookie pass", async () => {
    const origin = "https://any.example";
    await start({}, { origins: ["*"], hasCredentials: false });
    expect((await get("topic=ann/1&transport=sse", { cookie, origin })).status).toBe(403);
    gateway.setCors({ origins: ["*"], hasCredentials: true });
    expect((await get("topic=ann/1&transport=sse", { cookie, origin })).status).toBe(200);
  });
});

describe("seats", () => {
  test("in all", async () => {
    await start({ connections: 2 });
    const ask = (): Promise<Response> => get("topic=open/1&transport=sse");
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
    const refused = await ask();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await refused.json()).toMatchObject({ code: "at-capacity" });
    expect((await get("topic=open/1")).status).toBe(200);
    sse.letGo();
    expect((await ask()).status).toBe(200);
  });

  test("per address, and limits that change while it runs", async () => {
    await start({ connectionsPerIp: 1 });
    const ask = (): Promise<Response> => get("topic=open/1&transport=sse");
    await ask();
    const refused = await ask();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(await refused.json()).toMatchObject({ code: "too-many-connections" });
    gateway.setLimits({ connectionsPerIp: 2 });
    expect((await ask()).status).toBe(200);
    sse.letGo();
    expect(gateway.seats.taken).toBe(0);
  });
});

describe("CORS", () => {
  const preflight = async (origin: string): Promise<Headers> => {
    const headers = {
      origin,
      "access-control-request-method": "GET",
      "access-control-request-headers": "last-event-id",
    };
    const response = await fetch(`${gateway.origin}/realtime/events`, { method: "OPTIONS", headers });
    expect(response.status).toBe(204);
    return response.headers;
  };

  test("a preflight of an allowed origin", async () => {
    await start();
    const headers = await preflight("https://app.example");
    expect(headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(headers.get("access-control-allow-credentials")).toBe("true");
    expect(headers.get("access-control-allow-headers")).toMatch(/Last-Event-ID/);
    expect(headers.get("access-control-allow-headers")).toMatch(/Prefer/);
    expect(headers.get("access-control-allow-methods")).toMatch(/POST/);
    expect(headers.get("vary")).toBe("Origin");
    expect(headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS");
  });

  test("one of another", async () => {
    await start();
    const headers = await preflight("https://evil.example");
    expect(headers.get("access-control-allow-origin")).toBe(null);
    expect(headers.get("vary")).toBe("Origin");
  });

  test("answers show what a page needs, faults too", async () => {
    await start();
    for (const query of ["topic=open/1", "topic=a//b", "topic=ann/1"]) {
      const { headers } = await get(query, { origin: "https://app.example" });
      expect(headers.get("access-control-allow-origin")).toBe("https://app.example");
      for (const name of ["ETag", "Link", "X-Poll-Interval", "Retry-After", "Preference-Applied", "WWW-Authenticate"]) {
        expect(headers.get("access-control-expose-headers")).toContain(name);
      }
    }
  });

  test("for all, and rules that change while it runs", async () => {
    await start({}, { origins: ["*"], hasCredentials: false });
    const first = await get("topic=open/1", { origin: "https://any.example" });
    expect(first.headers.get("access-control-allow-origin")).toBe("*");
    expect(first.headers.get("vary")).toBe(null);
    gateway.setCors({ origins: [], hasCredentials: false });
    const then = await get("topic=open/1", { origin: "https://any.example" });
    expect(then.headers.get("access-control-allow-origin")).toBe(null);
  });
});
