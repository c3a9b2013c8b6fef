import { request } from "undici";
import { describe, expect, test } from "vitest";
import { answerOf, type Answer } from "../support/publisher.ts";
import { RawConnection } from "../support/raw-connection.ts";
import { connectWebSocket } from "./drivers/websocket.ts";
import { useGateway, useReaders } from "./use.ts";

const ALL = ["polling", "long-polling", "sse", "websocket"];
const SIGNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  polling: {},
  "long-polling": { prefer: "wait=1" },
  sse: { accept: "text/event-stream" },
};

/** Name of the transport that answered. */
function nameOf(answer: Pick<Answer, "headers">): string {
  if (answer.headers["content-type"]?.startsWith("text/event-stream") === true) return "sse";
  return answer.headers["preference-applied"] === undefined ? "polling" : "long-polling";
}

describe("one URL, any transport", () => {
  const gateway = useGateway({ public: { cors: { origins: ["https://app.example"], credentials: true } } });
  const track = useReaders();
  // HEAD, since it ends on every transport.
  const ask = (query: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
    gateway.current.get(`/realtime/events?${query}`, headers, "HEAD");

  test.each([
    ["nothing", "", {}, "polling"],
    ["Accept: */*", "", { accept: "*/*" }, "polling"],
    ["Accept: application/json", "", { accept: "application/json" }, "polling"],
    ["Accept: text/event-stream", "", SIGNS["sse"], "sse"],
    ["text/event-stream among others", "", { accept: "text/html, Text/Event-Stream;q=0.5" }, "sse"],
    ["Prefer: wait", "", SIGNS["long-polling"], "long-polling"],
    ["wait", "&wait=1", {}, "long-polling"],
    ["sse before long-polling", "&wait=1", { ...SIGNS["sse"], prefer: "wait=1" }, "sse"],
    ["transport=polling over the headers", "&transport=polling", SIGNS["sse"], "polling"],
    ["transport=long-polling over the headers", "&transport=long-polling&wait=1", SIGNS["sse"], "long-polling"],
    ["transport=sse over the headers", "&transport=sse", SIGNS["long-polling"], "sse"],
  ] as const)("%s", async (_name, query, headers, expected) => {
    const answer = await ask(`topic=a${query}`, { ...headers });
    expect([answer.status, nameOf(answer)]).toEqual([200, expected]);
  });

  test("Upgrade: websocket comes before all other signs", async () => {
    const headers = { ...SIGNS["sse"], ...SIGNS["long-polling"] };
    await track(connectWebSocket({ url: gateway.current.url, topics: ["a"], headers }));
  });

  test("transport=websocket without an upgrade: 426, saying to what", async () => {
    const answer = await gateway.current.get("/realtime/events?topic=a&transport=websocket");
    expect([answer.status, answer.json()["code"]]).toEqual([426, "upgrade-required"]);
    expect(answer.headers["upgrade"]?.toLowerCase()).toBe("websocket");
  });

  test("no topic: 400 on all that need one", async () => {
    for (const headers of Object.values(SIGNS)) {
      const answer = await gateway.current.get("/realtime/events", headers);
      expect([answer.status, answer.json()["field"]]).toEqual([400, "topic"]);
    }
  });

  test("OPTIONS says what can be done", async () => {
    const answer = await gateway.current.get("/realtime/events", {}, "OPTIONS");
    expect(answer.status).toBeLessThan(300);
    const allow = (answer.headers["allow"] ?? "").split(/\s*,\s*/);
    expect(allow).toEqual(expect.arrayContaining(["GET", "HEAD", "OPTIONS", "POST"]));
  });

  test.each(["PUT", "DELETE", "PATCH"])("%s: 405 with Allow", async (method) => {
    const answer = await gateway.current.get("/realtime/events?topic=a", {}, method);
    expect([answer.status, answer.json()["code"]]).toEqual([405, "method-not-allowed"]);
    expect(answer.headers["allow"]).toContain("GET");
  });

  test.each(["/realtime", "/realtime/", "/realtime/nothing", "/realtime/events/", "/realtime/events/x", "/other", "/"])(
    "%s: 404, as a problem",
    async (path) => {
      const answer = await gateway.current.get(path);
      expect([answer.status, answer.json()["code"]]).toEqual([404, "not-found"]);
      expect(answer.headers["content-type"]).toContain("application/problem+json");
    },
  );

  test("a page of an allowed origin may read, and a preflight says so; another may not", async () => {
    const allowed = { origin: "https://app.example" };
    for (const headers of Object.values(SIGNS)) {
      const answer = await ask("topic=a", { ...headers, ...allowed });
      expect(answer.headers["access-control-allow-origin"]).toBe("https://app.example");
      expect(answer.headers["access-control-allow-credentials"]).toBe("true");
      expect(answer.headers["vary"]?.toLowerCase()).toContain("origin");
      const other = await ask("topic=a", { ...headers, origin: "https://evil.example" });
      expect(other.headers["access-control-allow-origin"]).toBeUndefined();
    }
    const exposed = (await ask("topic=a", allowed)).headers["access-control-expose-headers"]?.toLowerCase();
    for (const name of ["etag", "link"]) expect(exposed).toContain(name);
    const asked = {
      "access-control-request-method": "GET",
      "access-control-request-headers": "authorization,last-event-id,prefer",
    };
    const preflight = await gateway.current.get("/realtime/events?topic=a", { ...allowed, ...asked }, "OPTIONS");
    expect(preflight.status).toBeLessThan(300);
    expect(preflight.headers["access-control-allow-origin"]).toBe("https://app.example");
    expect(preflight.headers["access-control-allow-methods"]).toContain("GET");
    const permitted = preflight.headers["access-control-allow-headers"]?.toLowerCase();
    for (const name of ["authorization", "last-event-id", "prefer"]) expect(permitted).toContain(name);
  });

  test("a fault is readable for a page of an allowed origin", async () => {
    const answer = await gateway.current.get("/realtime/events?topic=a//b", { origin: "https://app.example" });
    expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([400, "https://app.example"]);
  });
});

describe.each(ALL)("with %s switched off", (off) => {
  const gateway = useGateway({ transports: { [off]: false } });
  const track = useReaders();

  test("it answers 406 and lists those that are on; the others work", async () => {
    for (const name of ["polling", "long-polling", "sse"]) {
      const answer = await gateway.current.get(
        "/realtime/events?topic=a&after=earliest",
        SIGNS[name],
        name === off ? "GET" : "HEAD",
      );
      if (name !== off) {
        expect([answer.status, nameOf(answer)]).toEqual([200, name]);
        continue;
      }
      expectListed(answer);
    }
    const url = `${gateway.current.url}/realtime/events?topic=a&transport=${off}`;
    expectListed(await answerOf(await request(url)));
    if (off !== "websocket") await track(connectWebSocket({ url: gateway.current.url, topics: ["a"] }));
  });

  function expectListed(answer: Answer): void {
    expect([answer.status, answer.json()["code"]]).toEqual([406, "transport-off"]);
    for (const name of ALL) if (name !== off) expect(answer.text).toContain(name);
  }
});

describe("other settings", () => {
  const elsewhere = useGateway({ public: { prefix: "/rt" } });
  const own = useGateway();

  test("the prefix is the operator's", async () => {
    expect((await elsewhere.current.get("/rt/events?topic=a")).status).toBe(200);
    expect((await elsewhere.current.get("/realtime/events?topic=a")).status).toBe(404);
  });

  test("comet is off unless it is switched on", async () => {
    for (const query of ["transport=iframe", "transport=iframe&callback=f"]) {
      const answer = await own.current.get(`/realtime/events?topic=a&${query}`);
      expect([answer.status, answer.json()["code"]]).toEqual([406, "transport-off"]);
    }
  });

  test.each([
    ["a broken request line", "NONSENSE\r\n\r\n", 400],
    ["no Host", "GET /realtime/events?topic=a HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
    ["a header without a colon", "GET /realtime/events?topic=a HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n", 400],
    [
      "two lengths",
      "POST /realtime/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
      400,
    ],
    [
      "a length beside chunks",
      "POST /realtime/events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
  ])("%s: a problem, whoever found it", async (_name, bytes, status) => {
    for (const url of [own.current.url, own.current.adminUrl]) {
      const connection = await RawConnection.open(url);
      connection.send(bytes);
      const received = await connection.untilClosed();
      expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(received.toLowerCase()).toContain("content-type: application/problem+json");
      expect(JSON.parse(received.slice(received.indexOf("\r\n\r\n") + 4))).toMatchObject({
        status,
        code: "bad-request",
      });
    }
  });
});
