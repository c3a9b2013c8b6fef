import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePorts } from "../servers/ports.ts";
import { ServerProcesses } from "../servers/server-process.ts";
import type { ServerKind } from "../servers/server.ts";

const run = promisify(execFile);
const PUSHPIN = "/usr/bin/pushpin";
const ZURL = "/usr/bin/zurl";
const INTERNAL = "/usr/lib/pushpin/internal.conf";
const ZURL_CONFIG = "/etc/zurl.conf";
const BACKEND = fileURLToPath(new URL("programs/pushpin-backend.ts", import.meta.url));
const SETTLE_MS = 2500;
const ZURL_SOCKETS = "/var/run/zurl";

/**
 * Pushpin: a proxy that holds connections for an app behind it, which is part of what is measured. Nothing is kept for
 * those who come back: with it that is the app's business.
 */
export const pushpin: ServerKind = {
  name: "pushpin",
  transports: ["sse", "websocket"],
  hasMemory: () => false,
  async find() {
    try {
      const { stdout } = await run(PUSHPIN, ["--version"]);
      return { version: stdout.trim().replace(/^\D*/, "") };
    } catch {
      return { missing: "pushpin is not installed (Debian: pushpin)" };
    }
  },
  async start({ transport }) {
    const [port = 0, backend = 0, control = 0, ...others] = await freePorts(6);
    const processes = await ServerProcesses.make();
    const { folder } = processes;
    await configure(folder, { port, backend, control, others });
    await processes.start({ program: process.execPath, options: [BACKEND, String(backend)] }, [backend]);
    await processes.start({ program: ZURL, options: [`--config=${join(folder, "zurl.conf")}`, "--loglevel=1"] }, []);
    await processes.start({ program: PUSHPIN, options: [`--config=${join(folder, "pushpin.conf")}`] }, [port, control]);
    // Its processes listen before they have found each other; nothing tells when they have.
    await sleep(SETTLE_MS);
    const isSocket = transport === "websocket";
    const formats = isSocket
      ? '"ws-message":{"content":"{escaped}"}'
      : '"http-stream":{"content":"data: {escaped}\\n\\n"}';
    return {
      pids: processes.pids,
      target: isSocket
        ? { kind: "websocket", port, path: "/ws/{topic}", resume: null, opening: [{ wait: "READY" }], reply: null }
        : { kind: "sse", port, path: "/sse/{topic}" },
      publish: { port: control, path: "/publish/", body: `{"items":[{"channel":"{topic}","formats":{${formats}}}]}` },
      close: () => processes.close(),
    };
  },
};

interface Ports {
  readonly port: number;
  readonly backend: number;
  readonly control: number;
  readonly others: readonly number[];
}

/** All files of it in the folder, with ports and sockets of their own. */
async function configure(folder: string, { port, backend, control, others }: Ports): Promise<void> {
  const sockets = join(folder, "zurl");
  await mkdir(sockets);
  const [internal, zurl] = await Promise.all([readFile(INTERNAL, "utf8"), readFile(ZURL_CONFIG, "utf8")]);
  const own = (text: string): string => text.replaceAll(ZURL_SOCKETS, sockets);
  const [items = 0, subscribed = 0, commands = 0] = others;
  const config = `[global]
include=${join(folder, "internal.conf")}
rundir=${folder}
ipc_prefix=pushpin-
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:${port}
logdir=${folder}
log_level=1
client_buffer_size=8192
client_maxconn=15000
[proxy]
routesfile=${join(folder, "routes")}
sig_key=changeme
updates_check=off
[handler]
push_in_spec=tcp://127.0.0.1:${items}
push_in_sub_specs=tcp://127.0.0.1:${subscribed}
push_in_http_addr=127.0.0.1
push_in_http_port=${control}
command_spec=tcp://127.0.0.1:${commands}
stats_spec=ipc://{rundir}/{ipc_prefix}stats
message_rate=10000000
message_hwm=10000000
connection_subscription_max=20
`;
  await Promise.all([
    writeFile(join(folder, "pushpin.conf"), config),
    writeFile(join(folder, "internal.conf"), own(internal)),
    writeFile(join(folder, "zurl.conf"), own(zurl)),
    writeFile(join(folder, "routes"), `*,path_beg=/ws/ 127.0.0.1:${backend},over_http\n* 127.0.0.1:${backend}\n`),
  ]);
}
