import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NEEDS } from "../../support/needs.ts";

/** What Tsung is to do: so many sessions log in as nobody, subscribe to a node, stay for a while, and go. */
export interface TsungLoad {
  readonly binding: "tcp" | "bosh";
  readonly port: number;
  readonly node: string;
  readonly sessions: number;
  readonly perSecond: number;
  readonly staySeconds: number;
}

/** Erlang's programs find each other by a daemon; this one is the test's own, on loopback. */
const LOOPBACK_ONLY = { ERL_EPMD_ADDRESS: "127.0.0.1", ERL_ZFLAGS: "-kernel inet_dist_use_interface {127,0,0,1}" };

/** Runs Tsung to its end; what it counted, by name: `finish_users_count`, `match`, `error_…`. */
export async function runTsung(load: TsungLoad): Promise<ReadonlyMap<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-tsung-"));
  const port = String(await freePort());
  const env = { ...process.env, ...LOOPBACK_ONLY, HOME: folder, ERL_EPMD_PORT: port };
  const daemon = spawn("epmd", ["-port", port], { env, stdio: "ignore" });
  try {
    await writeFile(join(folder, "scenario.xml"), scenario(load));
    const given = [
      "-n",
      "-F",
      "-I",
      "127.0.0.1",
      "-f",
      join(folder, "scenario.xml"),
      "-l",
      join(folder, "log"),
      "start",
    ];
    const tsung = spawn(NEEDS.tsung.find() as string, given, { env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [tsung.stdout, tsung.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await once(tsung, "close");
    const [run] = await readdir(join(folder, "log")).catch(() => []);
    if (run === undefined) throw new Error(`Tsung did not run: ${said}`);
    return totals(await readFile(join(folder, "log", run, "tsung.log"), "utf8"));
  } finally {
    daemon.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Lines are `stats: NAME LAST TOTAL`, with more columns for what is measured and not counted. */
function totals(log: string): ReadonlyMap<string, number> {
  const found = [...log.matchAll(/^stats: (\w+) \d+ (\d+)$/gm)];
  return new Map(found.map(([, name = "", total]) => [name, Number(total)]));
}

/** What there is in the answer to a subscription and nowhere else: a pattern, with dots for quotes, as an attribute can hold. */
const SUBSCRIBED = "subscription=.subscribed.";

/**
 * By TCP Tsung takes any bytes for the answer: the pauses let those of before arrive. The answer to the subscription is
 * waited for by its content, since events follow on its heels: by BOSH they come by the other of two connections, and Tsung
 * takes responses in the order in which its sockets are served, not by `rid`. On a busy machine an event was taken for the
 * answer then, and the answer, which the gateway had sent first, passed over (`nomatch`, without an error).
 */
function scenario({ binding, port, node, sessions, perSecond, staySeconds }: TsungLoad): string {
  const pause = binding === "tcp" ? `<thinktime value="1"/>` : "";
  const subscribe =
    `<iq xmlns='jabber:client' type='set' id='s' to='pubsub.localhost'>` +
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='${node}' jid='%%_jid%%'/></pubsub></iq>`;
  return `<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "/usr/share/tsung/tsung-1.0.dtd">
<tsung loglevel="notice" version="1.0">
  <clients><client host="localhost" use_controller_vm="true" maxusers="${sessions}"/></clients>
  <servers><server host="127.0.0.1" port="${port}" type="${binding}"/></servers>
  <load>
    <arrivalphase phase="1" duration="${Math.ceil(sessions / perSecond) + 5}" unit="second">
      <users maxnumber="${sessions}" arrivalrate="${perSecond}" unit="second"/>
    </arrivalphase>
  </load>
  <options>
    <option type="ts_jabber" name="domain" value="localhost"/>
    <option type="ts_jabber" name="userid_max" value="${sessions}"/>
    <option type="ts_jabber" name="username" value="tsung"/>
    <option type="ts_jabber" name="passwd" value="tsung"/>
    <option name="bosh_path" value="/realtime/http-bind"/>
  </options>
  <sessions>
    <session name="reader" probability="100" type="ts_jabber" bidi="true">
      <request><jabber type="connect" ack="local"/></request>${pause}
      <request><jabber type="auth_sasl_anonymous" ack="local"/></request>${pause}
      <request><jabber type="connect" ack="local"/></request>${pause}
      <request>
        <dyn_variable name="jid" re="&lt;jid&gt;([^&lt;]*)&lt;"/>
        <jabber type="auth_sasl_bind" ack="local"/>
      </request>${pause}
      <request subst="true">
        <match do="continue" when="nomatch">${SUBSCRIBED}</match>
        <jabber type="raw" ack="parse" regexp="${SUBSCRIBED}" data="${subscribe.replaceAll("<", "&lt;")}"/>
      </request>
      <thinktime value="${staySeconds}"/>
      <request><jabber type="close" ack="no_ack"/></request>
    </session>
  </sessions>
</tsung>
`;
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
