import { once } from "node:events";
import { createServer, request as httpRequest, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { TestGateway } from "../../../test/support/test-gateway.ts";
import type { Settings } from "../../../test/support/settings.ts";

const XRD = "/.well-known/host-meta";
const JRD = `${XRD}.json`;
const CREATION = `<body xmlns="http://jabber.org/protocol/httpbind" rid="1" to="localhost" wait="1" hold="1"/>`;
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(settings: Settings = {}, xmpp: Settings = {}): Promise<TestGateway> {
  const gateway = await TestGateway.start({ ...settings, transports: { xmpp: { tcp: false, ...xmpp } } });
  closing.push(() => gateway.close());
  return gateway;
}

/** A gateway in front of an app that answers so. */
async function inFrontOf(app: RequestListener, xmpp: Settings = {}): Promise<TestGateway> {
  const server = createServer(app).listen(0, "127.0.0.1");
  closing.push(() => server.close());
  await once(server, "listening");
  return start({ app: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, xmpp);
}

/** The status for a Host that `fetch` would not send. */
async function statusFor(gateway: TestGateway, host: string): Promise<number | undefined> {
  const asking = httpRequest(`${gateway.url}${XRD}`, { headers: { host }, agent: false }).end();
  const [answer] = (await once(asking, "response")) as [{ statusCode?: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
}

const nothing: RequestListener = (_request, response) => void response.writeHead(404).end("the app's 404");

describe("host-meta", () => {
  test("leads to BOSH and WebSocket at the host that was asked, for pages of any origin", async () => {
    const gateway = await start({ public: { cors: { origins: ["https://a.example"], credentials: true } } });
    const { host } = new URL(gateway.url);
    const headers = { origin: "https://a.example" };
    const json = await fetch(`${gateway.url}${JRD}`, { headers });
    expect(json.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await json.json()).toEqual({
      links: [
        { rel: "urn:xmpp:alt-connections:xbosh", href: `http://${host}/realtime/http-bind` },
        { rel: "urn:xmpp:alt-connections:websocket", href: `ws://${host}/realtime/xmpp` },
      ],
    });
    const xrd = await fetch(`${gateway.url}${XRD}`, { headers });
    expect(xrd.headers.get("content-type")).toMatch(/^application\/xrd\+xml/);
    expect(await xrd.text()).toBe(
      `<?xml version="1.0" encoding="utf-8"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">` +
        `<Link rel="urn:xmpp:alt-connections:xbosh" href="http://${host}/realtime/http-bind"/>` +
        `<Link rel="urn:xmpp:alt-connections:websocket" href="ws://${host}/realtime/xmpp"/></XRD>`,
    );
    const preflight = await fetch(`${gateway.url}${XRD}`, { method: "OPTIONS", headers });
    expect(preflight.status).toBe(204);
    for (const answer of [json, xrd, preflight]) {
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
    }
    const head = await fetch(`${gateway.url}${XRD}`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await fetch(`${gateway.url}${XRD}`, { method: "POST" })).status).toBe(405);
  });

  test("names what is on alone, and is not there if nothing is", async () => {
    const socket = await start({}, { bosh: false });
    expect((await socket.get(JRD)).json()["links"]).toHaveLength(1);
    const neither = await start({}, { bosh: false, websocket: false });
    expect((await neither.get(JRD)).status).toBe(404);
  });

  test("behind a trusted proxy the host and scheme are those that the client used", async () => {
    const gateway = await start({ public: { trust_proxy: ["127.0.0.0/8"] } });
    const told = { "x-forwarded-proto": "https", "x-forwarded-host": "chat.example.org:8443" };
    const links = (await gateway.get(JRD, told)).json()["links"];
    expect(JSON.stringify(links)).toContain("https://chat.example.org:8443/realtime/http-bind");
    expect(JSON.stringify(links)).toContain("wss://chat.example.org:8443/realtime/xmpp");
    const untrusting = await start();
    expect(JSON.stringify((await untrusting.get(JRD, told)).json())).not.toContain("example");
  });

  test("a Host that is none makes no address", async () => {
    const gateway = await start();
    for (const host of ["a.example/path", "user@a.example", "a.example:port", `a.example"/><Link`, "a..example"]) {
      expect([host, await statusFor(gateway, host)]).toEqual([host, 400]);
    }
    for (const host of ["a.example", "a.example.:80", "[::1]:8080", "under_score"]) {
      expect([host, await statusFor(gateway, host)]).toEqual([host, 200]);
    }
  });
});

describe("host-meta with an app behind", () => {
  const cases: readonly (readonly [name: string, isOurs: boolean, app: RequestListener])[] = [
    ["has nothing there", true, nothing],
    ["answers everything with a page", true, (_, to) => to.writeHead(200, { "content-type": "text/html" }).end("app")],
    ["wants a login", true, (_, to) => to.writeHead(401).end("app")],
    ["leads to a login", true, (_, to) => to.writeHead(302, { location: "/login" }).end("app")],
    ["fails", true, (_, to) => to.writeHead(500).end("app")],
    ["has XRD", false, (_, to) => to.writeHead(200, { "content-type": "application/xrd+xml" }).end("app")],
    ["has JSON", false, (_, to) => to.writeHead(200, { "content-type": "application/json" }).end("app")],
    ["has a file", false, (_, to) => to.writeHead(200).end("app")],
    [
      "has it elsewhere",
      false,
      (from, to) => to.writeHead(301, { location: `https://x.example${from.url}` }).end("app"),
    ],
  ];
  test.each(cases)("an app that %s: the gateway's own: %s", async (_name, isOurs, app) => {
    const gateway = await inFrontOf(app);
    for (const path of [XRD, `${XRD}?x=1`, JRD]) {
      const { text, status } = await gateway.get(path);
      if (isOurs) expect([status, text.includes("/realtime/http-bind")]).toEqual([200, true]);
      else expect(text).toBe("app");
    }
  });

  test("everything but reading is the app's", async () => {
    const gateway = await inFrontOf(nothing);
    for (const method of ["POST", "OPTIONS"]) expect((await gateway.get(XRD, {}, method)).text).toBe("the app's 404");
    expect((await gateway.get(`${XRD}/x`)).text).toBe("the app's 404");
    const off = await inFrontOf(nothing, { bosh: false, websocket: false });
    expect((await off.get(XRD)).text).toBe("the app's 404");
  });
});

describe("/http-bind with an app behind", () => {
  const post = async (gateway: TestGateway, path: string): Promise<string> =>
    (await fetch(`${gateway.url}${path}`, { method: "POST", body: CREATION })).text();

  test("is the gateway's, as the one under the prefix", async () => {
    const gateway = await inFrontOf(nothing);
    for (const path of ["/http-bind", "/http-bind?x=1", "/realtime/http-bind"]) {
      expect(await post(gateway, path)).toContain("<mechanism>ANONYMOUS</mechanism>");
    }
    expect((await gateway.get("/http-bind")).status).toBe(405);
    for (const path of ["/http-bind/", "/http-bind/x", "/http-binder", "/x/http-bind", "/http%2dbind"]) {
      expect(await post(gateway, path)).toBe("the app's 404");
    }
  });

  test("is the app's without BOSH", async () => {
    expect(await post(await inFrontOf(nothing, { bosh: false }), "/http-bind")).toBe("the app's 404");
  });
});
