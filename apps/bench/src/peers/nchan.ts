import { execFile } from "node:child_process";
import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Target } from "../clients/targets.ts";
import { freePorts } from "../servers/ports.ts";
import { ServerProcesses } from "../servers/server-process.ts";
import type { ServerKind } from "../servers/server.ts";

const run = promisify(execFile);
const NGINX = "/usr/sbin/nginx";
const MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so";
const CONFIG = new URL("nchan.conf", import.meta.url);

/**
 * nchan: publish and subscribe in nginx, with one worker. It keeps what was published, and gives it to those who come
 * back by an event stream or a long poll; its plain WebSocket has no way to say where a reader was. Its pollers get one
 * event for each request, so they are not compared.
 */
export const nchan: ServerKind = {
  name: "nchan",
  transports: ["long-polling", "sse", "websocket"],
  hasMemory: (transport) => transport !== "websocket",
  async find() {
    try {
      await access(MODULE);
      const { stderr } = await run(NGINX, ["-v"]);
      return { version: `with ${stderr.trim().replace(/^.*: /, "")}` };
    } catch {
      return { missing: "nginx with its nchan module is not installed (Debian: nginx, libnginx-mod-nchan)" };
    }
  },
  async start({ transport }) {
    const [port = 0] = await freePorts(1);
    const processes = await ServerProcesses.make();
    const { folder } = processes;
    const text = await readFile(CONFIG, "utf8");
    const config = join(folder, "nginx.conf");
    const filled = text.replaceAll("FOLDER", folder).replaceAll("PORT", String(port)).replaceAll("MODULE", MODULE);
    await writeFile(config, filled);
    await processes.start({ program: NGINX, options: ["-c", config] }, [port]);
    return {
      pids: processes.pids,
      target: targetOf(transport, port),
      publish: { port, path: "/pub/{topic}", body: "{data}" },
      close: () => processes.close(),
    };
  },
};

function targetOf(transport: string, port: number): Target {
  if (transport === "sse") return { kind: "sse", port, path: "/sse/{topic}" };
  if (transport === "websocket") {
    return { kind: "websocket", port, path: "/ws/{topic}", resume: null, opening: [], reply: null };
  }
  const echo = [
    ["last-modified", "If-Modified-Since"],
    ["etag", "If-None-Match"],
  ] as const;
  return { kind: "poll", port, path: "/lp/{topic}", waiting: [], echo, intervalMs: null };
}
