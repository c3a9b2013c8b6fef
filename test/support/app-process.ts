import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { request } from "undici";

const SHOP = fileURLToPath(new URL("shop-app.ts", import.meta.url));

/** What the app was asked about its orders. */
export interface AskedOfApp {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An app behind the gateway, as its own process; see `shop-app.ts`. */
export class AppProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<AppProcess> {
    const child = spawn(process.execPath, [SHOP], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    return new AppProcess(child, Number(line.toString()));
  }

  /** Lets a session in; the user's name stands before its first `-`. */
  login(session: string): Promise<unknown> {
    return this.#control("POST", `login/${session}`);
  }

  logout(session: string): Promise<unknown> {
    return this.#control("POST", `logout/${session}`);
  }

  /** How it answers from now on: as it should, not at all, with 500, or by hanging up. */
  behave(manner: "well" | "silent" | "broken" | "gone"): Promise<unknown> {
    return this.#control("POST", `manner/${manner}`);
  }

  /** What it was asked since it was forgotten last. */
  async asked(): Promise<readonly AskedOfApp[]> {
    return (await this.#control("GET", "asked")) as readonly AskedOfApp[];
  }

  forget(): Promise<unknown> {
    return this.#control("DELETE", "asked");
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  async #control(method: "GET" | "POST" | "DELETE", path: string): Promise<unknown> {
    const { body } = await request(`${this.url}/control/${path}`, { method });
    return body.json();
  }
}
