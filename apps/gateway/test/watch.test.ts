import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { useBench, type ServedGateway } from "./support/bench.ts";
import type { SluiceProcess } from "./support/sluice-process.ts";

const bench = useBench();
const TRANSPORTS = ["websocket", "sse", "long-polling", "polling"];

const watch = (gateway: ServedGateway, ...args: readonly string[]): SluiceProcess =>
  bench.start(["watch", ...args, "--url", gateway.url]);

const untilConnected = (process: SluiceProcess, times = 1): Promise<true> =>
  process.until("connection", () => (process.stderr.match(/connected/g)?.length ?? 0) >= times || undefined);

const numbers = (process: SluiceProcess): readonly unknown[] => process.json.map(({ data }) => data);

describe.each(TRANSPORTS)("watch by %s", (transport) => {
  test("follows through a restart: nothing lost, nothing twice", async () => {
    await bench.configure({ log: { kind: "sqlite", path: "data" } });
    const first = await bench.serveInPlace();
    const process = watch(first, "a/*", "--transport", transport);
    await untilConnected(process);
    await bench.publish(first, "a/b", [1, 2, 3]);
    await process.untilLines(3);
    first.process.kill("SIGTERM");
    await first.process.ended;
    const second = await bench.again(first);
    await bench.publish(second, "a/c", [4, 5]);
    await process.untilLines(5);
    second.process.kill("SIGKILL");
    await second.process.ended;
    const third = await bench.again(first);
    await bench.publish(third, "other", [0]);
    await bench.publish(third, "a/b", [6]);
    await process.untilLines(6);
    expect(numbers(process)).toEqual([1, 2, 3, 4, 5, 6]);
    process.kill("SIGINT");
    const { code, stdout } = await process.ended;
    expect(code).toBe(0);
    // The events as they are on every transport, to the byte.
    const page = await (await fetch(`${third.url}/realtime/events?topic=a/*&after=earliest`)).text();
    for (const line of stdout.trimEnd().split("\n")) expect(page).toContain(line);
  });

  test("--last, --type and a gap", async () => {
    await bench.configure({ log: { kind: "memory" }, retention: { events: 4 } });
    const gateway = await bench.serve();
    await bench.publish(gateway, "a", [1, 2, 3, 4, 5, 6]);
    const last = watch(gateway, "a", "--last", "2", "--transport", transport);
    await last.untilLines(2);
    expect(numbers(last)).toEqual([5, 6]);
    const page = (await (await fetch(`${gateway.url}/realtime/events?topic=a&after=earliest`)).json()) as {
      cursor: string;
    };
    const early = page.cursor.replace(/-.*/, "-1");
    const late = watch(gateway, "a", "--after", early, "--transport", transport);
    await late.untilLines(5);
    expect(late.json[0]).toEqual({ op: "gap", after: early, resumed_at: expect.any(String), reason: "expired" });
    expect(numbers(late).slice(1)).toEqual([3, 4, 5, 6]);
    const typed = watch(
      gateway,
      "a",
      "--type",
      "none",
      "--type",
      "message",
      "--after",
      "earliest",
      "--transport",
      transport,
    );
    await typed.untilLines(4);
    const none = watch(gateway, "a", "--type", "none", "--after", "earliest", "--transport", transport);
    await untilConnected(none);
    expect(none.stdout).toBe("");
  });

  test("a refusal ends it", async () => {
    await bench.configure({ log: { kind: "memory" }, access: { public: ["open"] } });
    const gateway = await bench.serve();
    const { code, stdout, stderr } = await bench.run([
      "watch",
      "closed",
      "--transport",
      transport,
      "--url",
      gateway.url,
    ]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^sluice: the gateway refused: .*\n$/);
  });

  test("a transport that is off can't be had", async () => {
    await bench.configure({ log: { kind: "memory" }, transports: { [transport]: false } });
    const gateway = await bench.serve();
    const { code, stderr } = await bench.run(["watch", "a", "--transport", transport, "--url", gateway.url]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`^sluice: ${transport} can't be had there: .*\\n$`)),
    ]);
  });
});

describe("watch by auto", () => {
  test("takes the next transport where one is off", async () => {
    await bench.configure({ log: { kind: "memory" }, transports: { websocket: false, sse: false } });
    const gateway = await bench.serve();
    const process = watch(gateway, "a");
    await untilConnected(process);
    await bench.publish(gateway, "a", [1]);
    await process.untilLines(1);
    expect(process.stderr).toContain("connected by long-polling");
  });

  test("passes over a WebSocket that a proxy does not let through", async () => {
    await bench.configure({ log: { kind: "memory" } });
    const gateway = await bench.serve();
    // As an old proxy does it: the upgrade is dropped, all else is passed on.
    const proxy = createServer((request, response) => {
      const pass = async (): Promise<void> => {
        const answer = await fetch(`${gateway.url}${request.url ?? ""}`, {
          headers: { accept: request.headers.accept ?? "*/*" },
        });
        response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
        for await (const chunk of answer.body ?? []) response.write(chunk);
        response.end();
      };
      pass().catch(() => response.destroy());
    });
    proxy.on("upgrade", (_request, socket) => {
      socket.on("error", () => undefined);
      socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as AddressInfo;
    const process = bench.start(["watch", "a", "--url", `http://127.0.0.1:${port}`]);
    await untilConnected(process);
    await bench.publish(gateway, "a", [1]);
    await process.untilLines(1);
    expect(process.stderr).toContain("connected by sse");
    proxy.closeAllConnections();
    proxy.close();
  });
});

describe("watch", () => {
  test("says that nothing listens there, in one line", async () => {
    const { code, stderr } = await bench.run(["watch", "a", "--url", "http://127.0.0.1:9"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice: http:\/\/127\.0\.0\.1:9 can't be reached: nothing listens there; .*\n$/);
  });

  test("ends without a word when nobody reads it any more", async () => {
    await bench.configure({ log: { kind: "memory" } });
    const gateway = await bench.serve();
    const process = watch(gateway, "a");
    await untilConnected(process);
    process.child.stdout.destroy();
    const feed = setInterval(() => void bench.publish(gateway, "a", [1]).catch(() => undefined), 50);
    const { code, stderr } = await process.ended;
    clearInterval(feed);
    expect([code, stderr]).toEqual([0, "sluice: connected by websocket\n"]);
  });

  test("a token from the environment is shown", async () => {
    const jwt = { secret: "0123456789abcdef0123456789abcdef" };
    await bench.configure({ log: { kind: "memory" }, access: { jwt } });
    const gateway = await bench.serve();
    const { stdout: token } = await bench.run(["token", "--read", "a"]);
    const process = bench.start(["watch", "a", "--url", gateway.url], { SLUICE_TOKEN: token.trim() });
    await untilConnected(process);
    await bench.publish(gateway, "a", [1]);
    await process.untilLines(1);
  });

  test("a token that ends while it watches ends it", async () => {
    const jwt = { secret: "0123456789abcdef0123456789abcdef" };
    await bench.configure({ log: { kind: "memory" }, access: { jwt } });
    const gateway = await bench.serve();
    const { stdout: token } = await bench.run(["token", "--read", "a", "--expires", "3s"]);
    const process = bench.start(["watch", "a", "--url", gateway.url, "--token", token.trim()]);
    const { code, stderr } = await process.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/sluice: the gateway refused: .*expired.*\n$/);
  });
});
