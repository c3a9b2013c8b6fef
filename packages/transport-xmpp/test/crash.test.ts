import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { mintToken } from "@sluice/access";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RawStream } from "./support/raw-stream.ts";
import { ask, bound, dataIn, enable, loggedIn, resume, subscribe } from "./support/streams.ts";
import { until } from "./support/until.ts";

const MAIN = fileURLToPath(new URL("../../../apps/gateway/src/main.ts", import.meta.url));
const SUPPORT = fileURLToPath(new URL("support", import.meta.url));
const SECRET = "a secret that is long enough for tests";
const PING = "<ping xmlns='urn:xmpp:ping'/>";

let directory: string;
let ports: readonly number[];
let gateway: ChildProcess;
const streams: RawStream[] = [];

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const found = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return found;
}

/** The gateway as a process of its own, with everything on disk. */
async function start(): Promise<void> {
  gateway = spawn(process.execPath, [MAIN, "serve", "--config", join(directory, "sluice.json")], { stdio: "inherit" });
  const answer = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${ports[1]}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until("the gateway", () => {
    if (gateway.exitCode !== null || gateway.signalCode !== null) throw new Error("The gateway has ended.");
    return answer();
  });
}

async function end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  const ended = once(gateway, "exit");
  gateway.kill(signal);
  await ended;
}

async function publish(topic: string, data: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ topic, data });
  const answer = await fetch(`http://127.0.0.1:${ports[1]}/events`, { method: "POST", headers, body });
  expect(answer.status).toBe(201);
}

const token = (): Promise<string> => mintToken({ secret: SECRET, subject: "ann", read: ["orders/**"], publish: [] });

async function ann(): Promise<RawStream> {
  const stream = await bound({ directPort: ports[3] as number }, await token());
  streams.push(stream);
  return stream;
}

async function annLoggedIn(): Promise<RawStream> {
  const stream = await loggedIn({ directPort: ports[3] as number }, await token());
  streams.push(stream);
  return stream;
}

/** What the file beside the log says of streams that were cut. */
function cutStreams(): number {
  const database = new DatabaseSync(join(directory, "data", "xmpp.db"), { readOnly: true });
  const row = database.prepare("SELECT count(*) AS count FROM cut_streams").get();
  database.close();
  return Number(row?.["count"]);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-crash-"));
  ports = await freePorts(4);
  const [http, admin, tcp, direct] = ports.map((port) => `127.0.0.1:${port}`);
  const tls = { cert: join(SUPPORT, "test-cert.pem"), key: join(SUPPORT, "test-key.pem") };
  const settings = {
    public: { listen: http },
    admin: { listen: admin },
    access: { jwt: { secret: SECRET } },
    log: { kind: "sqlite", path: join(directory, "data") },
    transports: { xmpp: { domain: "localhost", tcp: { listen: tcp, direct_tls: direct, tls } } },
    drain: { spread: "0s" },
    logging: { level: "error" },
  };
  await writeFile(join(directory, "sluice.json"), JSON.stringify(settings));
  await start();
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  if (gateway.exitCode === null && gateway.signalCode === null) await end("SIGKILL");
  await rm(directory, { recursive: true });
});

test("kill -9 under a live stream: it can't be resumed, and a new one with the same JID misses nothing", async () => {
  const first = await ann();
  await subscribe(first, "orders/1");
  const id = await enable(first);
  for (const n of [1, 2, 3]) await publish("orders/1", n);
  await until("all", () => dataIn(first.text).length === 3);
  first.send("<a xmlns='urn:xmpp:sm:3' h='1'/>");
  await ask(first, "get", PING, "localhost");
  await end("SIGKILL");
  await first.closed();
  await start();
  await publish("orders/1", 4);
  const second = await annLoggedIn();
  expect(await resume(second, id, 3)).toContain("<item-not-found ");
  second.destroy();
  const third = await ann();
  third.send("<presence/>");
  await until("the last", () => dataIn(third.text).includes(4));
  // What was acknowledged in the last second before the kill may come again.
  const again = dataIn(third.text);
  expect([1, 2, 3, 4].slice(-again.length)).toEqual(again);
  expect(again.length).toBeGreaterThanOrEqual(3);
});

test("kill -9 while a stream is cut: it goes on at the very stanza", async () => {
  const first = await ann();
  await subscribe(first, "orders/1");
  const id = await enable(first);
  for (const n of [1, 2, 3]) await publish("orders/1", n);
  await until("all", () => dataIn(first.text).length === 3);
  first.destroy();
  await until("the cut is on disk", () => cutStreams() === 1);
  await end("SIGKILL");
  await start();
  await publish("orders/1", 4);
  const second = await annLoggedIn();
  expect(await resume(second, id, 2)).toContain("<resumed ");
  await until("the last", () => dataIn(second.text).includes(4));
  expect(dataIn(second.text)).toEqual([3, 4]);
  // It lives again, so what was kept of it is not true any more: a kill now must not bring it back.
  expect(cutStreams()).toBe(0);
});

test("SIGTERM: live streams can be resumed after the start", async () => {
  const first = await ann();
  await subscribe(first, "orders/1");
  const id = await enable(first);
  await publish("orders/1", 1);
  await until("it", () => dataIn(first.text).includes(1));
  await end("SIGTERM");
  await start();
  await publish("orders/1", 2);
  const second = await annLoggedIn();
  expect(await resume(second, id, 1)).toContain("<resumed ");
  await until("the next", () => dataIn(second.text).includes(2));
  expect(dataIn(second.text)).toEqual([2]);
});
