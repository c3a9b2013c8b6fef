import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { Front, type FrontOptions } from "./support/front.ts";
import { exchange, RawSocket } from "./support/raw-socket.ts";
import { RawApp, TestApp } from "./support/test-app.ts";

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
});

async function start(options: Partial<FrontOptions> = {}): Promise<{ app: TestApp; front: Front }> {
  const app = await TestApp.start();
  const front = await Front.start({ url: app.url, ...options });
  closing.push(app, front);
  return { app, front };
}

async function startRaw(options: Partial<FrontOptions> = {}): Promise<{ app: RawApp; front: Front }> {
  const app = await RawApp.start();
  const front = await Front.start({ url: app.url, ...options });
  closing.push(app, front);
  return { app, front };
}

const END = "Connection: close\r\n\r\n";

describe("the request", () => {
  test.each([
    "/",
    "/a/b?c=d&c=e",
    '//a/../b/./c%2F%2f%zz%00;x?x=[1]|{}"<>^`\\',
    "/%72ealtime/events",
    "/realtimes",
    "/Realtime/events",
    "/?",
    "/a#b",
  ])("keeps the URL byte for byte: %s", async (url) => {
    const { app, front } = await start();
    await exchange(front.port, `GET ${url} HTTP/1.1\r\nHost: shop.example\r\n${END}`);
    expect(app.seen.map((seen) => seen.url)).toEqual([url]);
  });

  test("a URL in absolute form counts more than Host", async () => {
    const { app, front } = await start();
    await exchange(front.port, `GET http://shop.example:81?x HTTP/1.1\r\nHost: other\r\n${END}`);
    expect(app.seen[0]?.url).toBe("/?x");
    expect(app.seen[0]?.headers.host).toBe("shop.example:81");
  });

  test("what is under the prefix never reaches the app", async () => {
    const { app, front } = await start();
    for (const url of [
      "/realtime",
      "/realtime/",
      "/realtime?x",
      "/realtime/../x",
      "http://h/realtime/none",
      "/realtime/resource",
    ]) {
      const got = await exchange(front.port, `GET ${url} HTTP/1.1\r\nHost: h\r\n${END}`);
      expect(got).toMatch(/^HTTP\/1\.1 404 /);
    }
    expect(app.seen).toEqual([]);
  });

  test.each(["DELETE", "OPTIONS", "PROPFIND", "QUERY", "REPORT", "PURGE", "TRACE", "M-SEARCH"])(
    "the method %s goes on",
    async (method) => {
      const { app, front } = await start();
      const got = await exchange(front.port, `${method} /x HTTP/1.1\r\nHost: h\r\n${END}`);
      expect(got).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(app.seen.map((seen) => seen.method)).toEqual([method]);
    },
  );

  test("OPTIONS * goes on", async () => {
    const { app, front } = await start();
    await exchange(front.port, `OPTIONS * HTTP/1.1\r\nHost: h\r\n${END}`);
    expect(app.seen.map((seen) => seen.url)).toEqual(["*"]);
  });

  test("headers go on as they are spelled, each line on its own, but for those of the connection", async () => {
    const { app, front } = await start();
    await exchange(
      front.port,
      "GET / HTTP/1.1\r\nhOsT: shop.example\r\nX-A: 1\r\nx-a: 2\r\nCookie: a=b\r\nX-Latin: \xe9\r\nKeep-Alive: 5\r\n" +
        "TE: trailers, deflate\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Connection: x\r\nX-Named: secret\r\n" +
        "Proxy: http://evil\r\nConnection: close, X-Named, Host, upgrade, cookies\r\n\r\n",
    );
    const { rawHeaders = [] } = app.seen[0] ?? {};
    expect(rawHeaders).toEqual(
      [
        ["Host", "shop.example", "X-A", "1", "x-a", "2", "Cookie", "a=b", "X-Latin", "\xe9"],
        ["X-Forwarded-For", "127.0.0.1", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "shop.example"],
        ["Forwarded", "for=127.0.0.1;host=shop.example;proto=http"],
        ["Via", expect.stringMatching(/^1\.1 sluice-[0-9a-f]{8}$/)],
        ["TE", "trailers", "Connection", "keep-alive, TE"],
      ].flat(),
    );
  });

  test("Host is the app's own, by config; the client's is told beside it", async () => {
    const { app, front } = await start({ app: { host: "app" } });
    await exchange(front.port, `GET / HTTP/1.1\r\nHost: shop.example\r\n${END}`);
    expect(app.seen[0]?.headers.host).toBe(new URL(app.url).host);
    expect(app.seen[0]?.headers["x-forwarded-host"]).toBe("shop.example");
  });

  test("HTTP/1.0 without a Host", async () => {
    const { app, front } = await start();
    app.handler = (_request, response) => {
      response.write("a");
      response.end("b");
    };
    const got = await exchange(front.port, "GET / HTTP/1.0\r\n\r\n");
    expect(got).toMatch(/\r\n\r\nab$/);
    expect(got).not.toMatch(/chunked/i);
    expect(app.seen[0]?.headers.host).toBe(new URL(app.url).host);
  });

  test("no client speaks in the gateway's name", async () => {
    const { app, front } = await start();
    await exchange(
      front.port,
      `GET / HTTP/1.1\r\nHost: h\r\nSluice-Access: check\r\nsluice_access: check\r\nX-Sluice: 1\r\n${END}`,
    );
    const names = (app.seen[0]?.rawHeaders ?? []).filter((text) => /sluice.access|x-sluice/i.test(text));
    expect(names).toEqual(["X-Sluice"]);
  });

  describe("what is said of the client", () => {
    const claims =
      "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: pub.example\r\n" +
      "X-Forwarded-Port: 443\r\nForwarded: for=203.0.113.9\r\nX_Forwarded_For: 10.0.0.1\r\nContent_Length: 7\r\n";

    test("is dropped if the client says it of itself", async () => {
      const { app, front } = await start();
      await exchange(front.port, `GET / HTTP/1.1\r\nHost: h\r\n${claims}${END}`);
      const { headers, rawHeaders = [] } = app.seen[0] ?? {};
      expect(headers).toMatchObject({
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "h",
        forwarded: "for=127.0.0.1;host=h;proto=http",
      });
      expect(headers).not.toHaveProperty("x-forwarded-port");
      expect(rawHeaders.filter((text) => text.includes("_"))).toEqual([]);
    });

    test("is carried on if a trusted proxy says it", async () => {
      const { app, front } = await start({ trustProxy: ["127.0.0.0/8"] });
      await exchange(front.port, `GET / HTTP/1.1\r\nHost: h:8080\r\n${claims}${END}`);
      const { headers, rawHeaders = [] } = app.seen[0] ?? {};
      expect(headers).toMatchObject({
        "x-forwarded-for": "203.0.113.9, 127.0.0.1",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "pub.example",
        "x-forwarded-port": "443",
        forwarded: 'for=203.0.113.9, for=127.0.0.1;host="h:8080";proto=http',
      });
      expect(rawHeaders.filter((text) => text.includes("_"))).toEqual([]);
    });
  });

  test("a body with a length, and one in chunks with trailers, also with GET", async () => {
    const { app, front } = await start();
    const got: unknown[] = [];
    app.handler = (request, response) => {
      let text = "";
      request.setEncoding("utf8");
      request.on("data", (chunk: string) => (text += chunk));
      request.on("end", () => {
        got.push([text, request.headers["content-length"], request.headers["transfer-encoding"], request.trailers]);
        response.end();
      });
    };
    await exchange(front.port, `GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n${END}abc`);
    const trailers = "X-Sum: 9\r\nHost: evil\r\nAuthorization: evil\r\nX_Forwarded_For: evil\r\n";
    await exchange(
      front.port,
      `POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n${END}3;x=y\r\nabc\r\n0\r\n${trailers}\r\n`,
    );
    await exchange(front.port, `PUT / HTTP/1.1\r\nHost: h\r\n${END}`);
    expect(got).toEqual([
      ["abc", "3", undefined, {}],
      ["abc", undefined, "chunked", { "x-sum": "9" }],
      ["", "0", undefined, {}],
    ]);
  });

  test("Expect: 100-continue is the app's to answer", async () => {
    const { app, front } = await start();
    let isAsked = false;
    app.server.on("checkContinue", (request: IncomingMessage, response) => {
      isAsked = true;
      if (request.url === "/no") {
        response.statusCode = 417;
        return response.end("no");
      }
      response.writeContinue();
      request.on("data", () => undefined).on("end", () => response.end("yes"));
      return undefined;
    });
    const raw = await RawSocket.open(front.port);
    raw.send("POST /yes HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    await raw.untilReceived("HTTP/1.1 100 Continue\r\n\r\n");
    expect(isAsked).toBe(true);
    raw.send("abc");
    await raw.untilReceived("yes");
    expect(raw.received.match(/100 Continue/g)).toHaveLength(1);
    raw.send("POST /no HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    await raw.untilClosed();
    expect(raw.received).toMatch(/HTTP\/1\.1 417 [\s\S]*no$/);
  });

  test("an app that knows no Expect gets the body from a client that does not wait", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    const behind = await app.connection();
    await behind.until("the body", () => behind.received.endsWith("\r\n\r\nabc"));
    behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await raw.untilReceived("\r\n\r\nok");
    expect(raw.received).not.toMatch(/100 Continue/);
  });

  test("a request that comes back to the gateway is refused", async () => {
    const { app, front } = await start();
    app.handler = (request, response) => {
      const again = httpRequest(
        `${front.url}${request.url}`,
        { headers: { via: request.headers.via ?? "" } },
        (answer) => {
          response.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(response);
        },
      );
      again.end();
    };
    const got = await exchange(front.port, `GET / HTTP/1.1\r\nHost: h\r\n${END}`);
    expect(got).toMatch(/^HTTP\/1\.1 502 [\s\S]*"code":"app-unreachable"/);
    expect(app.seen).toHaveLength(1);
  });
});

describe("the answer", () => {
  test("goes on as it is spelled, each line on its own, but for headers of the connection and the gateway's", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send(`GET / HTTP/1.1\r\nHost: h\r\n${END}`);
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send(
      "HTTP/1.1 299 Quite Fine\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Named: 1\r\nConnection: keep-alive, x-named\r\n" +
        "Keep-Alive: timeout=5\r\nSluice-Topic: x\r\nsluice-publish: off\r\nSluice-Any: x\r\nDate: then\r\n" +
        "Cache-Control: public\r\nX-Latin: \xe9\r\nContent-Length: 2\r\n\r\nok",
    );
    const got = await raw.untilClosed();
    expect(got).toBe(
      "HTTP/1.1 299 Quite Fine\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nDate: then\r\nCache-Control: public\r\n" +
        "X-Latin: \xe9\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    );
  });

  test.each([
    [
      "HEAD, with the length that a GET has",
      "HEAD",
      "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
      /Content-Length: 1000\r\n/,
    ],
    [
      "HEAD of a chunked one with trailers",
      "HEAD",
      "HTTP/1.1 200 OK\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\n\r\n",
      /200 OK/,
    ],
    ["204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", /204 No Content/],
    ["304", "GET", 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 7\r\n\r\n', /ETag: "x"/],
  ])("without a body: %s", async (_what, method, answer, expected) => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`);
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send(answer);
    await raw.untilReceived("\r\n\r\n");
    expect(raw.received).toMatch(expected);
    // Nothing follows: the next answer on the connection is read as one.
    raw.send("GET /two HTTP/1.1\r\nHost: h\r\n\r\n");
    const next = await Promise.race([app.connection(1), behind.untilReceived("GET /two").then(() => behind)]);
    await next.untilReceived("GET /two");
    next.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    await raw.untilReceived("two");
    expect(raw.received.split("\r\n\r\n")[1]).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("trailers", async () => {
    const { app, front } = await start();
    app.handler = (_request, response) => {
      response.writeHead(200, { trailer: "X-Sum" });
      response.write("abc");
      response.addTrailers({ "X-Sum": "9" });
      response.end();
    };
    const got = await exchange(front.port, `GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n${END}`);
    expect(got).toMatch(/trailer: X-Sum\r\n/);
    expect(got).toMatch(/\r\n0\r\nX-Sum: 9\r\n\r\n$/);
    const old = await exchange(front.port, "GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    expect(old).toMatch(/\r\n\r\nabc$/);
  });

  test("103 Early Hints come before it", async () => {
    const { app, front } = await startRaw();
    const raw = await RawSocket.open(front.port);
    raw.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    const behind = await app.connection();
    await behind.untilReceived("\r\n\r\n");
    behind.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nSluice-X: y\r\n\r\n");
    await raw.untilReceived("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await raw.untilReceived("ok");
    expect(raw.received).not.toMatch(/sluice-x/i);
  });

  test("its head goes out before its body is there, and each part as it comes", async () => {
    const { app, front } = await start();
    const { promise, resolve } = Promise.withResolvers<(text: string | null) => void>();
    app.handler = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      resolve((text) => void (text === null ? response.end() : response.write(text)));
    };
    const raw = await RawSocket.open(front.port);
    raw.send(`GET /own-stream HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n${END}`);
    await raw.untilReceived("\r\n\r\n");
    const write = await promise;
    write("data: 1\n\n");
    await raw.untilReceived("data: 1\n\n");
    write("data: 2\n\n");
    await raw.untilReceived("data: 2\n\n");
    write(null);
    expect(await raw.untilClosed()).toMatch(/0\r\n\r\n$/);
  });

  test("pipelined requests are answered in their order", async () => {
    const { app, front } = await start();
    const late: (() => void)[] = [];
    app.handler = (request, response) => {
      const answer = (): void => void response.end(`<${request.url}>`);
      if (request.url === "/1") late.push(answer);
      else {
        answer();
        response.once("finish", () => late.pop()?.());
      }
    };
    const raw = await RawSocket.open(front.port);
    raw.send(`GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n${END}`);
    const got = await raw.untilClosed();
    expect(got.indexOf("</1>")).toBeGreaterThan(0);
    expect(got.indexOf("</2>")).toBeGreaterThan(got.indexOf("</1>"));
  });

  test("an early one is seen by a client that still sends", async () => {
    const { app, front } = await start();
    app.handler = (_request, response) => {
      response.writeHead(413, { connection: "close" });
      response.end("too much");
    };
    const upload = httpRequest(`${front.url}/`, { method: "POST", headers: { "content-length": 50_000_000 } });
    upload.on("error", () => undefined);
    const filler = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (upload.write(filler)) if (upload.destroyed) return;
    };
    upload.on("drain", more);
    more();
    const [answer] = (await once(upload, "response")) as [IncomingMessage];
    expect(answer.statusCode).toBe(413);
    upload.destroy();
  });
});

describe("connections to the app", () => {
  test("are kept and used again", async () => {
    const { app, front } = await start();
    for (let index = 0; index < 5; index += 1) await (await fetch(`${front.url}/${index}`)).text();
    expect(app.seen).toHaveLength(5);
    expect(app.sockets.size).toBe(1);
  });

  test("one that the app closed while it was idle costs no request", async () => {
    const { app, front } = await startRaw();
    for (const round of [0, 1, 2]) {
      const raw = await RawSocket.open(front.port);
      raw.send(`GET /${round} HTTP/1.1\r\nHost: h\r\n${END}`);
      const behind = await app.connection(round);
      await behind.untilReceived("\r\n\r\n");
      behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      expect(await raw.untilClosed()).toMatch(/ok$/);
      // A reset is noticed later than the next request is sent.
      behind.socket.resetAndDestroy();
    }
  });

  test("a GET is sent again when its old connection breaks, a POST is not", async () => {
    const { app, front } = await startRaw();
    const prime = async (method: string): Promise<void> => {
      const raw = await RawSocket.open(front.port);
      raw.send(`${method} /prime HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n${END}`);
      const behind = await app.connection(app.connections.length);
      await behind.untilReceived("\r\n\r\n");
      behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      await raw.untilClosed();
    };
    for (const method of ["GET", "POST"]) {
      await prime(method);
      const kept = app.connections.at(-1) as RawSocket;
      const count = app.connections.length;
      const raw = await RawSocket.open(front.port);
      raw.send(`${method} /again HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n${END}`);
      await kept.untilReceived("/again");
      kept.socket.resetAndDestroy();
      if (method === "GET") {
        const fresh = await app.connection(count);
        await fresh.untilReceived("/again");
        fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain");
        expect(await raw.untilClosed()).toMatch(/again$/);
      } else {
        expect(await raw.untilClosed()).toMatch(/^HTTP\/1\.1 502 /);
        expect(app.connections).toHaveLength(count);
      }
    }
  });
});
