import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { useBench, type ServedGateway } from "./support/bench.ts";

const bench = useBench();

const status = async (url: string, init?: RequestInit): Promise<number> => {
  const response = await fetch(url, init);
  await response.text();
  return response.status;
};

describe("starting", () => {
  test("stdout holds lines of JSON only, and stderr nothing", async () => {
    await bench.configure({ log: { kind: "memory" } });
    const { process, url, adminUrl } = await bench.serve();
    expect(await status(`${adminUrl}/readyz`)).toBe(200);
    expect(await status(`${url}/elsewhere`)).toBe(404);
    process.kill("SIGTERM");
    const { code, stderr } = await process.ended;
    expect([code, stderr]).toEqual([0, ""]);
    expect(process.json.map(({ msg }) => msg)).toEqual(["ready", "stopping", "draining", "drained"]);
  });

  test("a listener that is in use is told in one line", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    await bench.configure({ log: { kind: "memory" }, public: { listen: `127.0.0.1:${port}` } });
    const { code, stdout, stderr } = await bench.run(["serve"]);
    other.close();
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      `sluice: can't listen on 127.0.0.1:${port}: it is in use; stop what listens there, or set public.listen\n`,
    );
  });

  test("a log that can't be opened is told in one line, and left as it is", async () => {
    await bench.configure({ log: { kind: "sqlite", path: "data" } });
    const first = await bench.serve();
    const { code, stdout, stderr } = await bench.run(["serve"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^sluice: .*\n$/);
    expect(stderr).toContain("data");
    await bench.publish(first, "t", [1]);
  });

  test("access that only its own package finds wrong is told in one line, too, and the log is closed", async () => {
    // An IPv4 address in the clothes of IPv6 is loopback to the configuration, and to the key set it is not.
    const jwks = "http://[::ffff:127.0.0.1]:9/keys.json";
    await bench.configure({ log: { kind: "sqlite", path: "data" }, access: { jwt: { jwks } } });
    const { code, stdout, stderr } = await bench.run(["serve"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe("sluice: access can't be used: jwt.jwks: it must be https (http only on loopback)\n");
  });

  test("dev needs no configuration", async () => {
    const settings = ["public.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "log.kind=memory"];
    const process = bench.start(["dev", ...settings.flatMap((setting) => ["--set", setting])]);
    const ready = await process.until("readiness", () => process.json.find(({ msg }) => msg === "ready"));
    const url = `${String(ready["public"])}/realtime/events?topic=**`;
    expect(await status(url)).toBe(200);
    // All transports are on, comet among them.
    expect(await status(`${url}&callback=show`)).toBe(200);
  });

  test("dev has a demo app behind it, which a reload leaves there", async () => {
    const settings = ["public.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "log.kind=memory"];
    const process = bench.start(["dev", ...settings.flatMap((setting) => ["--set", setting])]);
    const ready = await process.until("readiness", () => process.json.find(({ msg }) => msg === "ready"));
    const front = String(ready["public"]);
    const events = `${front}/realtime/events?topic=notes&topic=notes/*&after=earliest`;
    await fetch(`${front}/notes`, { method: "POST", body: new URLSearchParams({ text: "one" }) });
    process.child.kill("SIGHUP");
    await process.until("the reload", () => process.json.find(({ msg }) => msg === "reloaded"));
    await fetch(`${front}/notes/1`, { method: "DELETE" });
    const page = (await (await fetch(events)).json()) as Page;
    const note = { id: "1", text: "one" };
    expect(page.events).toMatchObject([
      { topic: "notes", type: "created", data: note },
      { topic: "notes/1", type: "deleted", data: note },
    ]);
    expect(await (await fetch(`${front}/notes`)).json()).toEqual({ notes: [] });
    expect(await status(`${front}/elsewhere`)).toBe(404);
  });

  test("dev has XMPP on 5222, and on another port if that is taken", async () => {
    const settings = ["public.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "log.kind=memory"];
    const ports: unknown[] = [];
    for (let times = 0; times < 2; times += 1) {
      const process = bench.start(["dev", ...settings.flatMap((setting) => ["--set", setting])]);
      const ready = await process.until("readiness", () => process.json.find(({ msg }) => msg === "ready"));
      ports.push(ready["xmpp_port"]);
    }
    expect(new Set(ports).size).toBe(2);
    expect(ports.every((port) => Number(port) > 0)).toBe(true);
  });

  test("dev --no-demo has nothing behind it", async () => {
    const settings = ["public.listen=127.0.0.1:0", "admin.listen=127.0.0.1:0", "log.kind=memory"];
    const process = bench.start(["dev", "--no-demo", ...settings.flatMap((setting) => ["--set", setting])]);
    const ready = await process.until("readiness", () => process.json.find(({ msg }) => msg === "ready"));
    expect(await status(`${String(ready["public"])}/notes`)).toBe(404);
  });
});

describe("kill -9", () => {
  test("what was acknowledged is there after it, and cursors go on", async () => {
    await bench.configure({ log: { kind: "sqlite", path: "data" } });
    const first = await bench.serveInPlace();
    await bench.publish(first, "t", [1, 2, 3]);
    const page = (await (await fetch(`${first.url}/realtime/events?topic=t&after=earliest&limit=2`)).json()) as Page;
    first.process.kill("SIGKILL");
    await first.process.ended;
    const second = await bench.again(first);
    await bench.publish(second, "t", [4]);
    const rest = (await (await fetch(`${second.url}/realtime/events?topic=t&after=${page.cursor}`)).json()) as Page;
    expect(rest.events.map(({ data }) => data)).toEqual([3, 4]);
    expect(rest.gap).toBeUndefined();
  });
});

describe("SIGTERM", () => {
  test("open readers are sent away, and the process ends with 0", async () => {
    await bench.configure({ log: { kind: "memory" }, drain: { spread: "100ms", timeout: "10m" } });
    const gateway = await bench.serve();
    const stream = await fetch(`${gateway.url}/realtime/events?topic=t`, { headers: { accept: "text/event-stream" } });
    const waiting = fetch(`${gateway.url}/realtime/events?topic=t&wait=30`);
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/realtime/events?topic=t`);
    await once(socket, "open");
    await untilReaders(gateway, 3);
    const closed = once(socket, "close") as Promise<[CloseEvent]>;
    gateway.process.kill("SIGTERM");
    const page = (await (await waiting).json()) as Page;
    expect(page.events).toEqual([]);
    expect(await stream.text()).toMatch(/retry: ?\d+/);
    const [{ code: closeCode }] = await closed;
    expect(closeCode).toBe(1001);
    // Far below drain.timeout, which is longer than a test may take: nobody was waited for in vain.
    expect((await gateway.process.ended).code).toBe(0);
  });

  test("a reader that does not go is not waited for beyond drain.timeout", async () => {
    await bench.configure({ log: { kind: "memory" }, drain: { spread: "100ms", timeout: "2s" } });
    const gateway = await bench.serve();
    const { port } = new URL(gateway.url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    // A request whose body never comes.
    socket.write("POST /realtime/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    socket.write("Expect: 100-continue\r\nContent-Length: 100\r\n\r\n");
    expect(String(await once(socket, "data"))).toMatch(/^HTTP\/1\.1 100 /);
    gateway.process.kill("SIGTERM");
    const { code } = await gateway.process.ended;
    socket.destroy();
    expect(code).toBe(0);
  });

  test("connections on which nobody asks for anything are not waited for", async () => {
    await bench.configure({ log: { kind: "memory" }, drain: { spread: "100ms", timeout: "10m" } });
    const gateway = await bench.serve();
    const { port } = new URL(gateway.url);
    const sockets = ["", "GET /realtime/ev"].map((bytes) => {
      const socket = connect(Number(port), "127.0.0.1");
      socket.on("error", () => undefined);
      if (bytes !== "") socket.write(bytes);
      return socket;
    });
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    gateway.process.kill("SIGTERM");
    // Far below drain.timeout, which is longer than a test may take.
    expect((await gateway.process.ended).code).toBe(0);
    for (const socket of sockets) socket.destroy();
  });

  test("a second SIGINT stops it at once", async () => {
    await bench.configure({ log: { kind: "memory" }, drain: { spread: "10m", timeout: "10m" } });
    const gateway = await bench.serve();
    const streams = [1, 2, 3, 4].map(() =>
      fetch(`${gateway.url}/realtime/events?topic=t`, { headers: { accept: "text/event-stream" } }),
    );
    await Promise.all(streams);
    await untilReaders(gateway, 4);
    gateway.process.kill("SIGINT");
    await gateway.process.until("draining", () => gateway.process.json.find(({ msg }) => msg === "draining"));
    gateway.process.kill("SIGINT");
    const { code } = await gateway.process.ended;
    expect(code).toBe(0);
    for (const stream of streams) await (await stream).text().catch(() => undefined);
  });
});

describe("SIGHUP", () => {
  const reload = async (gateway: ServedGateway, says: RegExp): Promise<Readonly<Record<string, unknown>>> => {
    const seen = gateway.process.lines.length;
    gateway.process.kill("SIGHUP");
    return gateway.process.until(String(says), () =>
      gateway.process.json.slice(seen).find(({ msg }) => says.test(String(msg))),
    );
  };

  test("grants are the new ones, and live readers stay", async () => {
    await bench.configure({ log: { kind: "memory" }, access: { public: ["a"] } });
    const gateway = await bench.serve();
    const read = (topic: string): Promise<number> => status(`${gateway.url}/realtime/events?topic=${topic}`);
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/realtime/events?topic=a`);
    await once(socket, "open");
    expect([await read("a"), await read("b")]).toEqual([200, 401]);
    await bench.configure({ log: { kind: "memory" }, access: { public: ["a", "b"] } });
    await reload(gateway, /^reloaded$/);
    expect([await read("a"), await read("b")]).toEqual([200, 200]);
    const message = once(socket, "message") as Promise<[MessageEvent]>;
    await bench.publish(gateway, "a", [1]);
    await message;
    socket.close();
  });

  test("a bad configuration is refused, and the old one stays", async () => {
    await bench.configure({ log: { kind: "memory" }, access: { public: ["a"] } });
    const gateway = await bench.serve();
    await writeFile(join(bench.folder, "sluice.json"), '{"access":{"public":["b"]},"limits":{"event":"huge"}}');
    const { faults } = await reload(gateway, /refused/);
    expect(faults).toEqual([expect.stringContaining("limits.event")]);
    expect(await status(`${gateway.url}/realtime/events?topic=a`)).toBe(200);
    expect(await status(`${gateway.url}/realtime/events?topic=b`)).toBe(401);
  });

  test("what waits for a restart is named", async () => {
    await bench.configure({ log: { kind: "memory" } });
    const gateway = await bench.serve();
    await bench.configure({ log: { kind: "memory" }, deduplication: "1m", limits: { batch: "32KiB" } });
    const { needs_restart: keys } = await reload(gateway, /restart/);
    expect(keys).toEqual(["deduplication"]);
  });

  test("limits are the new ones", async () => {
    await bench.configure({ log: { kind: "memory" } });
    const gateway = await bench.serve();
    await bench.configure({ log: { kind: "memory" }, limits: { event: "10B", header: "8KiB" } });
    await reload(gateway, /^reloaded$/);
    const body = JSON.stringify({ topic: "t", data: "more than ten" });
    const headers = { "content-type": "application/json" };
    expect(await status(`${gateway.adminUrl}/events`, { method: "POST", headers, body })).toBe(413);
    // A new connection, since one that is open keeps its bound.
    const large = { "x-large": "x".repeat(10_000), connection: "close" };
    expect(await status(`${gateway.url}/realtime/events?topic=a`, { headers: large })).toBe(431);
  });
});

interface Page {
  readonly events: readonly { readonly data: unknown }[];
  readonly cursor: string;
  readonly gap?: unknown;
}

/** Waits until the gateway says that it holds so many readers. */
async function untilReaders(gateway: ServedGateway, count: number): Promise<void> {
  await expect
    .poll(
      async () => {
        const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
        const figures = [...text.matchAll(/^sluice_connections\{.*\} (\d+)$/gm)].map(([, figure]) => Number(figure));
        return figures.reduce((sum, figure) => sum + figure, 0);
      },
      { timeout: 30_000 },
    )
    .toBe(count);
}
