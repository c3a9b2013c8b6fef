import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { SluiceError, type EventLog } from "@sluice/core";
import { afterEach, describe, expect, test } from "vitest";
import { Front, memoryLog, type FrontOptions } from "./support/front.ts";
import { TestApp } from "./support/test-app.ts";

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly tag: string;
}

type Headers = Readonly<Record<string, string>>;

/** An app with one order, its own entity tags (unless told otherwise), and a gateway with a poll cache in front. */
class Setup {
  readonly app: TestApp;
  readonly front: Front;
  state = 1;
  appTag: ((state: number) => string) | null = (state) => `"v${state}"`;
  headers: Headers = {};

  private constructor(app: TestApp, front: Front) {
    this.app = app;
    this.front = front;
  }

  static async start(options: Partial<FrontOptions> = {}): Promise<Setup> {
    const app = await TestApp.start();
    const rules = [{ path: "/orders/:id", hasPollCache: true }, { path: "/plain/:id" }];
    const front = await Front.start({ url: app.url, rules, ...options });
    closing.push(app, front);
    const setup = new Setup(app, front);
    app.handler = (asked, response) => {
      const tag = setup.appTag?.(setup.state);
      const headers = { ...setup.headers, ...(tag === undefined ? {} : { etag: tag }) };
      if (tag !== undefined && asked.headers["if-none-match"]?.includes(tag) === true) {
        response.writeHead(304, headers).end();
      } else {
        response.writeHead(200, headers).end(asked.method === "HEAD" ? undefined : `state ${setup.state}`);
      }
    };
    return setup;
  }

  async get(path: string, headers: Headers = {}, method = "GET"): Promise<Answer> {
    const asked = request(this.front.url + path, { headers, method, agent: false }).end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    let text = "";
    for await (const chunk of answer.setEncoding("utf8")) text += String(chunk);
    return { status: answer.statusCode ?? 0, headers: answer.headers, text, tag: answer.headers.etag ?? "" };
  }

  /** How many requests the app has seen since it was asked this last. */
  asked(): number {
    return this.app.seen.splice(0).length;
  }

  /** The app changes its order, and tells it. */
  async change(): Promise<void> {
    this.state += 1;
    await this.front.publish("orders/42", this.state);
  }
}

describe("a poll with the gateway's tag", () => {
  test.each([
    ["a strong tag", (state: number) => `"v${state}"`],
    ["a weak tag", (state: number) => `W/"v${state}"`],
    ["a tag with odd characters", (state: number) => `"\xe9,~${state}/!#"`],
    ["no tag", null],
  ])("of an app with %s is 304 without the app while nothing is new", async (_what, appTag) => {
    const setup = await Setup.start();
    setup.appTag = appTag;
    const first = await setup.get("/orders/42");
    expect(first).toMatchObject({ status: 200, text: "state 1" });
    expect(setup.asked()).toBe(1);
    for (let index = 0; index < 3; index += 1) {
      await setup.front.publish("orders/43");
      const again = await setup.get("/orders/42", { "if-none-match": first.tag });
      expect(again).toMatchObject({ status: 304, text: "", tag: first.tag });
      expect(again.headers.link).toBe(
        `</realtime/events?topic=orders/42&after=${setup.front.bus.cursor}>; rel="monitor"`,
      );
    }
    expect(setup.asked()).toBe(0);
    await setup.change();
    const changed = await setup.get("/orders/42", { "if-none-match": first.tag });
    expect(changed).toMatchObject({ status: 200, text: "state 2" });
    expect(setup.asked()).toBe(1);
    expect(await setup.get("/orders/42", { "if-none-match": changed.tag })).toMatchObject({ status: 304 });
    expect(setup.asked()).toBe(0);
  });

  test("stands for the time before the app was asked", async () => {
    const setup = await Setup.start();
    const { handler } = setup.app;
    setup.app.handler = (asked, response) => {
      setup.app.handler = handler;
      // What the app answers with is older than the event that is published meanwhile.
      void setup.front.publish("orders/42").then(() => response.writeHead(200, { etag: '"v1"' }).end("state 1"));
    };
    const first = await setup.get("/orders/42");
    setup.state = 2;
    expect(await setup.get("/orders/42", { "if-none-match": first.tag })).toMatchObject({
      status: 200,
      text: "state 2",
    });
  });

  test("is the app's own for the app: an event that changed nothing is a 304 with a new tag", async () => {
    const setup = await Setup.start();
    const first = await setup.get("/orders/42");
    await setup.front.publish("orders/42");
    setup.asked();
    const second = await setup.get("/orders/42", { "if-none-match": `"mine", ${first.tag}` });
    expect(setup.app.seen[0]?.headers["if-none-match"]).toBe('"mine", "v1"');
    expect(second.status).toBe(304);
    expect(second.tag).not.toBe(first.tag);
    expect(setup.asked()).toBe(1);
    expect(await setup.get("/orders/42", { "if-none-match": second.tag })).toMatchObject({ status: 304 });
    expect(setup.asked()).toBe(0);
  });

  test("HEAD, weak comparison and lists work as well", async () => {
    const setup = await Setup.start();
    const { tag } = await setup.get("/orders/42", {}, "HEAD");
    setup.asked();
    expect((await setup.get("/orders/42", { "if-none-match": `W/${tag.replace("W/", "")}` })).status).toBe(304);
    expect((await setup.get("/orders/42", { "if-none-match": `"a", ${tag} , "b"` }, "HEAD")).status).toBe(304);
    expect(setup.asked()).toBe(0);
  });

  test.each([
    ["another cookie", { cookie: "sid=bob" }],
    ["no cookie", {}],
    ["another user", { cookie: "sid=ann", authorization: "Basic Ym9iOg==" }],
    ["another language", { cookie: "sid=ann", "accept-language": "de" }],
    ["another format", { cookie: "sid=ann", accept: "text/html" }],
    ["another host", { cookie: "sid=ann", host: "other.example" }],
    ["another origin", { cookie: "sid=ann", origin: "https://other.example" }],
  ])("is nothing for a request with %s: the app is asked", async (_what, headers) => {
    const setup = await Setup.start();
    const { tag } = await setup.get("/orders/42", { cookie: "sid=ann" });
    expect((await setup.get("/orders/42", { cookie: "sid=ann", "if-none-match": tag })).status).toBe(304);
    expect(setup.asked()).toBe(1);
    await setup.get("/orders/42", { ...(headers as Headers), "if-none-match": tag });
    expect(setup.asked()).toBe(1);
  });

  test("is nothing for another URL, nor if it has been tampered with", async () => {
    const setup = await Setup.start();
    setup.appTag = null;
    const { tag } = await setup.get("/orders/42");
    await setup.front.publish("orders/42");
    const fresh = (await setup.get("/orders/42")).tag;
    setup.asked();
    const [newer = ""] = fresh.split("~");
    const forged = [newer, ...tag.split("~").slice(1)].join("~");
    for (const [path, given] of [
      ["/orders/43", fresh],
      ["/orders/42?full=1", fresh],
      ["/orders/42", forged],
      ["/orders/42", '"nonsense"'],
      ["/orders/42", "*"],
      ["/orders/42", "x"],
      ["/plain/42", fresh],
    ] as const) {
      expect((await setup.get(path, { "if-none-match": given })).status).toBe(200);
    }
    expect(setup.asked()).toBe(7);
  });

  test("goes on as a long poll of the same URL", async () => {
    const setup = await Setup.start();
    const { tag } = await setup.get("/orders/42");
    await setup.change();
    const page = await setup.get("/orders/42", { prefer: "wait=20", "if-none-match": tag });
    expect(JSON.parse(page.text)).toMatchObject({ events: [{ data: 2 }] });
  });

  test("is the app's own for a conditional change", async () => {
    const setup = await Setup.start();
    const { tag } = await setup.get("/orders/42");
    setup.asked();
    await setup.get("/orders/42", { "if-match": tag }, "PUT");
    expect(setup.app.seen[0]?.headers["if-match"]).toBe('"v1"');
    await setup.get("/orders/42", { "if-none-match": "*" }, "PUT");
    expect(setup.app.seen[1]?.headers["if-none-match"]).toBe("*");
  });

  test("is worth nothing once a change could not be published", async () => {
    const log = memoryLog();
    let isFull = false;
    const failing = new Proxy(log, {
      get: (target, name) => {
        if (name === "append" && isFull) return async () => Promise.reject(new SluiceError("log-unavailable", "Full."));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }) as EventLog;
    const setup = await Setup.start({ log: failing });
    const { tag } = await setup.get("/orders/42");
    expect((await setup.get("/orders/42", { "if-none-match": tag })).status).toBe(304);
    isFull = true;
    setup.state = 2;
    await setup.get("/orders/42", {}, "PUT");
    expect((await setup.get("/orders/42", { "if-none-match": tag })).text).toBe("state 2");
  });
});

describe("no tag of the gateway's", () => {
  test("where the app's own is sent: it works as ever", async () => {
    const setup = await Setup.start();
    expect((await setup.get("/orders/42", { "if-none-match": '"v1"' })).status).toBe(304);
    expect(setup.asked()).toBe(1);
  });

  test("for a resource without poll_cache", async () => {
    const setup = await Setup.start();
    expect((await setup.get("/plain/42")).tag).toBe('"v1"');
    expect((await setup.get("/plain/42", { "if-none-match": '"v1"' })).status).toBe(304);
    expect(setup.asked()).toBe(2);
  });

  test.each(["*", "User-Agent", "Cookie, X-Tenant"])(
    "where the answer varies by what is not bound: %s",
    async (vary) => {
      const setup = await Setup.start();
      setup.headers = { vary };
      expect((await setup.get("/orders/42")).tag).toBe('"v1"');
    },
  );

  test("where it varies by what is bound, there is one", async () => {
    const setup = await Setup.start();
    setup.headers = { vary: "Cookie, accept-encoding, Origin" };
    expect((await setup.get("/orders/42")).tag).not.toBe('"v1"');
  });

  test("for a part, or where the app's is very long", async () => {
    const setup = await Setup.start();
    expect((await setup.get("/orders/42", { range: "bytes=0-1" })).tag).toBe('"v1"');
    setup.appTag = () => `"${"x".repeat(400)}"`;
    expect((await setup.get("/orders/42")).tag).toBe(`"${"x".repeat(400)}"`);
  });
});
