import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";
import { NEEDS } from "../../../../test/support/needs.ts";

/** The users of such a server; each one's name is the password too. */
export const USERS: readonly string[] = [
  "ann",
  "bob",
  "carol",
  "dave",
  "erin",
  "frank",
  "grace",
  "heidi",
  "ivan",
  "judy",
  "kim",
];
export const SECRET = "a shared secret";
/** Seconds for which a client that was cut off can resume its stream. */
const HIBERNATION_S = 4;

interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A user's own XMPP server, for `example.org`, as a process of the tests' own: on loopback, with a folder of its own. */
export abstract class XmppHost {
  readonly folder: string;
  readonly clientPort: number;
  readonly componentPort: number;
  #process: ChildProcess | null = null;
  #output = "";

  protected constructor(folder: string, clientPort: number, componentPort: number) {
    this.folder = folder;
    this.clientPort = clientPort;
    this.componentPort = componentPort;
  }

  /** Writes its configuration and accounts. */
  protected abstract prepare(): Promise<void>;

  protected abstract command(): Promise<Command>;

  /** Starts it, also anew, with all that it had. Resolves when it takes clients and components. */
  async start(): Promise<void> {
    await this.prepare();
    const { file, arguments: words, env } = await this.command();
    const child = spawn(file, words, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => (this.#output += String(data)));
    for (const port of [this.clientPort, this.componentPort]) {
      await until(`port ${port}`, () => {
        if (child.exitCode !== null) throw new Error(`No server:\n${this.#output}`);
        return isOpen(port);
      });
    }
  }

  /** In order: what it knows it keeps. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Debian's `prosody`. */
export class Prosody extends XmppHost {
  static async create(): Promise<Prosody> {
    return new Prosody(...(await place()));
  }

  protected async prepare(): Promise<void> {
    const { folder, clientPort, componentPort } = this;
    const accounts = join(folder, "data", "example%2eorg", "accounts");
    await mkdir(accounts, { recursive: true });
    for (const name of USERS) {
      await writeFile(join(accounts, `${name}.dat`), `return { ["password"] = "${name}" };`);
    }
    const lines = [
      process.getuid?.() === 0 ? "run_as_root = true" : "",
      `data_path = "${folder}/data"`,
      `pidfile = "${folder}/prosody.pid"`,
      `modules_enabled = { "disco", "roster", "saslauth", "smacks", "ping", "carbons", "blocklist" }`,
      `modules_disabled = { "s2s" }`,
      `smacks_hibernation_time = ${HIBERNATION_S}`,
      `c2s_interfaces = { "127.0.0.1" }; c2s_ports = { ${clientPort} }`,
      `c2s_require_encryption = false; allow_unencrypted_plain_auth = true`,
      `component_interfaces = { "127.0.0.1" }; component_ports = { ${componentPort} }`,
      `authentication = "internal_plain"`,
      `log = { { levels = { min = "info" }, to = "console" } }`,
      `VirtualHost "example.org"`,
      `Component "pubsub.example.org"`,
      `  component_secret = "${SECRET}"`,
    ];
    await writeFile(join(folder, "prosody.cfg.lua"), `${lines.join("\n")}\n`);
  }

  protected command(): Promise<Command> {
    const file = NEEDS.prosody.find() ?? "prosody";
    return Promise.resolve({ file, arguments: ["--config", join(this.folder, "prosody.cfg.lua"), "-F"], env: {} });
  }
}

/** Debian's `ejabberd`: without `ejabberdctl`, which wants a node with a name, and with it epmd. */
export class Ejabberd extends XmppHost {
  static async create(): Promise<Ejabberd> {
    return new Ejabberd(...(await place()));
  }

  protected async prepare(): Promise<void> {
    const { folder, clientPort, componentPort } = this;
    const settings = {
      loglevel: "info",
      hosts: ["example.org"],
      auth_method: "internal",
      listen: [
        { port: clientPort, ip: "127.0.0.1", module: "ejabberd_c2s", starttls: false },
        {
          port: componentPort,
          ip: "127.0.0.1",
          module: "ejabberd_service",
          hosts: { "pubsub.example.org": { password: SECRET } },
        },
      ],
      modules: {
        mod_disco: {},
        mod_ping: {},
        mod_roster: {},
        mod_privacy: {},
        mod_offline: {},
        mod_stream_mgmt: { resume_timeout: HIBERNATION_S },
      },
    };
    // YAML takes JSON.
    await writeFile(join(folder, "ejabberd.yml"), JSON.stringify(settings));
  }

  protected async command(): Promise<Command> {
    const { folder } = this;
    const wrapper = await readFile(NEEDS.ejabberd.find() ?? "ejabberdctl", "utf8");
    const libraries = /^ERL_LIBS='([^']+)'/m.exec(wrapper)?.[1] ?? (await erlangLibraries());
    const accounts = USERS.map((name) => `ejabberd_auth:try_register(<<"${name}">>,<<"example.org">>,<<"${name}">>)`);
    return {
      file: "erl",
      arguments: [
        "-noinput",
        "-mnesia",
        "dir",
        `"${folder}/spool"`,
        "-s",
        "ejabberd",
        "-eval",
        `${accounts.join(",")}.`,
      ],
      env: {
        ERL_LIBS: libraries,
        HOME: folder,
        EJABBERD_CONFIG_PATH: join(folder, "ejabberd.yml"),
        EJABBERD_LOG_PATH: join(folder, "ejabberd.log"),
        ERL_CRASH_DUMP_SECONDS: "0",
      },
    };
  }
}

async function erlangLibraries(): Promise<string> {
  for (const name of await readdir("/usr/lib")) {
    const inside = await readdir(join("/usr/lib", name)).catch(() => []);
    if (inside.some((file) => file.startsWith("ejabberd-"))) return join("/usr/lib", name);
  }
  throw new Error("The libraries of ejabberd are not where Debian has them.");
}

async function place(): Promise<[folder: string, clientPort: number, componentPort: number]> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-xmpp-"));
  return [folder, await freePort(), await freePort()];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
