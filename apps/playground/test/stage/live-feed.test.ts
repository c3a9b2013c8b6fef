import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { WebSocketServer } from "ws";
import { forEachLane } from "../../src/stage/lanes.ts";
import { LiveFeed, type LiveFeedOptions } from "../../src/stage/live-feed.ts";
import type { StageState, Truth } from "../../src/stage/stage-protocol.ts";
import { LivePage } from "./live-page.ts";
import { WAIT } from "../wait.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).toReversed()) close();
});

const STATE: StageState = {
  kind: "state",
  at: 1,
  gateway: "up",
  troubles: forEachLane(() => ({ kind: "none" })),
  receiver: "ok",
  speed: 1,
};

function truth(id: string): Truth {
  return { kind: "truth", id, cursor: "a-1", topic: "orders", type: "created", time: 1 };
}

/** A feed, and pages that watch it over real sockets. */
async function open(options: Partial<LiveFeedOptions> = {}): Promise<{
  readonly feed: LiveFeed;
  readonly watch: () => Promise<LivePage>;
}> {
  const feed = new LiveFeed({ now: () => 0, state: () => STATE, ...options });
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => feed.add(socket));
  closing.push(
    () => server.close(),
    () => feed.close(),
  );
  await once(server, "listening");
  const watch = async (): Promise<LivePage> => {
    const page = await LivePage.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    closing.push(() => page.close());
    await page.until("state");
    return page;
  };
  return { feed, watch };
}

function idsOf(page: LivePage): readonly string[] {
  return page.all("truth").map(({ id }) => id);
}

describe("the live feed", () => {
  test("gives a page that comes late the state and what happened, and then what happens, in order, once", async () => {
    const { feed, watch } = await open();
    feed.tell(truth("1"));
    const early = await watch();
    feed.tell(truth("2"));
    feed.tell(truth("3"));
    const late = await watch();
    feed.tell(truth("4"));
    feed.tellState();
    for (const page of [early, late]) {
      await vi.waitUntil(() => page.all("state").length === 2, WAIT);
      expect(idsOf(page)).toEqual(["1", "2", "3", "4"]);
      expect(page.frames[0]?.[0]).toEqual(STATE);
    }
  });

  test("joins what happens at once in one frame", async () => {
    const { feed, watch } = await open();
    const page = await watch();
    for (let id = 0; id < 100; id += 1) feed.tell(truth(String(id)));
    await vi.waitUntil(() => page.all("truth").length === 100, WAIT);
    expect(page.frames.filter((frame) => frame.some(({ kind }) => kind === "truth"))).toHaveLength(1);
  });

  test("ticks", async () => {
    const { watch } = await open({ now: () => 5 });
    expect(await (await watch()).until("tick")).toEqual({ kind: "tick", at: 5 });
  });

  test("remembers for so long, and so much", async () => {
    let now = 0;
    const length = JSON.stringify(truth("1")).length;
    const { feed, watch } = await open({ now: () => now, rememberMs: 100, rememberedLength: 3 * length });
    feed.tell(truth("1"));
    now = 50;
    for (const id of ["2", "3"]) feed.tell(truth(id));
    expect(idsOf(await watch())).toEqual(["1", "2", "3"]);
    feed.tell(truth("4"));
    expect(idsOf(await watch())).toEqual(["2", "3", "4"]);
    now = 151;
    expect(idsOf(await watch())).toEqual([]);
  });

  test("leaves a page that does not read", async () => {
    const { feed, watch } = await open({ maxBufferedBytes: 100_000, rememberedLength: 1_000 });
    const slow = await watch();
    const quick = await watch();
    slow.socket.pause();
    const closed = once(slow.socket, "close");
    const large = { ...truth("1"), topic: "x".repeat(1_000_000) };
    for (let round = 0; round < 40; round += 1) {
      feed.tell(large);
      await vi.waitUntil(() => quick.all("truth").length > round, WAIT);
    }
    slow.socket.resume();
    await closed;
    expect(slow.all("truth").length).toBeLessThan(40);
    expect(quick.all("truth")).toHaveLength(40);
  });
});
