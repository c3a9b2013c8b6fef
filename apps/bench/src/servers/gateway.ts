import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PollTarget, Target } from "../clients/targets.ts";
import { freePorts } from "./ports.ts";
import { ServerProcesses } from "./server-process.ts";
import type { RunningServer, ServerKind, TransportCase } from "./server.ts";

const MAIN = fileURLToPath(new URL("../../../gateway/src/main.ts", import.meta.url));
const PACKAGE = new URL("../../../gateway/package.json", import.meta.url);
const DOMAIN = "localhost";
const HOOK_ORIGINS = 20;
const LONG_POLL_SECONDS = 30;
/** The default waits five minutes before the third attempt: a cut of five seconds would measure that. */
const HOOK_SCHEDULE: readonly string[] = ["0s", ...Array.from({ length: 19 }, () => "1s")];
const EVENTS_PATH = "/realtime/events?topic={topic}";

/** Our own gateway, as users run it: a process of its own, every event on the disk before it is acknowledged. */
export const gateway: ServerKind = gatewayWith("sluice", (folder) => ({ kind: "sqlite", path: join(folder, "data") }));

/** The same without the disk: what keeping events costs, and what compares with peers that keep none. */
export const gatewayInMemory: ServerKind = gatewayWith("sluice-memory", () => ({ kind: "memory" }));

function gatewayWith(name: string, logIn: (folder: string) => unknown): ServerKind {
  return {
    name,
    transports: ["polling", "long-polling", "sse", "websocket", "xmpp-tcp", "bosh", "xmpp-websocket", "rest-hooks"],
    hasMemory: () => true,
    async find() {
      const { version } = JSON.parse(await readFile(PACKAGE, "utf8")) as { readonly version: string };
      return { version };
    },
    start: (what) => start(what, logIn),
  };
}

interface Ports {
  readonly front: number;
  readonly admin: number;
  readonly xmpp: number;
}

async function start(what: TransportCase, logIn: (folder: string) => unknown): Promise<RunningServer> {
  const [front = 0, admin = 0, xmpp = 0] = await freePorts(3);
  const ports: Ports = { front, admin, xmpp };
  const processes = await ServerProcesses.make();
  const config = join(processes.folder, "sluice.json");
  await writeFile(config, JSON.stringify({ ...configuration(ports), log: logIn(processes.folder) }));
  const options = [MAIN, "serve", "--config", config];
  // The admin listener opens first, the public one last.
  await processes.start({ program: process.execPath, options }, [front]);
  return {
    pids: processes.pids,
    target: targetOf(what, ports),
    publish: { port: admin, path: "/events", body: '{"topic":"{topic}","data":{data}}' },
    close: () => processes.close(),
  };
}

function configuration({ front, admin, xmpp }: Ports): object {
  return {
    public: { listen: `127.0.0.1:${front}` },
    admin: { listen: `127.0.0.1:${admin}` },
    access: { public: ["**"] },
    limits: { connections_per_ip: 100_000 },
    transports: {
      xmpp: { domain: DOMAIN, tcp: { listen: `127.0.0.1:${xmpp}` }, bosh: true, websocket: true },
      "rest-hooks": { http: true, allow: ["127.0.0.0/8"], schedule: HOOK_SCHEDULE },
    },
    // A drain is for real clients: these are cut off.
    drain: { spread: "0s", timeout: "100ms" },
    logging: { level: "error" },
  };
}

function targetOf({ transport, intervalMs }: TransportCase, { front, admin, xmpp }: Ports): Target {
  const poll: PollTarget = {
    kind: "poll",
    port: front,
    path: `${EVENTS_PATH}&limit=1000`,
    waiting: [],
    echo: [["etag", "If-None-Match"]],
    intervalMs,
  };
  switch (transport) {
    case "polling":
      return poll;
    case "long-polling":
      return { ...poll, waiting: [`Prefer: wait=${LONG_POLL_SECONDS}`] };
    case "sse":
      return { kind: "sse", port: front, path: EVENTS_PATH };
    case "websocket":
      return {
        kind: "websocket",
        port: front,
        path: EVENTS_PATH,
        resume: "&after={cursor}",
        opening: [{ wait: '"op":"welcome"' }],
        reply: null,
      };
    case "xmpp-tcp":
      return { kind: "xmpp-tcp", port: xmpp, domain: DOMAIN };
    case "bosh":
      return { kind: "bosh", port: front, domain: DOMAIN, path: "/http-bind" };
    case "xmpp-websocket":
      return { kind: "xmpp-websocket", port: front, domain: DOMAIN, path: "/realtime/xmpp" };
    case "rest-hooks":
      return {
        kind: "hooks",
        port: admin,
        path: "/hooks",
        body: '{"target_url":"{target}","topics":["{topic}"]}',
        origins: HOOK_ORIGINS,
      };
    default:
      throw new Error(`the gateway has no transport ${transport}`);
  }
}
