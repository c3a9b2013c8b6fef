import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { request } from "undici";

const APP = fileURLToPath(new URL("plain-app.ts", import.meta.url));

/** The app of `plain-app.ts`, as its own process. */
export class PlainAppProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** @param port of an earlier one that has ended; default: any */
  static async start(port = 0): Promise<PlainAppProcess> {
    const child = spawn(process.execPath, [APP, String(port)], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    return new PlainAppProcess(child, Number(line.toString()));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** `GET /notes/1`, …: what it was asked since this was asked last. */
  async requests(): Promise<readonly string[]> {
    const { body } = await request(`${this.url}/requests`);
    return (await body.json()) as readonly string[];
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
