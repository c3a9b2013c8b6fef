import { createServer } from "node:http";
import type { LookupAddress } from "node:dns";
import type { AddressInfo } from "node:net";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isForbidden } from "../src/sending/address-ranges.ts";
import { Sender } from "../src/sending/sender.ts";
import { ForbiddenTargetError, TargetGuard, type AllowedRange } from "../src/sending/target-guard.ts";
import { HookGateway } from "./support/hook-gateway.ts";
import { Receiver } from "./support/receiver.ts";
import { until } from "./support/until.ts";

const LOOPBACK: readonly AllowedRange[] = [{ cidr: "127.0.0.1", ports: null }];

describe("addresses", () => {
  test.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "no address",
    "",
  ])("%s is forbidden", (address) => {
    expect(isForbidden(address)).toBe(true);
  });

  test.each([
    "1.1.1.1",
    "8.8.8.8",
    "99.255.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450::1",
  ])("%s is not", (address) => {
    expect(isForbidden(address)).toBe(false);
  });
});

describe("URLs", () => {
  const guard = new TargetGuard({ canUseHttp: false, allow: [], ownPorts: () => [8080] });

  test.each([
    "http://example.org/",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "//example.org/",
    "",
    "https://user@example.org/",
    "https://user:secret@example.org/",
    "https://example.org/#part",
    "https://example.org/#",
    "https://example.org/\n",
    "https://exa\tmple.org/",
    " https://example.org/",
    "https://example.org/\u0000",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://127.1/",
    "https://0177.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://169.254.169.254/latest",
    "https://0/",
    "https://example.org:25/",
    "https://example.org:6667/",
    "https://①②⑦.0.0.1/",
    `https://example.org/${"x".repeat(2048)}`,
  ])("%j is refused", async (text) => {
    await expect(guard.check(text)).rejects.toThrow(ForbiddenTargetError);
  });

  test("one address of a name that is forbidden is enough", async () => {
    const addresses = [
      { address: "1.1.1.1", family: 4 },
      { address: "10.0.0.1", family: 4 },
    ];
    const both = new TargetGuard({ canUseHttp: false, allow: [], ownPorts: () => [], resolve: async () => addresses });
    await expect(both.check("https://example.org/")).rejects.toThrow(ForbiddenTargetError);
  });

  test("the operator's ranges, with their ports, and never the gateway's own", async () => {
    const allow = [
      { cidr: "10.0.0.0/8", ports: [8443] },
      { cidr: "127.0.0.0/8", ports: null },
    ];
    const allowing = new TargetGuard({ canUseHttp: true, allow, ownPorts: () => [8080] });
    await expect(allowing.check("https://10.1.2.3:8443/")).resolves.toBeDefined();
    await expect(allowing.check("https://10.1.2.3/")).rejects.toThrow();
    await expect(allowing.check("http://127.0.0.1:8081/")).resolves.toBeDefined();
    await expect(allowing.check("http://127.0.0.1:8080/")).rejects.toThrow("the gateway itself");
  });
});

describe("on the socket", () => {
  let folder: string;
  let tls: { cert: string; key: string };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-tls-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hooks.test -addext subjectAltName=DNS:hooks.test -keyout ${key} -out ${cert}`.split(
        " ",
      ),
      { stdio: "ignore" },
    );
    tls = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(["http", "https"])("a name that is rebound after it was checked is not reached: %s", async (scheme) => {
    const receiver = await Receiver.start(scheme === "https" ? tls : undefined);
    const answers: LookupAddress[][] = [[{ address: "1.1.1.1", family: 4 }], [{ address: "127.0.0.1", family: 4 }]];
    const asked: string[] = [];
    const resolve = async (name: string): Promise<LookupAddress[]> => {
      asked.push(name);
      return answers.shift() ?? [{ address: "127.0.0.1", family: 4 }];
    };
    const guard = new TargetGuard({ canUseHttp: true, allow: [], ownPorts: () => [], resolve });
    const sender = new Sender({ guard, timeoutMs: 5000, perOrigin: 1, ca: tls.cert });
    const url = await guard.check(receiver.url("/", "hooks.test"));
    const answer = await sender.send({ url, method: "POST", headers: [], body: Buffer.from("x") });
    expect(answer).toMatchObject({ kind: "failed", error: "forbidden" });
    expect(asked).toEqual(["hooks.test", "hooks.test"]);
    expect(receiver.connections).toBe(0);
    await sender.close();
    await receiver.close();
  });

  test("literals are checked too, however they came to be in the URL", async () => {
    const receiver = await Receiver.start();
    const guard = new TargetGuard({ canUseHttp: true, allow: [], ownPorts: () => [] });
    const sender = new Sender({ guard, timeoutMs: 5000, perOrigin: 1 });
    for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"]) {
      const url = new URL(`http://${host}:${receiver.port}/`);
      expect(await sender.send({ url, method: "POST", headers: [], body: null })).toMatchObject({ error: "forbidden" });
    }
    expect(receiver.connections).toBe(0);
    await sender.close();
    await receiver.close();
  });

  test("TLS over the checked socket, with the name verified", async () => {
    const receiver = await Receiver.start(tls);
    const resolve = async (): Promise<LookupAddress[]> => [{ address: "127.0.0.1", family: 4 }];
    const guard = new TargetGuard({ canUseHttp: false, allow: LOOPBACK, ownPorts: () => [], resolve });
    const sender = new Sender({ guard, timeoutMs: 5000, perOrigin: 1, ca: tls.cert });
    const to = (host: string) => ({
      url: new URL(receiver.url("/", host)),
      method: "POST" as const,
      headers: [],
      body: Buffer.from("x"),
    });
    expect(await sender.send(to("hooks.test"))).toMatchObject({ kind: "answered", status: 200 });
    expect(await sender.send(to("other.test"))).toMatchObject({ kind: "failed", error: "tls" });
    await sender.close();
    await receiver.close();
  });
});

describe("through the front door", () => {
  let gateway: HookGateway;
  afterEach(() => gateway.close());

  test("422 says nothing of the address; the operator's log does", async () => {
    const resolve = async (): Promise<LookupAddress[]> => [{ address: "10.9.8.7", family: 4 }];
    gateway = await HookGateway.start({ allow: [], resolve });
    const answer = await gateway.ask("POST", "/hooks", { url: "http://intern.test/", event: "x" });
    expect(answer.status).toBe(422);
    expect(answer.json).toMatchObject({ code: "target-not-allowed", field: "target_url" });
    expect(answer.text).not.toContain("10.9");
    expect(gateway.logged.join()).toContain("10.9.8.7");
  });

  test("the gateway itself is no target", async () => {
    gateway = await HookGateway.start();
    expect((await gateway.ask("POST", "/hooks", { url: `${gateway.url}/realtime/events`, event: "x" })).status).toBe(
      422,
    );
  });

  test("an address that is no longer allowed: no request, a dead letter, disabled", async () => {
    const receiver = await Receiver.start();
    let address = "127.0.0.1";
    const resolve = async (): Promise<LookupAddress[]> => [{ address, family: 4 }];
    gateway = await HookGateway.start({ allow: LOOPBACK, resolve });
    const hook = await gateway.hook(receiver.url("/", "hooks.test"));
    address = "10.0.0.1";
    await gateway.publish("t", 1);
    await until("disabled", async () => (await gateway.state(hook.id))["status"] === "disabled");
    expect((await gateway.ask("GET", `/hooks/${hook.id}/dead-letters`)).json["dead_letters"]).toMatchObject([
      { reason: "forbidden" },
    ]);
    const { attempts } = (await gateway.ask("GET", `/hooks/${hook.id}/attempts`)).json as { attempts: object[] };
    expect(attempts).toMatchObject([{ outcome: "forbidden", error: "forbidden", status: null }]);
    expect(JSON.stringify(attempts)).not.toContain("10.0.0.1");
    expect(receiver.connections).toBe(0);
    await receiver.close();
  });
});

describe("answers that would hurt", () => {
  let sender: Sender;
  const open: (() => void)[] = [];

  const senderWith = (timeoutMs: number): Sender => {
    const guard = new TargetGuard({ canUseHttp: true, allow: LOOPBACK, ownPorts: () => [] });
    return new Sender({ guard, timeoutMs, perOrigin: 1 });
  };

  beforeEach(() => {
    sender = senderWith(15_000);
  });
  afterEach(async () => {
    for (const close of open.splice(0)) close();
    await sender.close();
  });

  async function target(onRequest: Parameters<typeof createServer>[1]): Promise<URL> {
    const server = createServer({}, onRequest as never);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }

  const post = (url: URL) => ({ url, method: "POST" as const, headers: [], body: Buffer.from("x") });

  test("a drip of bytes after 200 ends with the attempt's time", async () => {
    const url = await target((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write("."), 50);
      response.on("close", () => clearInterval(drip));
    });
    const hasty = senderWith(400);
    expect(await hasty.send(post(url))).toMatchObject({ kind: "failed", error: "timeout" });
    await hasty.close();
  });

  test("a megabyte of header", async () => {
    const url = await target((request) => {
      request.socket.write(`HTTP/1.1 200 OK\r\nX-Long: ${"x".repeat(1_000_000)}\r\n\r\n`);
    });
    expect(await sender.send(post(url))).toMatchObject({ kind: "failed", error: "protocol" });
  });

  test("a body without an end: 16 KiB are read, 2 KiB kept, and nothing is inflated", async () => {
    let written = 0;
    const url = await target((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, "y"))) written += 65_536;
      };
      response.on("drain", more);
      more();
    });
    const answer = await sender.send(post(url));
    expect(answer).toMatchObject({ kind: "answered", status: 200, text: "y".repeat(2048) });
    expect(written).toBeLessThan(8 * 1024 * 1024);
  });

  test("an idle connection that died in the meantime is no failure of the target", async () => {
    let requests = 0;
    const url = await target((request, response) => {
      requests += 1;
      // The second request on a connection meets a reset.
      if (requests === 2) request.socket.resetAndDestroy();
      else response.writeHead(200).end();
    });
    expect(await sender.send(post(url))).toMatchObject({ status: 200 });
    expect(await sender.send(post(url))).toMatchObject({ status: 200 });
    expect(requests).toBe(3);
  });

  test("an answer that is cut off in the middle of its body was none, on a new connection and on an old one", async () => {
    let requests = 0;
    const url = await target((request, response) => {
      requests += 1;
      if (requests === 2) {
        response.writeHead(200).end();
        return;
      }
      response.writeHead(200, { "content-length": "100" }).write("half of i");
      setImmediate(() => request.socket.destroy());
    });
    expect(await sender.send(post(url))).toMatchObject({ kind: "failed", error: "reset" });
    expect(await sender.send(post(url))).toMatchObject({ status: 200 });
    expect(await sender.send(post(url))).toMatchObject({ kind: "failed", error: "reset" });
    expect(requests).toBe(3);
  });

  test("nothing listens", async () => {
    const url = await target(() => undefined);
    for (const close of open.splice(0)) close();
    expect(await sender.send(post(url))).toMatchObject({ kind: "failed", error: "refused" });
  });
});
