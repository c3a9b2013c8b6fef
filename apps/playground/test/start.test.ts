import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { OrderView } from "../src/order.ts";
import { eventsOf } from "./memory-gateway.ts";
import { Started } from "./started.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

let folder: string;
let started: Started;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-playground-"));
  started = await Started.open(folder);
});

afterAll(async () => {
  started.signal("SIGTERM");
  await started.exitCode();
  await rm(folder, { recursive: true, force: true });
});

/** A printed command, run by a shell as a reader of the banner would; ended by the test. */
class Running {
  readonly #child;
  output = "";

  constructor(command: string) {
    this.#child = spawn(command, { shell: true, cwd: ROOT, detached: true, stdio: ["ignore", "pipe", "ignore"] });
    this.#child.stdout.on("data", (bytes: Buffer) => (this.output += bytes.toString()));
  }

  /** Ends the shell and what it started: a process group of their own. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    process.kill(-(this.#child.pid as number), "SIGTERM");
    await exit;
  }
}

async function connections(admin: string, transport: string): Promise<number> {
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  return Number(new RegExp(`sluice_connections\\{transport="${transport}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0);
}

async function order(shop: string, pizza: string): Promise<OrderView> {
  const response = await fetch(`${shop}/orders`, { method: "POST", body: new URLSearchParams({ pizza }) });
  expect(response.status).toBe(201);
  return (await response.json()) as OrderView;
}

describe.skipIf(process.platform === "win32")("the commands that it prints", () => {
  test("show an order on all four transports at once", async () => {
    const watching = {
      "long-polling": new Running(started.command("Long polling")),
      sse: new Running(started.command("Server-Sent Events")),
      websocket: new Running(started.command("WebSocket")),
    };
    try {
      for (const transport of Object.keys(watching)) {
        await vi.waitUntil(async () => (await connections(started.admin, transport)) === 1, { timeout: 15_000 });
      }
      const ordering = new Running(started.command("Then order:"));
      await vi.waitUntil(() => ordering.output.endsWith("}"));
      const { id } = JSON.parse(ordering.output) as OrderView;
      const placed = `"topic":"orders/${id}","type":"order.placed"`;
      for (const running of Object.values(watching)) {
        await vi.waitUntil(() => running.output.includes(placed), { timeout: 5_000 });
      }
      for (const running of [watching.sse, watching.websocket]) {
        await vi.waitUntil(() => running.output.includes(`"topic":"orders/${id}","type":"order.ready"`), {
          timeout: 5_000,
        });
      }
      const polling = new Running(started.command("Polling"));
      await vi.waitUntil(() => polling.output.endsWith("}"), { timeout: 5_000 });
      expect(polling.output).toContain(placed);
    } finally {
      for (const running of Object.values(watching)) await running.end();
    }
  });
});

describe("the shop and its gateway", () => {
  test("show the page, with the same commands", async () => {
    const page = (await (await fetch(started.shop)).text()).replaceAll(/<[^>]*>/g, "");
    for (const title of ["Polling", "Long polling", "Server-Sent Events", "WebSocket", "Then order:"]) {
      const command = started.command(title);
      expect(page).toContain(command.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`));
    }
    expect(page).not.toContain("{{");
  });

  test.skipIf(process.platform === "win32")(
    "lose nothing when the gateway is killed: it is started again",
    async () => {
      const before = await order(started.shop, "calzone");
      await vi.waitUntil(async () => (await eventsOf(started.gateway)).some(({ id }) => id === `${before.id}-1`));
      process.kill(started.gatewayPid, "SIGKILL");
      const during = await order(started.shop, "marinara");
      await started.untilSaid("The gateway is back");
      const ids = [before, during].flatMap(({ id }) => [1, 2, 3].map((revision) => `${id}-${revision}`));
      await vi.waitUntil(
        async () => {
          const seen = (await eventsOf(started.gateway)).map(({ id }) => id);
          return ids.every((id) => seen.includes(id));
        },
        { timeout: 20_000 },
      );
      const seen = (await eventsOf(started.gateway)).map(({ id }) => id);
      expect(seen.filter((id) => ids.includes(id)).sort()).toEqual(ids.sort());
    },
  );
});

describe("starting", () => {
  test("names the port that is taken, and the flag that takes another", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const { port } = squatter.address() as AddressInfo;
    for (const flag of ["public-port", "admin-port", "shop-port"]) {
      const args = ["--public-port", "0", "--admin-port", "0", "--shop-port", "0", `--${flag}`, String(port)];
      const refused = new Started(args);
      expect(await refused.exitCode()).toBe(1);
      expect(refused.stderr).toMatch(new RegExp(`^sluice: port ${port} is taken\\. .*npm start -- --${flag} \\d+\\n$`));
      expect(refused.stdout).toBe("");
    }
    squatter.close();
  });

  test.each([
    [["--shop-port", "many"], "--shop-port must be a port number"],
    [["--shop-port", "65536"], "--shop-port must be a port number"],
    [["--speed", "0"], "--speed must be a number above 0"],
    [["--sped", "2"], "Unknown option '--sped'"],
    [["2"], "Unexpected argument '2'"],
  ])("refuses %j in one line", async (args, expected) => {
    const refused = new Started(args);
    expect(await refused.exitCode()).toBe(2);
    expect(refused.stderr).toMatch(/^sluice: .*\n$/);
    expect(refused.stderr).toContain(expected);
  });

  test("takes what variables say, and flags rather than them", async () => {
    const refused = new Started([], { PLAYGROUND_SPEED: "-1" });
    expect(await refused.exitCode()).toBe(2);
    const helped = new Started(["--help"], { PLAYGROUND_SPEED: "-1" });
    expect(await helped.exitCode()).toBe(0);
    expect(helped.stdout).toContain("PLAYGROUND_PUBLIC_PORT");
  });
});

describe("stopping", () => {
  test.skipIf(process.platform === "win32").each(["SIGINT", "SIGTERM"] as const)(
    "by %s ends everything with 0, also with readers connected",
    async (signal) => {
      const data = await mkdtemp(join(tmpdir(), "sluice-playground-"));
      const other = await Started.open(data);
      const { admin, shop, gateway } = other;
      const reader = await fetch(`${gateway}/realtime/events?topic=orders/**`, {
        headers: { accept: "text/event-stream" },
      });
      await order(shop, "margherita");
      other.signal(signal);
      expect(await other.exitCode()).toBe(0);
      expect(other.stderr).toBe("");
      expect(await reader.text()).toContain('"type":"order.placed"');
      for (const url of [admin, shop, gateway]) await expect(fetch(url)).rejects.toThrow("fetch failed");
      await rm(data, { recursive: true, force: true });
    },
  );
});
