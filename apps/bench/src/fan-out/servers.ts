import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "../servers/ports.ts";
import { ServerProcesses, type ServerCommand } from "../servers/server-process.ts";

/** How readers of a benchmark read. */
export type Kind = "ws" | "sse";

/** Where a server listens. */
interface Ports {
  readonly port: number;
  /** For publications, where they are not taken on the same one. */
  readonly admin: number;
}

/** A server that can be measured. */
export interface ServerKind {
  readonly name: string;
  /** What the generator is told about subscribing; `null`: this server does not know the kind. */
  subscribe(kind: Kind): readonly string[] | null;
  /** What the generator is told about publishing. */
  publish(ports: Ports): readonly string[];
  /** The command to start, in a folder of its own that is there while it runs. */
  command(folder: string, ports: Ports): Promise<ServerCommand>;
}

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
    publish: ({ admin }) => ["--pub-url", `http://127.0.0.1:${admin}`, "--pub-path", "/events", ...JSON_BODY],
    async command(folder, { port, admin }) {
      const config = join(folder, "sluice.json");
      await writeFile(
        config,
        JSON.stringify({
          public: { listen: `127.0.0.1:${port}` },
          admin: { listen: `127.0.0.1:${admin}` },
          access: { public: ["**"] },
          log: log === "memory" ? { kind: "memory" } : { kind: "sqlite", path: join(folder, "data") },
          limits: { connections_per_ip: 100_000 },
          logging: { level: "error" },
        }),
      );
      const options = [fileOf("../../../gateway/src/main.ts"), "serve", "--config", config];
      return { program: process.execPath, options };
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
    publish: () => ["--pub-path", "/pub/{topic}"],
    command: async (_, { port }) => ({
      program: process.execPath,
      options: [fileOf("./peers/ws-tuned.ts"), String(port)],
    }),
  },
  {
    name: "nchan-2w",
    subscribe: (kind) => PATHS[kind],
    publish: () => ["--pub-path", "/pub/{topic}"],
    async command(folder, { port }) {
      const text = await readFile(fileOf("./peers/nchan.conf"), "utf8");
      const config = join(folder, "nginx.conf");
      await writeFile(config, text.replaceAll("FOLDER", folder).replaceAll("PORT", String(port)));
      return { program: "/usr/sbin/nginx", options: ["-c", config] };
    },
  },
];

/** Starts the server, lets `use` work with it, and ends it. */
export async function withServer<Result>(
  server: ServerKind,
  use: (options: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const [port = 0, admin = 0] = await freePorts(2);
  const processes = await ServerProcesses.make();
  try {
    await processes.start(await server.command(processes.folder, { port, admin }), [port]);
    const pids = processes.pids.flatMap((pid) => ["--server-pid", String(pid)]);
    return await use(["--url", `http://127.0.0.1:${port}`, ...pids, ...server.publish({ port, admin })]);
  } finally {
    await processes.close();
  }
}
