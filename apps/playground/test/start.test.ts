import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { OrderView } from "../src/shop/order.ts";
import type { Setup } from "../src/stage/stage-protocol.ts";
import { connectionsOf, eventsOf } from "./parlour.ts";
import { LivePage } from "./stage/live-page.ts";
import { FREE_PORTS, Started } from "./started.ts";
import { WAIT } from "./wait.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Who watches besides: the cook by long polling, the stage by WebSocket. */
const OTHERS = new Map([
  ["long-polling", 1],
  ["websocket", 1],
]);

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

async function order(front: string, pizza: string): Promise<OrderView> {
  const response = await fetch(`${front}/orders`, { method: "POST", body: new URLSearchParams({ pizza }) });
  expect(response.status).toBe(201);
  return (await response.json()) as OrderView;
}

describe.skipIf(process.platform === "win32")("the commands that it prints", () => {
  test("show an order on every transport at once, and on the shop's own URL", async () => {
    const watching = {
      "long-polling": [new Running(started.command("Long polling"))],
      sse: [new Running(started.command("Server-Sent Events")), new Running(started.command("The shop's own URL"))],
      websocket: [new Running(started.command("WebSocket"))],
      xmpp: [new Running(started.command("XMPP"))],
    };
    const all = Object.values(watching).flat();
    const streams = [watching.sse[0], watching.websocket[0], watching.xmpp[0]].filter(
      (running) => running !== undefined,
    );
    try {
      for (const [transport, commands] of Object.entries(watching)) {
        const expected = commands.length + (OTHERS.get(transport) ?? 0);
        const areConnected = async (): Promise<boolean> => (await connectionsOf(started.admin, transport)) === expected;
        await vi.waitUntil(areConnected, WAIT);
      }
      const ordering = new Running(started.command("Then order:"));
      await vi.waitUntil(() => ordering.output.endsWith("}"), WAIT);
      const { id } = JSON.parse(ordering.output) as OrderView;
      const events = new Map([
        ["placed", '"topic":"orders","type":"created"'],
        ["baking", `"topic":"orders/${id}","type":"updated"`],
        ["ready", `"topic":"orders/${id}","type":"updated"`],
      ]);
      const isTold = ({ output }: Running, status: string): boolean =>
        output
          .split("\n")
          .some((line) =>
            [events.get(status) ?? "", `"id":"${id}"`, `"status":"${status}"`].every((part) => line.includes(part)),
          );
      for (const running of all) await vi.waitUntil(() => isTold(running, "placed"), WAIT);
      for (const running of streams) {
        for (const status of events.keys()) await vi.waitUntil(() => isTold(running, status), WAIT);
      }
      const polling = new Running(started.command("Polling"));
      await vi.waitUntil(() => polling.output.endsWith("}"), WAIT);
      for (const status of events.keys()) expect(isTold(polling, status)).toBe(true);
    } finally {
      for (const running of all) await running.end();
    }
  });
});

describe("the shop and its gateway", () => {
  test("show the page, with the same commands", async () => {
    const html = await (await fetch(started.front)).text();
    expect(html).toContain(`<a class="stage" href="${started.page}">`);
    const page = html.replaceAll(/<[^>]*>/g, "");
    const titles = [
      "Polling",
      "Long polling",
      "Server-Sent Events",
      "WebSocket",
      "XMPP",
      "The shop's own URL",
      "Then order:",
    ];
    for (const title of titles) {
      const command = started.command(title);
      expect(page).toContain(command.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`));
    }
    expect(page).not.toContain("{{");
    // The app's own address shows the same.
    expect((await (await fetch(started.app)).text()).replaceAll(/<[^>]*>/g, "")).toBe(page);
  });

  test.skipIf(process.platform === "win32")(
    "finish every order when the gateway is killed: it is started again, and the log has what was told",
    async () => {
      const before = await order(started.front, "calzone");
      process.kill(started.gatewayPid, "SIGKILL");
      await started.untilSaid("The gateway is back");
      const after = await order(started.front, "marinara");
      for (const { id } of [before, after]) {
        const untilReady = async (): Promise<boolean> =>
          (await eventsOf(started.front)).some(({ data }) => data.id === id && data.status === "ready");
        await vi.waitUntil(untilReady, WAIT);
        const told = (await eventsOf(started.front)).filter(({ data }) => data.id === id);
        expect(told[0]).toMatchObject({ topic: "orders", type: "created" });
        // A change whose answer got lost is made again, which changes nothing and may be told twice.
        expect([...new Set(told.map(({ data }) => data.status))]).toEqual(["placed", "baking", "ready"]);
      }
    },
  );
});

describe("starting", () => {
  test("names the port that is taken, and the flag that takes another", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const { port } = squatter.address() as AddressInfo;
    for (const flag of ["page-port", "public-port", "admin-port", "xmpp-port", "shop-port"]) {
      const args = [...FREE_PORTS, `--${flag}`, String(port)];
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
    "by %s ends everything with 0, also with readers and pages connected, and lines that are slow",
    async (signal) => {
      const data = await mkdtemp(join(tmpdir(), "sluice-playground-"));
      const other = await Started.open(data);
      const { admin, app, front, page } = other;
      const watching = await LivePage.open(page);
      const { lanes } = (await (await fetch(`${page}/stage/setup`)).json()) as Setup;
      const stream = { headers: { accept: "text/event-stream" } };
      const reader = await fetch(`${front}/orders`, stream);
      const onLane = expect((await fetch(`${lanes.sse}/orders`, stream)).text()).rejects.toThrow("terminated");
      const slow = JSON.stringify({ do: "slow", latencyMs: 60_000, bytesPerSecond: 10 });
      const headers = { "content-type": "application/json", origin: page };
      await fetch(`${page}/stage/lanes/sse`, { method: "POST", headers, body: slow });
      await order(front, "margherita");
      await watching.until("truth");
      const end = once(watching.socket, "close");
      other.signal(signal);
      expect(await other.exitCode()).toBe(0);
      expect(other.stderr).toBe("");
      expect(await reader.text()).toContain('"type":"created"');
      await Promise.all([onLane, end]);
      for (const url of [page, lanes.sse, admin, app, front]) await expect(fetch(url)).rejects.toThrow("fetch failed");
      await rm(data, { recursive: true, force: true });
    },
  );
});
