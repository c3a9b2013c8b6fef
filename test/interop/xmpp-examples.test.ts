import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../apps/gateway/src/config/load-config.ts";
import { startGateway, type Gateway } from "../../apps/gateway/src/gateway.ts";
import { Chromium, reasonToSkip as reasonWithoutBrowser } from "../client/support/chromium.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { NEEDS, reasonToSkip } from "../support/needs.ts";
import { Publisher } from "../support/publisher.ts";
import { until } from "../support/until.ts";
import { dataIn } from "./xmpp/stock-client.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/xmpp/", import.meta.url));
const DOCUMENT = new URL("../../docs/xmpp.md", import.meta.url);
const STROPHE = fileURLToPath(new URL("../node_modules/strophe.js/dist/strophe.esm.js", import.meta.url));
const ACCOUNT = { XMPP_NAME: "kitchen", XMPP_PASSWORD: "correct-horse" };

let site: Server;
let gateway: Gateway;
let publisher: Publisher;
let tcp: CuttingProxy;
let http: CuttingProxy;
const processes: ChildProcess[] = [];

beforeAll(async () => {
  site = createServer((request, response) => {
    const [file, type] = request.url === "/" ? [`${EXAMPLES}watch.html`, "text/html"] : [STROPHE, "text/javascript"];
    response.setHeader("content-type", type);
    void readFile(file).then((bytes) => response.end(bytes));
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const settings = {
    app: `http://127.0.0.1:${(site.address() as AddressInfo).port}`,
    "public.listen": "127.0.0.1:0",
    "admin.listen": "127.0.0.1:0",
    "transports.xmpp.tcp.listen": "127.0.0.1:0",
    "log.kind": "memory",
    "logging.level": "silent",
  };
  const overrides = Object.entries(settings).map(([key, value]) => ({ key, value }));
  const loaded = await loadConfig({ path: `${EXAMPLES}sluice.yaml`, env: {}, mode: "serve", overrides });
  if ("faults" in loaded) throw new Error(JSON.stringify(loaded.faults));
  gateway = await startGateway({ config: loaded.config });
  publisher = new Publisher(gateway.adminUrl);
  tcp = await CuttingProxy.start(gateway.xmppPorts[0] as number);
  http = await CuttingProxy.start(Number(new URL(gateway.publicUrl).port));
});

afterEach(async () => {
  for (const child of processes.splice(0)) {
    const ended = once(child, "exit");
    if (child.kill("SIGKILL")) await ended;
  }
});

afterAll(async () => {
  await Promise.all([tcp.close(), http.close(), publisher.close()]);
  await gateway.close();
  site.close();
});

/** A program of the examples, as it is typed; the data of the events that it has printed. */
function run(program: string, given: readonly string[], variables: Readonly<Record<string, string>>): unknown[] {
  const env = { PATH: process.env["PATH"], ...variables };
  const child = spawn(program, given, { cwd: EXAMPLES, env, stdio: ["ignore", "pipe", "pipe"] });
  processes.push(child);
  const printed: unknown[] = [];
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split("\n");
    text = lines.pop() ?? "";
    printed.push(...lines.map(dataIn));
  });
  return printed;
}

/** Publishes until the reader has something: nobody says when it has subscribed. */
async function untilItReads(topic: string, seen: () => readonly unknown[]): Promise<void> {
  await until("a first event", async () => {
    if (seen().length > 0) return true;
    await publisher.publish({ topic, data: "are you there?" });
    return seen().length > 0;
  });
}

/** Breaks its connection off between two events; it has to come back for the second and third. */
async function expectToComeBack(topic: string, seen: () => readonly unknown[], proxy: CuttingProxy): Promise<void> {
  await untilItReads(topic, seen);
  await publisher.publish({ topic, data: 1 });
  await until("the first", () => seen().includes(1));
  expect(proxy.cut()).toBeGreaterThan(0);
  await publisher.publish({ topic, data: 2 });
  proxy.heal();
  await publisher.publish({ topic, data: 3 });
  await until("the third", () => seen().includes(3));
  expect(seen().filter((data) => typeof data === "number")).toEqual([1, 2, 3]);
}

describe("the XMPP clients of the documentation", () => {
  test("are printed in it as they are", async () => {
    const document = await readFile(DOCUMENT, "utf8");
    const files = (await readdir(EXAMPLES)).filter((name) => /^watch\.|^sluice\.yaml$/.test(name));
    expect(files.sort()).toEqual(["sluice.yaml", "watch.html", "watch.js", "watch.py"]);
    for (const file of files) {
      const text = await readFile(`${EXAMPLES}${file}`, "utf8");
      expect(document, file).toContain(`\n\`\`\`${file.split(".").at(-1)}\n${text}\`\`\`\n`);
    }
  });

  test("@xmpp/client: reads, is cut off, comes back", async () => {
    const seen = run("node", ["watch.js", `xmpp://localhost:${tcp.port}`, "orders/**"], ACCOUNT);
    await expectToComeBack("orders/node", () => seen, tcp);
  });

  test("@xmpp/client: as nobody, what is public", async () => {
    const seen = run("node", ["watch.js", `xmpp://localhost:${tcp.port}`, "orders/public/*"], {});
    await expectToComeBack("orders/public/node", () => seen, tcp);
  });

  const withoutSlixmpp = reasonToSkip(NEEDS.slixmpp);

  test.skipIf(withoutSlixmpp !== null)("slixmpp: reads, is cut off, comes back", async () => {
    const python = NEEDS.slixmpp.find() as string;
    const seen = run(python, ["watch.py", `127.0.0.1:${tcp.port}`, "orders/**"], ACCOUNT);
    await expectToComeBack("orders/python", () => seen, tcp);
  });

  const withoutBrowser = reasonWithoutBrowser();

  test.skipIf(withoutBrowser !== null)("Strophe in a page: reads, is cut off, comes back", async () => {
    const chromium = await Chromium.start();
    try {
      const page = await chromium.context.newPage();
      page.on("dialog", (dialog) => void dialog.accept(ACCOUNT.XMPP_PASSWORD));
      await page.goto(`http://127.0.0.1:${http.port}/`);
      let seen: readonly unknown[] = [];
      const looking = setInterval(() => {
        void page
          .locator("li")
          .allTextContents()
          .then(
            (lines) => (seen = lines.map(dataIn)),
            () => undefined,
          );
      }, 50);
      await expectToComeBack("orders/page", () => seen, http).finally(() => clearInterval(looking));
    } finally {
      await chromium.close();
    }
  });
});
