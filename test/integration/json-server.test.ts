import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EventSource } from "eventsource";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { answerOf, type Answer } from "../support/publisher.ts";
import { newDirectory } from "../support/test-gateway.ts";
import { until } from "../support/until.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/json-server/", import.meta.url));
const JSON_SERVER = join(EXAMPLE, "node_modules/json-server/lib/cli/bin.js");
const GATEWAY = fileURLToPath(new URL("../../apps/gateway/src/main.ts", import.meta.url));

/** An event, without what differs from run to run. */
interface Told {
  readonly topic: string;
  readonly type: string;
  readonly data: unknown;
}

/** A program of the example in a process of its own. */
class Program {
  readonly #child: ChildProcess;
  output = "";

  constructor(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [script, ...args], { env: { PATH: process.env["PATH"], ...env } });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

let folder: string;
let app: Program;
let gateway: Program;
let front: string;

beforeAll(async () => {
  folder = await newDirectory();
  await copyFile(join(EXAMPLE, "db.json"), join(folder, "db.json"));
  // json-server can't say which port it got, so it is given one that was free a moment ago.
  const port = await freePort();
  app = new Program(JSON_SERVER, ["--host", "127.0.0.1", "--port", String(port), join(folder, "db.json")]);
  const url = `http://127.0.0.1:${port}`;
  await until("json-server to answer", async () => (await send("GET", `${url}/profile`)).status === 200);
  // The example's configuration as it is, but for addresses and the place of the log.
  gateway = new Program(GATEWAY, ["serve", "--config", join(EXAMPLE, "sluice.yaml")], {
    SLUICE_APP: url,
    SLUICE_PUBLIC_LISTEN: "127.0.0.1:0",
    SLUICE_ADMIN_LISTEN: "127.0.0.1:0",
    SLUICE_LOG_PATH: join(folder, "log"),
    SLUICE_LOGGING_FORMAT: "json",
  });
  front = await until("the gateway to be ready", () => /"public":"([^"]+)".*"msg":"ready"/.exec(gateway.output)?.[1]);
});

afterAll(async () => {
  await gateway.end();
  await app.end();
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** A request as `curl -X METHOD -d name=value` makes it. */
async function send(
  method: Method,
  url: string,
  form?: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const body = form && new URLSearchParams(form).toString();
  const type = form && { "content-type": "application/x-www-form-urlencoded" };
  return answerOf(await request(url, { method, headers: { ...type, ...headers }, ...(body && { body }) }));
}

function toldOf(event: Told): Told {
  const { topic, type, data } = event;
  return { topic, type, data };
}

interface Watching {
  readonly told: Readonly<Record<string, readonly Told[]>>;
  readonly close: () => void;
}

/** One reader by each transport that keeps a connection, on a URL of json-server's; what they were told, in order. */
async function watch(path: string): Promise<Watching> {
  const told: Record<string, Told[]> = { sse: [], websocket: [], "long-polling": [] };
  const take = (transport: string, text: string): void => {
    const message = JSON.parse(text) as Told & { readonly op?: string };
    if (message.op === undefined) told[transport]?.push(toldOf(message));
  };

  const source = new EventSource(`${front}${path}`);
  source.addEventListener("message", ({ data }) => take("sse", data as string));
  const socket = new WebSocket(`${front.replace("http", "ws")}${path}`);
  socket.on("message", (bytes: Buffer) => take("websocket", bytes.toString()));
  await Promise.all([new Promise((resolve) => source.addEventListener("open", resolve)), once(socket, "message")]);

  const leaving = new AbortController();
  // A tag to begin with, so that nothing is missed before the first question has arrived.
  const first = await send("GET", `${front}${path}`);
  const cursor = /after=([^>&]+)/.exec(first.headers["link"] as string)?.[1] as string;
  void poll(`"${cursor}"`);
  async function poll(tag: string): Promise<void> {
    const headers = { prefer: "wait=20", "if-none-match": tag };
    const answered = await request(`${front}${path}`, { headers, signal: leaving.signal }).catch(() => null);
    if (answered === null) return;
    const { events } = (await answered.body.json()) as { readonly events: readonly Told[] };
    for (const event of events) told["long-polling"]?.push(toldOf(event));
    return poll(answered.headers["etag"] as string);
  }

  return {
    told,
    close: () => {
      source.close();
      socket.terminate();
      leaving.abort();
    },
  };
}

async function untilAllAreTold(
  told: Readonly<Record<string, readonly Told[]>>,
  expected: readonly Told[],
): Promise<void> {
  await until(`${expected.length} events each`, () =>
    Object.values(told).every((events) => events.length >= expected.length),
  );
  expect(told).toEqual({ sse: expected, websocket: expected, "long-polling": expected });
}

describe("json-server behind the gateway", () => {
  test("answers as ever, and says where its changes are", async () => {
    const answer = await send("GET", `${front}/posts?author=Grace`);
    expect(answer).toMatchObject({ status: 200, headers: { "x-powered-by": "Express" } });
    expect(JSON.parse(answer.text)).toEqual([{ id: 2, title: "Hello again", author: "Grace" }]);
    expect(answer.headers["link"]).toMatch(/^<\/realtime\/events\?topic=posts&after=[^>]+>; rel="monitor"$/);
    // Not among the resources: the app's alone.
    const profile = await send("GET", `${front}/profile`);
    expect([profile.json(), profile.headers["link"]]).toEqual([{ name: "A little blog" }, undefined]);
    expect((await send("GET", `${front}/nothing`)).status).toBe(404);
  });

  test("shows what is created, on the same URL by every transport", async () => {
    const { told, close } = await watch("/posts");
    const created = await send("POST", `${front}/posts`, { title: "News", author: "Grace" });
    expect([created.status, created.json()]).toEqual([201, { id: 3, title: "News", author: "Grace" }]);
    await untilAllAreTold(told, [{ topic: "posts", type: "created", data: created.json() }]);
    close();
  });

  test("shows what is updated and deleted, and nothing of what is refused", async () => {
    const { id } = (await send("POST", `${front}/posts`, { title: "Draft", author: "Ada" })).json();
    const topic = `posts/${String(id)}`;
    const { told, close } = await watch(`/${topic}`);
    const replaced = await send("PUT", `${front}/${topic}`, { title: "Second draft" });
    expect(replaced).toMatchObject({ status: 200 });
    expect((await send("PUT", `${front}/posts/999`, { title: "Nobody's" })).status).toBe(404);
    const patched = await send("PATCH", `${front}/${topic}`, { author: "Grace" });
    expect(patched.json()).toEqual({ id, title: "Second draft", author: "Grace" });
    const deleted = await send("DELETE", `${front}/${topic}`);
    expect(deleted.status).toBe(200);
    await untilAllAreTold(told, [
      { topic, type: "updated", data: replaced.json() },
      { topic, type: "updated", data: patched.json() },
      { topic, type: "deleted", data: {} },
    ]);
    close();
  });

  test("loses nothing between reading and watching", async () => {
    const read = await send("GET", `${front}/posts/1`);
    const changed = await send("PATCH", `${front}/posts/1`, { title: "In between" });
    const monitor = /<([^>]+)>; rel="monitor"/.exec(read.headers["link"] as string)?.[1] as string;
    const { events } = (await send("GET", `${front}${monitor}`)).json() as { readonly events: readonly Told[] };
    expect(events.map(toldOf)).toEqual([{ topic: "posts/1", type: "updated", data: changed.json() }]);
  });

  test("gets compressed answers through as they are, and their events in plain", async () => {
    const read = await send("GET", `${front}/comments`);
    const long = "All work and no play. ".repeat(200);
    const created = await request(`${front}/comments`, {
      method: "POST",
      headers: { "content-type": "application/json", "accept-encoding": "gzip" },
      body: JSON.stringify({ body: long, postId: 1 }),
    });
    expect(created.headers["content-encoding"]).toBe("gzip");
    expect((await created.body.bytes()).length).toBeLessThan(500);
    const monitor = /<([^>]+)>; rel="monitor"/.exec(read.headers["link"] as string)?.[1] as string;
    const { events } = (await send("GET", `${front}${monitor}`)).json() as { readonly events: readonly Told[] };
    expect(events.map(toldOf)).toEqual([
      { topic: "comments", type: "created", data: { id: 2, body: long, postId: 1 } },
    ]);
  });

  test("is not asked by polls as long as nothing has changed", async () => {
    const asked = (): number => app.output.match(/GET \/posts\/2 /g)?.length ?? 0;
    const first = await send("GET", `${front}/posts/2`);
    const etag = first.headers["etag"] as string;
    await until("json-server to have logged it", () => asked() === 1);
    for (let poll = 0; poll < 5; poll += 1) {
      expect((await send("GET", `${front}/posts/2`, undefined, { "if-none-match": etag })).status).toBe(304);
    }
    const changed = await send("PATCH", `${front}/posts/2`, { title: "Hello at last" });
    const fresh = await send("GET", `${front}/posts/2`, undefined, { "if-none-match": etag });
    expect([fresh.status, fresh.json()]).toEqual([200, changed.json()]);
    await until("json-server to have logged it", () => asked() > 1);
    expect(asked()).toBe(2);
  });

  test("decides who may watch: what can't be got can't be watched", async () => {
    const stream = { accept: "text/event-stream" };
    expect(await send("GET", `${front}/posts/999`, undefined, stream)).toMatchObject({ status: 404 });
    expect(await send("GET", `${front}/realtime/events?topic=posts/999`)).toMatchObject({ status: 404 });
    expect(await send("GET", `${front}/realtime/events?topic=posts/2`)).toMatchObject({ status: 200 });
    // No resource, and a pattern: nothing that the app could be asked about.
    expect(await send("GET", `${front}/realtime/events?topic=profile`)).toMatchObject({ status: 401 });
    expect(await send("GET", `${front}/realtime/events?topic=posts/*`)).toMatchObject({ status: 401 });
  });
});
