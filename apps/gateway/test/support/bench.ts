import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { freePorts } from "../../../../test/support/gateway-process.ts";
import { sluice, SluiceProcess, type Ended } from "./sluice-process.ts";

/** A gateway in a process of its own. */
export interface ServedGateway {
  readonly process: SluiceProcess;
  readonly url: string;
  readonly adminUrl: string;
}

/** A folder for one test, and what runs in it. */
export class Bench {
  folder = "";
  #processes: SluiceProcess[] = [];

  async open(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), "sluice-cli-"));
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.splice(0).map((process) => process.close()));
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Writes the configuration that `serve` finds by itself. */
  async configure(settings: Readonly<Record<string, unknown>>): Promise<void> {
    const base = {
      public: { listen: "127.0.0.1:0" },
      admin: { listen: "127.0.0.1:0" },
      access: { public: ["**"] },
      drain: { spread: "200ms", timeout: "10s" },
    };
    await writeFile(join(this.folder, "sluice.json"), JSON.stringify({ ...base, ...settings }));
  }

  /** Starts a command and leaves it running. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): SluiceProcess {
    const process = new SluiceProcess(args, { cwd: this.folder, env });
    this.#processes.push(process);
    return process;
  }

  /** Runs a command to its end. */
  run(
    args: readonly string[],
    more: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<Ended> {
    return sluice(args, { cwd: this.folder, ...more });
  }

  /** Starts a gateway and waits until it is ready. */
  async serve(...args: readonly string[]): Promise<ServedGateway> {
    const process = this.start(["serve", ...args]);
    const ready = await process.until("readiness", () => process.json.find(({ msg }) => msg === "ready"));
    return { process, url: String(ready["public"]), adminUrl: String(ready["admin"]) };
  }

  /** The same, for a gateway that is going to be started again where it was. */
  async serveInPlace(): Promise<ServedGateway> {
    const [publicPort, adminPort] = await freePorts(2);
    return this.serve("--set", `public.listen=127.0.0.1:${publicPort}`, "--set", `admin.listen=127.0.0.1:${adminPort}`);
  }

  /** The same gateway once more, where it was. */
  again({ url, adminUrl }: ServedGateway): Promise<ServedGateway> {
    const at = (text: string): string => new URL(text).host;
    return this.serve("--set", `public.listen=${at(url)}`, "--set", `admin.listen=${at(adminUrl)}`);
  }

  /** Publishes numbers, one after the other. */
  async publish({ adminUrl }: ServedGateway, topic: string, numbers: readonly number[]): Promise<void> {
    const response = await fetch(`${adminUrl}/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(numbers.map((data) => ({ topic, data }))),
    });
    if (response.status !== 201) throw new Error(await response.text());
  }
}

/** A bench for each test of a file. */
export function useBench(): Bench {
  const bench = new Bench();
  beforeEach(() => bench.open());
  afterEach(() => bench.close());
  return bench;
}
