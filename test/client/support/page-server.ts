import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "tsdown";

const PACKAGE = join(import.meta.dirname, "../../../packages/client");

const PAGE =
  "<!doctype html><title>test</title><script type=module>" +
  'import * as client from "/client.js"; import * as shared from "/shared.js"; window.sluice = { client, shared };' +
  "</script>";

/** An empty page with the client on its window, and beside it the client as browsers get it: bundled and minified. */
export class PageServer {
  readonly url: string;
  readonly #server: Server;
  readonly #directory: string;

  private constructor(server: Server, directory: string) {
    this.#server = server;
    this.#directory = directory;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  static async start(): Promise<PageServer> {
    const directory = await mkdtemp(join(tmpdir(), "sluice-page-"));
    await build({
      config: false,
      cwd: PACKAGE,
      entry: { client: "src/index.ts", shared: "src/shared/index.ts" },
      format: "esm",
      platform: "browser",
      target: "es2022",
      minify: true,
      fixedExtension: false,
      outDir: directory,
      dts: false,
      logLevel: "error",
    });
    const server = createServer((request, response) => {
      void answer(directory, request.url ?? "/").then(({ status, type, body }) =>
        response.writeHead(status, { "content-type": type }).end(body),
      );
    });
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new PageServer(server, directory)));
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function answer(
  directory: string,
  url: string,
): Promise<{ readonly status: number; readonly type: string; readonly body: string }> {
  const name = /^\/([\w.-]+\.js)$/.exec(url)?.[1];
  if (name === undefined) return { status: 200, type: "text/html", body: PAGE };
  try {
    return { status: 200, type: "text/javascript", body: await readFile(join(directory, name), "utf8") };
  } catch {
    return { status: 404, type: "text/plain", body: "" };
  }
}
