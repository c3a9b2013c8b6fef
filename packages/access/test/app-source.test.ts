import { SluiceError } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AccessOptionsError, appSource, type AppSourceOptions } from "../src/index.ts";
import { bearer, filters, mayRead, outcome, until } from "./support/access.ts";
import { AppAccess, cookie, pathOfOrder } from "./support/app-access.ts";
import { sign } from "./support/tokens.ts";

let gateway: AppAccess;

beforeEach(async () => {
  gateway = await AppAccess.start();
});

afterEach(() => gateway.stop());

/** Puts another gateway, with these options, in the place of the one that each test has. */
async function restart(options: Partial<AppSourceOptions>): Promise<AppAccess> {
  await gateway.stop();
  gateway = await AppAccess.start(options);
  return gateway;
}

describe("who may GET it may read it", () => {
  test.each([
    [200, "granted", "granted"],
    [204, "granted", "granted"],
    [206, "granted", "granted"],
    [301, "forbidden", "unauthorized"],
    [302, "forbidden", "unauthorized"],
    [304, "forbidden", "unauthorized"],
    [400, "forbidden", "unauthorized"],
    [401, "unauthorized", "unauthorized"],
    [402, "forbidden", "unauthorized"],
    [403, "forbidden", "forbidden"],
    [404, "not-found", "not-found"],
    [410, "forbidden", "unauthorized"],
    [429, "forbidden", "unauthorized"],
    [500, "app-unavailable", "app-unavailable"],
    [503, "app-unavailable", "app-unavailable"],
    [599, "app-unavailable", "app-unavailable"],
  ])("a %i is %s, without credentials %s", async (status, withCredentials, without) => {
    gateway.app.status = status;
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe(withCredentials);
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe(without);
    expect(gateway.app.asked).toHaveLength(2);
  });

  test("a redirect is not followed", async () => {
    gateway.app.answer = (_, response) => response.writeHead(302, { location: "/login" }).end();
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("forbidden");
    expect(gateway.app.asked.map(({ url }) => url)).toEqual(["/orders/1"]);
  });

  test("an app that is down is told with the time to come back", async () => {
    gateway.app.status = 500;
    const principal = await gateway.access.identify({});
    const checking = gateway.access.check(principal, "read", filters("orders/1"));
    await expect(checking).rejects.toMatchObject({ status: 503, code: "app-unavailable", retryAfterSeconds: 2 });
  });

  test("an app that is not there, or hangs up, is down", async () => {
    gateway.app.answer = (request) => request.socket.destroy();
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("app-unavailable");
    gateway.app.answer = (request) => request.socket.end("HTTP/1.1 200 OK\r\ncontent-le");
    expect(await mayRead(gateway.access, {}, "orders/2")).toBe("app-unavailable");
    gateway.app.answer = (request) => request.socket.end("what is that?\r\n\r\n");
    expect(await mayRead(gateway.access, {}, "orders/3")).toBe("app-unavailable");
    gateway.app.answer = (request) =>
      request.socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    expect(await mayRead(gateway.access, {}, "orders/4")).toBe("app-unavailable");
    await gateway.app.stop();
    expect(await mayRead(gateway.access, {}, "orders/5")).toBe("app-unavailable");
  });

  test("an app that does not answer in time is down, at the time and not before", async () => {
    await restart({ timeoutMs: 5_000 });
    gateway.app.answer = () => undefined;
    const asking = mayRead(gateway.access, {}, "orders/1");
    await until(() => gateway.app.asked.length === 1);
    gateway.clock.advance(4_999);
    expect(await Promise.race([asking, new Promise((resolve) => setImmediate(resolve, "open"))])).toBe("open");
    gateway.clock.advance(1);
    expect(await asking).toBe("app-unavailable");
  });

  test("an answer that comes before the time ends has its time, whatever its body does", async () => {
    gateway.app.answer = (_, response) => response.writeHead(200).write("the beginning");
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("granted");
  });

  test("of several topics each is asked for, and the first refusal counts", async () => {
    gateway.app.statuses.set("/orders/2", 404).set("/orders/3", 403);
    expect(await mayRead(gateway.access, {}, "menu", "orders/1")).toBe("granted");
    expect(await mayRead(gateway.access, {}, "menu", "orders/1", "orders/2", "orders/3")).toBe("not-found");
    expect(gateway.app.asked.map(({ url }) => url).toSorted()).toEqual(["/orders/1", "/orders/2", "/orders/3"]);
  });

  test.each(["orders/*", "orders/**", "**", "*/1"])("the pattern %s stands for no path", async (pattern) => {
    expect(await mayRead(gateway.access, cookie("ann"), pattern)).toBe("forbidden");
    expect(await mayRead(gateway.access, {}, pattern)).toBe("unauthorized");
    expect(gateway.app.asked).toEqual([]);
  });

  test("a topic that stands for no path is not granted, nor is anything but reading", async () => {
    expect(await mayRead(gateway.access, cookie("ann"), "bills/1")).toBe("forbidden");
    const principal = await gateway.access.identify(cookie("ann"));
    expect(await outcome(gateway.access.check(principal, "publish", filters("orders/1")))).toBe("forbidden");
    expect(await outcome(gateway.access.check(principal, "hooks", filters("orders/1")))).toBe("forbidden");
    expect(gateway.app.asked).toEqual([]);
  });
});

describe("the question", () => {
  test("is a GET with the client's Cookie and Authorization, and nothing else of it", async () => {
    const credentials = { authorization: "Bearer of-the-app", cookie: "session=ann; theme=dark", accessToken: "x" };
    await mayRead(gateway.access, { ...credentials, site: "https://shop.example.org" }, "orders/1");
    expect(gateway.app.asked).toEqual([
      {
        method: "GET",
        url: "/orders/1",
        headers: {
          host: `127.0.0.1:${gateway.app.port}`,
          accept: "*/*",
          "user-agent": "sluice",
          "x-forwarded-for": "192.0.2.1",
          "x-forwarded-proto": "https",
          "sluice-access": "check",
          authorization: "Bearer of-the-app",
          cookie: "session=ann; theme=dark",
          connection: "keep-alive",
        },
      },
    ]);
  });

  test("is a HEAD where that is configured", async () => {
    await restart({ method: "HEAD" });
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("granted");
    expect(await mayRead(gateway.access, {}, "orders/2")).toBe("granted");
    expect(gateway.app.asked.map(({ method }) => method)).toEqual(["HEAD", "HEAD"]);
    expect(await gateway.app.connections()).toBe(1);
  });

  test.each([
    ["https://shop.example.org", "shop.example.org", "https"],
    ["http://shop.example.org:8080", "shop.example.org:8080", "http"],
    ["http://[::1]:8080", "[::1]:8080", "http"],
    ["http://", undefined, undefined],
    ["https://evil.example/path", undefined, undefined],
    ["https://a b", undefined, undefined],
    ["https://user@host", undefined, undefined],
    ["gopher://host", undefined, undefined],
    [undefined, undefined, undefined],
  ])("keeps the client's host where that is configured: %s", async (site, host, proto) => {
    await restart({ host: "keep" });
    await mayRead(gateway.access, { site }, "orders/1");
    const [asked] = gateway.app.asked;
    expect(asked?.headers["host"]).toBe(host ?? `127.0.0.1:${gateway.app.port}`);
    expect(asked?.headers["x-forwarded-proto"]).toBe(proto);
  });

  test("carries no token of ours, and the cookies that come with it", async () => {
    const token = bearer(await sign({ sub: "ann" }));
    gateway.app.status = 401;
    expect(await mayRead(gateway.access, { ...token, cookie: "session=1" }, "orders/1")).toBe("unauthorized");
    expect(await mayRead(gateway.access, { accessToken: await sign({ sub: "ann" }) }, "orders/1")).toBe("unauthorized");
    const sent = gateway.app.asked.map(({ headers }) => [headers["authorization"], headers["cookie"]]);
    expect(sent).toEqual([
      [undefined, "session=1"],
      [undefined, undefined],
    ]);
  });

  test("is not put for a token of ours that grants, nor for one that is over", async () => {
    const grants = { sluice: { read: ["orders/*"] } };
    expect(await mayRead(gateway.access, bearer(await sign(grants)), "orders/1")).toBe("granted");
    expect(await mayRead(gateway.access, bearer(await sign({ exp: 1 })), "orders/1")).toBe("unauthorized");
    expect(gateway.app.asked).toEqual([]);
  });

  test("is not put with credentials that no header can hold", async () => {
    for (const authorization of ["Bearer a\r\nX-Evil: 1", "Bearer \u{1f355}", "Bearer a\0b"]) {
      expect(await mayRead(gateway.access, { authorization }, "orders/1")).toBe("unauthorized");
    }
    expect(gateway.app.asked).toEqual([]);
  });

  test("passes bytes on as they came", async () => {
    await mayRead(gateway.access, { cookie: "name=\u00c3\u00a9" }, "orders/1");
    expect(gateway.app.asked[0]?.headers["cookie"]).toBe("name=\u00c3\u00a9");
  });

  test("goes on connections that are kept", async () => {
    const topics = Array.from({ length: 20 }, (_, index) => `orders/${index}`);
    for (const topic of topics) {
      expect(await mayRead(gateway.access, {}, topic)).toBe("granted");
    }
    expect(await gateway.app.connections()).toBe(1);
  });

  test("leaves the app room: at most 32 are put at once", async () => {
    let most = 0;
    const open: (() => void)[] = [];
    gateway.app.answer = (_, response) => {
      most = Math.max(
        most,
        open.push(() => void response.end()),
      );
    };
    const asking = Array.from({ length: 100 }, (_, index) => mayRead(gateway.access, cookie(`${index}`), "orders/1"));
    for (let answered = 0; answered < 100; answered += 1) {
      await until(() => open.length > 0 && (open.length === 32 || gateway.app.asked.length === 100));
      open.shift()?.();
    }
    expect(new Set(await Promise.all(asking))).toEqual(new Set(["granted"]));
    expect(most).toBe(32);
  });

  test("reads no more of a body than it must, and lets go of a connection that goes on and on", async () => {
    let written = 0;
    let isClosed = false;
    gateway.app.answer = (_, response) => {
      const chunk = Buffer.alloc(16_384);
      const write = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
      };
      response.on("drain", write).on("close", () => (isClosed = true));
      write();
    };
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("granted");
    await until(() => isClosed);
    // What was read, and what the sockets of both sides had room for.
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  test("does not wait for a body that stands still, and lets go of its connection", async () => {
    let isClosed = false;
    gateway.app.answer = (_, response) => {
      response.on("close", () => (isClosed = true));
      response.writeHead(200).write("the beginning");
    };
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("granted");
    gateway.clock.advance(1_999);
    gateway.app.answer = null;
    expect(await mayRead(gateway.access, {}, "orders/2")).toBe("granted");
    expect(isClosed).toBe(false);
    gateway.clock.advance(1);
    await until(() => isClosed);
  });

  test("takes no head without end for an answer", async () => {
    gateway.app.answer = (_, response) => response.writeHead(200, { "x-long": "x".repeat(70_000) }).end();
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("app-unavailable");
  });

  test("waits with ten thousand others at the most; who comes then is told to come back", async () => {
    gateway.app.answer = () => undefined;
    const asking = Array.from({ length: 10_000 }, (_, index) =>
      mayRead(gateway.access, cookie(`${index}`), "orders/1"),
    );
    await until(() => gateway.source.figures.asked === 10_000);
    expect(await mayRead(gateway.access, cookie("one too many"), "orders/1")).toBe("app-unavailable");
    expect(gateway.source.figures.asked).toBe(10_000);
    gateway.source.close();
    expect(new Set(await Promise.all(asking))).toEqual(new Set(["app-unavailable"]));
  });

  test("is put once more where a kept connection was closed in that moment, and not where a new one is", async () => {
    const seen = new WeakSet<object>();
    gateway.app.answer = (request, response) => {
      if (seen.has(request.socket)) return request.socket.destroy();
      seen.add(request.socket);
      return response.end();
    };
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("granted");
    expect(await mayRead(gateway.access, {}, "orders/2")).toBe("granted");
    expect(gateway.app.asked.map(({ url }) => url)).toEqual(["/orders/1", "/orders/2", "/orders/2"]);
    gateway.app.answer = (request) => request.socket.destroy();
    expect(await mayRead(gateway.access, {}, "orders/3")).toBe("app-unavailable");
    expect(gateway.app.asked).toHaveLength(4);
  });
});

describe("an answer holds", () => {
  test("for its time, for the same credentials and path", async () => {
    for (const credentials of [{}, cookie("ann"), cookie("bob"), bearer("opaque")]) {
      for (let count = 0; count < 3; count += 1) {
        expect(await mayRead(gateway.access, credentials, "orders/1")).toBe("granted");
      }
    }
    expect(gateway.app.asked).toHaveLength(4);
    gateway.clock.advance(9_999);
    await mayRead(gateway.access, cookie("ann"), "orders/1");
    expect(gateway.app.asked).toHaveLength(4);
    await mayRead(gateway.access, cookie("ann"), "orders/2");
    expect(gateway.app.asked).toHaveLength(5);
    gateway.clock.advance(1);
    gateway.app.status = 403;
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("forbidden");
    expect(gateway.app.asked).toHaveLength(6);
  });

  test("for a thousand clients with one credential: the app is asked once", async () => {
    const asking = Array.from({ length: 1_000 }, () => mayRead(gateway.access, cookie("ann"), "orders/1"));
    expect(new Set(await Promise.all(asking))).toEqual(new Set(["granted"]));
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("granted");
    expect(gateway.app.asked).toHaveLength(1);
    expect(gateway.source.figures).toEqual({ asked: 1, hits: 1, granted: 1, refused: 0, down: 0 });
  });

  test("also a refusal, and the same for everybody who waits for it; but not for as long", async () => {
    gateway.app.status = 404;
    const asking = Array.from({ length: 100 }, () => mayRead(gateway.access, {}, "orders/1"));
    expect(new Set(await Promise.all(asking))).toEqual(new Set(["not-found"]));
    gateway.app.status = 200;
    gateway.clock.advance(2_999);
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("not-found");
    gateway.clock.advance(1);
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("granted");
    expect(gateway.app.asked).toHaveLength(2);
  });

  test("a second where the app is down", async () => {
    gateway.app.status = 502;
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("app-unavailable");
    gateway.app.status = 200;
    gateway.clock.advance(999);
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("app-unavailable");
    gateway.clock.advance(1);
    expect(await mayRead(gateway.access, {}, "orders/1")).toBe("granted");
  });

  test("no longer than its time, where that is short, and not at all where it is none", async () => {
    await restart({ ttlMs: 0 });
    await mayRead(gateway.access, {}, "orders/1");
    await mayRead(gateway.access, {}, "orders/1");
    expect(gateway.app.asked).toHaveLength(2);
    await restart({ ttlMs: 500 });
    gateway.app.status = 401;
    await mayRead(gateway.access, {}, "orders/1");
    gateway.clock.advance(500);
    await mayRead(gateway.access, {}, "orders/1");
    expect(gateway.app.asked).toHaveLength(2);
  });

  test("for one host only, where the app sees the client's", async () => {
    const sites = ["https://a", "https://b", "http://a", "https://a"];
    const askAll = async (): Promise<void> => {
      for (const site of sites) {
        await mayRead(gateway.access, { site }, "orders/1");
      }
    };
    await askAll();
    expect(gateway.app.asked.map(({ headers }) => headers["x-forwarded-proto"])).toEqual(["https", "http"]);
    await restart({ host: "keep" });
    await askAll();
    expect(gateway.app.asked.map(({ headers }) => headers["host"])).toEqual(["a", "b", "a"]);
  });

  test("credentials are told apart, however they are put together", async () => {
    const all = [
      { cookie: "a" },
      { authorization: "a" },
      { authorization: "Token a", cookie: "b" },
      { authorization: "Token a b" },
      { authorization: "Token", cookie: "a b" },
      {},
    ];
    await Promise.all(all.map((credentials) => mayRead(gateway.access, credentials, "orders/1")));
    expect(gateway.app.asked).toHaveLength(all.length);
  });
});

describe("nothing in a topic makes the gateway ask for another path", () => {
  test.each([
    "orders/%2e%2e",
    "orders/..",
    "orders/.",
    "../orders/1",
    "//evil.example",
    "/orders/1",
    "orders//1",
    "orders/1?admin=1",
    "orders/1#x",
    "orders/a\\..\\b",
    "orders/a b",
    "orders/a\r\nHost: evil",
    "orders/\u0000",
    "http://evil.example/",
  ])("%j is no topic that can be asked for", async (topic) => {
    expect(await mayRead(gateway.access, cookie("ann"), topic)).toBe("invalid-filter");
    expect(gateway.app.asked).toEqual([]);
  });

  test.each([
    ["orders/..;", "/orders/..%3B"],
    ["orders/.;a=b", "/orders/.%3Ba%3Db"],
  ])("%s, a step up to some servers, is not asked for", async (topic) => {
    expect(await mayRead(gateway.access, cookie("ann"), topic)).toBe("forbidden");
    expect(gateway.app.asked).toEqual([]);
  });

  test.each([
    ["orders/...", "/orders/..."],
    ["orders/@evil.example", "/orders/%40evil.example"],
    ["orders/a;b=c", "/orders/a%3Bb%3Dc"],
    ["orders/a&b=c", "/orders/a%26b%3Dc"],
    ["orders/:80", "/orders/%3A80"],
    ["orders/\u{1f355}", "/orders/%F0%9F%8D%95"],
    ["orders/\uff0e\uff0e", "/orders/%EF%BC%8E%EF%BC%8E"],
    ["orders/\u2215etc", "/orders/%E2%88%95etc"],
    ["orders/$sys", "/orders/%24sys"],
  ])("%s is asked for whole", async (topic, path) => {
    expect(await mayRead(gateway.access, cookie("ann"), topic)).toBe("granted");
    expect(gateway.app.asked.map(({ url }) => url)).toEqual([path]);
  });

  test.each([
    "//evil.example/",
    "http://evil.example/",
    "orders/1",
    "",
    "/a/../b",
    "/a/..",
    "/a/%2e%2e/b",
    "/a/%2E/b",
    "/a/..%2fb",
    "/a/%5c..",
    "/a\\b",
    "/a b",
    "/a\r\nX: 1",
    "/a%0d%0ab",
    "/a%00",
    "/caf\u00e9",
    "/a#b",
    "/a/%zz",
  ])("and a rule that made %j of one would not make it ask", async (path) => {
    await restart({ pathOf: () => path });
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("forbidden");
    expect(gateway.app.asked).toEqual([]);
  });

  test.each(["/", "/a", "/a/", "/a/b?c=..&d=/../e", "/~a/b.c/...", "/a%20b"])("%s is a path", async (path) => {
    await restart({ pathOf: () => path });
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("granted");
    expect(gateway.app.asked.map(({ url }) => url)).toEqual([path]);
  });
});

test("the log tells once that the app is down, and once that it is back, and shows no credential", async () => {
  const secrets = { cookie: "session=geheim", authorization: "Bearer geheim", accessToken: "geheim" };
  for (const status of [200, 500, 503, 200, 401, 500]) {
    gateway.app.status = status;
    await mayRead(gateway.access, secrets, "orders/1");
    gateway.clock.advance(10_000);
  }
  await gateway.app.stop();
  await mayRead(gateway.access, secrets, "orders/1");
  const logged = gateway.logged.map((line) => JSON.parse(line) as { level: string; reason?: string });
  expect(logged.map(({ level, reason }) => [level, reason])).toEqual([
    ["warn", "status 500"],
    ["info", undefined],
    ["warn", "status 500"],
  ]);
  expect(gateway.logged.join("\n")).not.toContain("geheim");
  expect(gateway.source.figures).toEqual({ asked: 7, hits: 0, granted: 2, refused: 1, down: 4 });
});

describe("options that can't be used", () => {
  const good: AppSourceOptions = {
    url: "http://127.0.0.1:3000",
    host: "keep",
    method: "GET",
    timeoutMs: 30_000,
    ttlMs: 10_000,
    recheckMs: 60_000,
    whenAppIsDown: "keep",
    pathOf: pathOfOrder,
  };

  test.each<[Partial<AppSourceOptions>, string]>([
    [{ url: "ftp://app" }, "app.url"],
    [{ url: "http://app/path" }, "app.url"],
    [{ url: "no url" }, "app.url"],
    [{ timeoutMs: 0 }, "app.timeoutMs"],
    [{ ttlMs: -1 }, "app.ttlMs"],
    [{ recheckMs: Number.NaN }, "app.recheckMs"],
  ])("%j", (options, option) => {
    expect(() => appSource({ ...good, ...options })).toThrow(AccessOptionsError);
    expect(() => appSource({ ...good, ...options })).toThrow(option);
    const source = appSource(good);
    expect(() => source.reload({ ...good, ...options })).toThrow(AccessOptionsError);
    source.close();
  });

  test("a closed source answers that it can't tell", async () => {
    const source = appSource({ ...good, url: gateway.app.url });
    source.close();
    const { access } = gateway;
    const asker = await access.identify(cookie("ann"));
    await access.reload({ public: [], jwt: null, sources: [source] });
    const checking = access.check(asker, "read", filters("orders/1"));
    await expect(checking).rejects.toBeInstanceOf(SluiceError);
    expect(gateway.app.asked).toEqual([]);
  });
});
