import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../src/stage/clock.ts";
import type { Arrow } from "../../../src/stage/stage-protocol.ts";
import { Tap, type TapOptions } from "../../../src/stage/tap/tap.ts";
import { WAIT } from "../../wait.ts";

const GET = "GET /x HTTP/1.1\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const FOREVER_MS = 600_000;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A server, and the connections that it has got. */
class Target {
  readonly server: Server;
  readonly sockets: Socket[] = [];

  constructor(serve: (socket: Socket) => void) {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.push(socket);
      socket.on("error", () => undefined);
      serve(socket);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, "close");
  }
}

async function target(serve: (socket: Socket) => void): Promise<Target> {
  const opened = new Target(serve);
  opened.server.listen(0, "127.0.0.1");
  await once(opened.server, "listening");
  closing.push(() => opened.close());
  return opened;
}

interface Tapped {
  readonly tap: Tap;
  readonly arrows: readonly Arrow[];
  readonly onTrouble: ReturnType<typeof vi.fn>;
}

async function tapTo(url: string, asker: TapOptions["asker"] = "client"): Promise<Tapped> {
  const arrows: Arrow[] = [];
  let number = 0;
  const next = (): number => (number += 1);
  const onTrouble = vi.fn<() => void>();
  const tap = await Tap.open({
    lane: "polling",
    target: url,
    asker,
    numbers: { nextArrow: next, nextConnection: next },
    onArrow: (arrow) => arrows.push(arrow),
    onTrouble,
    now: systemClock,
  });
  closing.push(() => tap.close());
  return { tap, arrows, onTrouble };
}

function dial(url: string): Socket {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  closing.push(async () => socket.destroy());
  return socket;
}

async function connectTo(url: string): Promise<Socket> {
  const socket = dial(url);
  await once(socket, "connect");
  return socket;
}

/** Resolves when the socket is closed, whatever the reason. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function bytesOf(arrows: readonly Arrow[], from: Arrow["from"]): number {
  return arrows.filter((arrow) => arrow.from === from).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Answers everything that looks like the end of a request. */
function answerOk(socket: Socket): void {
  socket.on("data", () => socket.write(OK));
}

describe("a tap", () => {
  test("passes every byte on as it is, both ways at once and to the end, and counts each once", async () => {
    const there = randomBytes(3_000_000);
    const back = randomBytes(2_000_000);
    let got: Promise<Buffer> | undefined;
    const { url } = await target((socket) => {
      got = buffer(socket);
      socket.end(back);
    });
    const { tap, arrows } = await tapTo(url);
    const client = await connectTo(tap.url);
    client.end(there);
    expect(hashOf(await buffer(client))).toBe(hashOf(back));
    expect(hashOf((await got) as Buffer)).toBe(hashOf(there));
    await vi.waitUntil(() => arrows.at(-1)?.what === "close", WAIT);
    expect(bytesOf(arrows, "client")).toBe(there.length);
    expect(bytesOf(arrows, "gateway")).toBe(back.length);
  });

  test("passes an answer on that comes after the client has said that it is done", async () => {
    const { url } = await target((socket) => void socket.once("end", () => socket.end(OK)).resume());
    const { tap, arrows } = await tapTo(url);
    const client = await connectTo(tap.url);
    client.end(GET);
    expect((await buffer(client)).toString()).toBe(OK);
    await vi.waitUntil(() => arrows.length === 4, WAIT);
    expect(arrows.map(({ what, from, label }) => [what, from, label])).toEqual([
      ["open", "client", "connected"],
      ["request", "client", "GET /x"],
      ["response", "gateway", "200"],
      ["close", "client", "closed"],
    ]);
  });

  test("tells who ended a connection, and ends the other side too", async () => {
    const { url, sockets } = await target(answerOk);
    const { tap, arrows } = await tapTo(url);
    const client = await connectTo(tap.url);
    client.write(GET);
    await once(client, "data");
    const end = closed(client);
    sockets[0]?.resetAndDestroy();
    await end;
    await vi.waitUntil(() => arrows.at(-1)?.what === "close", WAIT);
    expect(arrows.at(-1)).toMatchObject({ from: "gateway", label: "closed" });

    const other = await connectTo(tap.url);
    other.write(GET);
    await once(other, "data");
    const lost = closed(sockets[1] as Socket);
    other.resetAndDestroy();
    await lost;
    await vi.waitUntil(() => arrows.filter(({ what }) => what === "close").length === 2, WAIT);
    expect(arrows.at(-1)).toMatchObject({ from: "client", label: "closed" });
  });

  test("hangs up when there is nothing behind it", async () => {
    const gone = await target(answerOk);
    const { tap, arrows } = await tapTo(gone.url);
    await closing.splice(0, 1)[0]?.();
    await closed(dial(tap.url).resume());
    await vi.waitUntil(() => arrows.at(-1)?.what === "close", WAIT);
    expect(arrows.at(-1)).toMatchObject({ from: "gateway" });
  });
});

describe("trouble", () => {
  test("cut ends all connections at once, on both sides, and new ones are welcome", async () => {
    const { url, sockets } = await target(answerOk);
    const { tap, arrows } = await tapTo(url);
    const clients = [await connectTo(tap.url), await connectTo(tap.url)];
    for (const client of clients) {
      client.write(GET);
      await once(client, "data");
    }
    const ends = [...clients, ...sockets].map((socket) => closed(socket));
    tap.cut();
    await Promise.all(ends);
    expect(arrows.filter(({ what }) => what === "close").map(({ label }) => label)).toEqual(["cut", "cut"]);
    expect(tap.trouble).toEqual({ kind: "none" });
    const next = await connectTo(tap.url);
    next.write(GET);
    expect(String((await once(next, "data"))[0])).toBe(OK);
  });

  test("offline cuts, and refuses until the time is over", async () => {
    const { url, sockets } = await target(answerOk);
    const { tap, arrows, onTrouble } = await tapTo(url);
    const client = await connectTo(tap.url);
    client.write(GET);
    await once(client, "data");
    const end = closed(client);
    const before = systemClock();
    tap.goOffline(FOREVER_MS);
    await end;
    expect(tap.trouble).toEqual({ kind: "offline", until: expect.any(Number) as number });
    expect((tap.trouble as { readonly until: number }).until).toBeGreaterThanOrEqual(before + FOREVER_MS);
    await closed(dial(tap.url).resume());
    await vi.waitUntil(() => arrows.at(-1)?.label === "refused", WAIT);
    expect(sockets).toHaveLength(1);
    expect(onTrouble).toHaveBeenCalledTimes(1);

    tap.goOffline(1);
    await vi.waitUntil(() => tap.trouble.kind === "none", WAIT);
    expect(onTrouble).toHaveBeenCalledTimes(3);
    const next = await connectTo(tap.url);
    next.write(GET);
    expect(String((await once(next, "data"))[0])).toBe(OK);
  });

  test("a long delay holds bytes in both directions until it is healed", async () => {
    const { url, sockets } = await target(answerOk);
    const { tap, arrows } = await tapTo(url);
    const client = await connectTo(tap.url);
    await vi.waitUntil(() => sockets.length === 1, WAIT);
    tap.slow(FOREVER_MS, 1_000_000);
    client.write(GET);
    await vi.waitUntil(() => arrows.at(-1)?.what === "request", WAIT);
    sockets[0]?.write(OK);
    const other = await connectTo(tap.url);
    other.write(GET);
    await vi.waitUntil(() => arrows.filter(({ what }) => what === "request").length === 2, WAIT);
    expect(sockets[0]?.bytesRead).toBe(0);
    // What has not come through is not seen.
    expect(arrows.some(({ what }) => what === "response")).toBe(false);
    tap.heal();
    for (const socket of [client, other]) expect(String((await once(socket, "data"))[0])).toContain(OK);
  });

  test("latency is there and back again", async () => {
    const { url } = await target(answerOk);
    const { tap, arrows } = await tapTo(url);
    tap.slow(40, 1_000_000);
    const client = await connectTo(tap.url);
    client.write(GET);
    await once(client, "data");
    const [request, response] = ["request", "response"].map((kind) => arrows.find(({ what }) => what === kind));
    expect((response?.beganAt ?? 0) - (request?.endedAt ?? 0)).toBeGreaterThanOrEqual(80);
  });

  test("a slow line holds the sender up instead of keeping what it sends, and loses nothing", async () => {
    const sent = randomBytes(4_000_000);
    let got: Promise<Buffer> | undefined;
    const { url } = await target((socket) => {
      got = buffer(socket);
    });
    const { tap, arrows } = await tapTo(url);
    tap.slow(0, 1_000);
    const client = await connectTo(tap.url);
    client.end(sent);
    // Until no more goes out: the kernel's buffers and the tap's window are full.
    let before = -1;
    await vi.waitUntil(
      () => {
        const now = client.writableLength;
        const isStuck = now === before;
        before = now;
        return isStuck;
      },
      { ...WAIT, interval: 200 },
    );
    expect(bytesOf(arrows, "client")).toBeLessThan(64 * 1024 * 3);
    tap.heal();
    expect(hashOf((await got) as Buffer)).toBe(hashOf(sent));
  });

  test("a slow line takes its time: bytes come through one slice after the other", async () => {
    const { url } = await target(answerOk);
    const { tap, arrows } = await tapTo(url);
    tap.slow(0, 1_000);
    const client = await connectTo(tap.url);
    client.write(GET);
    await vi.waitUntil(() => arrows.some(({ what }) => what === "response"), WAIT);
    const response = arrows.find(({ what }) => what === "response");
    expect(response?.bytes).toBe(OK.length);
    // In slices of 20 bytes, of which the first goes at once.
    expect((response?.endedAt ?? 0) - (response?.beganAt ?? 0)).toBeGreaterThanOrEqual(OK.length - 40);
  });

  test("where the gateway asks, its requests are seen when they have come through", async () => {
    const { url } = await target(answerOk);
    const { tap, arrows } = await tapTo(url, "gateway");
    tap.slow(FOREVER_MS, 1_000_000);
    const gateway = await connectTo(tap.url);
    gateway.write(GET);
    tap.heal();
    await once(gateway, "data");
    expect(arrows.map(({ what, from }) => [what, from])).toEqual([
      ["open", "gateway"],
      ["request", "gateway"],
      ["response", "client"],
    ]);
  });
});
