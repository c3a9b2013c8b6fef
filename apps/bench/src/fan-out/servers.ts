import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** How readers of a benchmark read. */
export type Kind = "ws" | "sse";

/** A server that can be measured. */
export interface ServerKind {
  readonly name: string;
  /** What the generator is told about subscribing; `null`: this server does not know the kind. */
  subscribe(kind: Kind): readonly string[] | null;
  /** What the generator is told about publishing. */
  readonly publish: readonly string[];
  /** The command to start, in a folder of its own that is there while it runs. */
  command(folder: string): Promise<readonly [program: string, ...options: string[]]>;
}

const PORT = 19_080;
const ADMIN_PORT = 19_081;
const READY_TRIES = 400;
/** How long a server may take to end. */
const PATIENCE_MS = 5000;
const JSON_BODY = [
  "--pub-header",
  "Content-Type: application/json",
  "--pub-body",
  '{"topic":"{topic}","data":{payload}}',
];
const PATHS = { ws: ["--sub-path", "/ws/{topic}"], sse: ["--sub-path", "/sse/{topic}"] } as const;

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The gateway as users run it, with events on the disk or in memory. */
function sluice(name: string, log: "sqlite" | "memory"): ServerKind {
  return {
    name,
    subscribe: (kind) =>
      kind === "ws"
        ? ["--sub-path", "/realtime/events?topic={topic}", "--step", "wait:welcome"]
        : ["--sub-path", "/realtime/events?topic={topic}&transport=sse"],
    publish: ["--pub-url", `http://127.0.0.1:${ADMIN_PORT}`, "--pub-path", "/events", ...JSON_BODY],
    async command(folder) {
      const config = join(folder, "sluice.json");
      await writeFile(
        config,
        JSON.stringify({
          public: { listen: `127.0.0.1:${PORT}` },
          admin: { listen: `127.0.0.1:${ADMIN_PORT}` },
          access: { public: ["**"] },
          log: log === "memory" ? { kind: "memory" } : { kind: "sqlite", path: join(folder, "data") },
          limits: { connections_per_ip: 100_000 },
          logging: { level: "error" },
        }),
      );
      return [process.execPath, fileOf("../../../gateway/src/main.ts"), "serve", "--config", config];
    },
  };
}

/** All that can be measured. nchan needs Debian's `nginx` and `libnginx-mod-nchan`. */
export const SERVERS: readonly ServerKind[] = [
  sluice("sluice", "sqlite"),
  sluice("sluice-memory", "memory"),
  {
    name: "ws-tuned",
    subscribe: (kind) => (kind === "ws" ? PATHS.ws : null),
    publish: ["--pub-path", "/pub/{topic}"],
    command: async () => [process.execPath, fileOf("./peers/ws-tuned.ts"), String(PORT)],
  },
  {
    name: "nchan-2w",
    subscribe: (kind) => PATHS[kind],
    publish: ["--pub-path", "/pub/{topic}"],
    async command(folder) {
      const text = await readFile(fileOf("./peers/nchan.conf"), "utf8");
      const config = join(folder, "nginx.conf");
      await writeFile(config, text.replaceAll("FOLDER", folder).replaceAll("PORT", String(PORT)));
      return ["/usr/sbin/nginx", "-c", config];
    },
  },
];

/** Starts the server, lets `use` work with it, and ends it. */
export async function withServer<Result>(
  server: ServerKind,
  use: (options: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  await chmod(folder, 0o777);
  const [program, ...options] = await server.command(folder);
  const child = spawn(program, options, { stdio: ["ignore", "ignore", "inherit"] });
  try {
    await listening(child, server.name);
    return await use(["--url", `http://127.0.0.1:${PORT}`, "--server-pid", String(child.pid), ...server.publish]);
  } finally {
    await end(child);
    await rm(folder, { recursive: true, force: true });
    await closed();
  }
}

/** By SIGTERM, on which a server ends its workers too; by force if it takes its time. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  await exited;
  clearTimeout(force);
}

async function listening(child: ChildProcess, name: string): Promise<void> {
  let failure: Error | null = null;
  child.once("error", (error) => {
    failure = error;
  });
  for (let tries = 0; tries < READY_TRIES; tries += 1) {
    // The answer to each try decides about the next.
    // oxlint-disable-next-line no-await-in-loop
    if (await isOpen()) return;
    if (failure !== null || child.exitCode !== null) throw new Error(`${name} did not start`, { cause: failure });
    // oxlint-disable-next-line no-await-in-loop
    await sleep(25);
  }
  throw new Error(`${name} does not listen on port ${PORT}`);
}

/** Workers of a peer may live on a little. */
async function closed(): Promise<void> {
  for (let tries = 0; tries < READY_TRIES; tries += 1) {
    // oxlint-disable-next-line no-await-in-loop
    if (!(await isOpen())) return;
    // oxlint-disable-next-line no-await-in-loop
    await sleep(25);
  }
  throw new Error(`port ${PORT} stays in use`);
}

function isOpen(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(PORT, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
