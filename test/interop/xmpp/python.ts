import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NEEDS } from "../../support/needs.ts";
import { CERTIFICATE_PATH } from "../../support/certificate.ts";
import { until } from "../../support/until.ts";
import { dataIn, type Place, type StockClient, type StockClientFactory } from "./stock-client.ts";

/**
 * A script beside this, run by Debian's Python. It is told the port, the node and the certificate, and writes lines:
 * `ready` when it has subscribed, `back` when it has come back, and each event's JSON.
 */
class PythonClient implements StockClient {
  readonly data: unknown[] = [];
  readonly #script: string;
  readonly #place: Place;
  readonly #node: string;
  #process: ChildProcess | null = null;
  #errors = "";
  #state = "";

  constructor(script: string, place: Place, node: string) {
    this.#script = fileURLToPath(new URL(script, import.meta.url));
    this.#place = place;
    this.#node = node;
  }

  async start(): Promise<void> {
    const given = [this.#script, String(this.#place.tcpPort), this.#node, CERTIFICATE_PATH];
    const child = spawn(NEEDS.slixmpp.find() as string, given, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.data.push(dataIn(line));
      else this.#state = line;
    });
    child.stderr.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
    await until("the subscription", () => this.#is("ready"));
  }

  async comeBack(): Promise<void> {
    await until("the way back", () => this.#is("back"));
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  #is(state: string): boolean {
    if (this.#process?.exitCode !== null) throw new Error(`It has ended: ${this.#errors}`);
    return this.#state === state;
  }
}

export const slixmppByTcp: StockClientFactory = (place, node) => new PythonClient("slixmpp-reader.py", place, node);

export const aioxmppByTcp: StockClientFactory = (place, node) => new PythonClient("aioxmpp-reader.py", place, node);
