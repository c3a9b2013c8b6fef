import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestGateway } from "../support/test-gateway.ts";
import { until } from "../support/until.ts";
import { Chromium, reasonToSkip } from "./support/chromium.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../..");
const PNPM = "pnpm@12.21.0";
const skipped = reasonToSkip();

const NODE_PROJECT = `
import { connect, SluiceError } from "@sluice/client";
const sluice = connect(process.argv[2], { topics: "orders/**", last: 2 });
for await (const item of sluice) {
  console.log(item.gap ? "gap" : item.data.pizza);
  if (item.data.pizza === "last") break;
}
sluice.close();
console.log(typeof SluiceError);
`;

const VITE_PAGE = `<!doctype html><ul id="list"></ul><script type="module" src="/main.js"></script>`;
const VITE_MAIN = `
import { connect } from "@sluice/client/shared";
const sluice = connect(new URLSearchParams(location.search).get("gateway"), { topics: "orders/**", last: 2 });
sluice.on("event", ({ data }) => list.append(Object.assign(document.createElement("li"), { textContent: data.pizza })));
`;

/** What is published is what is packed: built, packed as for the registry, and installed from that file alone. */
describe("the packed client", () => {
  let home: string;
  let gateway: TestGateway;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "sluice-packed-"));
    gateway = await TestGateway.start({ public: { cors: { origins: ["*"] } } });
    const inPackage = { cwd: join(ROOT, "packages/client") };
    await run("npx", ["tsdown", "-F", "client"], { cwd: ROOT });
    await run("npx", ["--yes", PNPM, "pack", "--pack-destination", home], inPackage);
    const packed = (await readdir(home)).find((name) => name.endsWith(".tgz")) as string;
    await writeFile(join(home, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
    await run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${packed}`], { cwd: home });
    await gateway.publisher.publish(
      { topic: "orders/1", data: { pizza: "margherita" } },
      { topic: "orders/2", data: { pizza: "last" } },
    );
  });
  afterAll(async () => {
    await gateway.close();
    await rm(home, { recursive: true, force: true });
  });

  test("brings nothing but what it needs, and its types", async () => {
    expect(await readdir(join(home, "node_modules"))).not.toContain("undici");
    const files = await readdir(join(home, "node_modules/@sluice/client/dist"));
    expect(files).toEqual(expect.arrayContaining(["index.js", "index.d.ts", "shared.js", "shared.d.ts"]));
    expect(await readdir(join(home, "node_modules/@sluice/client"))).not.toContain("src");
  });

  test("runs in a plain Node project", async () => {
    await writeFile(join(home, "main.js"), NODE_PROJECT);
    const { stdout } = await run(process.execPath, ["main.js", gateway.url], { cwd: home });
    expect(stdout).toBe("margherita\nlast\nfunction\n");
  });

  test.skipIf(skipped !== null)(`runs in a Vite page${skipped === null ? "" : ` (skipped: ${skipped})`}`, async () => {
    const root = join(home, "page");
    await mkdir(root);
    await writeFile(join(root, "index.html"), VITE_PAGE);
    await writeFile(join(root, "main.js"), VITE_MAIN);
    await build({ root, configFile: false, logLevel: "error" });
    const server = await preview({ root, configFile: false, preview: { host: "127.0.0.1", port: 0 } });
    const chromium = await Chromium.start();
    try {
      const page = await chromium.context.newPage();
      await page.goto(`${server.resolvedUrls?.local[0]}?gateway=${encodeURIComponent(gateway.url)}`);
      await until("two items", async () => (await page.locator("li").count()) === 2);
      expect(await page.locator("li").allTextContents()).toEqual(["margherita", "last"]);
    } finally {
      await chromium.close();
      await server.close();
    }
  });
});
