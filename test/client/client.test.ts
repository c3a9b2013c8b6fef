import {
  connect,
  SluiceError,
  type ConnectOptions,
  type Item,
  type Sluice,
  type State,
  type TransportName,
} from "@sluice/client";
import { afterEach, describe, expect, test } from "vitest";
import { mergeSettings, type Settings } from "../support/settings.ts";
import { TestGateway } from "../support/test-gateway.ts";
import { SECRET, signToken, tokenFor } from "../support/tokens.ts";
import { freshTopic } from "../support/topics.ts";
import { until } from "../support/until.ts";
import { Chance } from "./support/chance.ts";
import { HostileProxy, type Temper } from "./support/hostile-proxy.ts";
import { STORM_GATEWAY, STORM_TIMING } from "./support/storm.ts";

const TRANSPORTS: readonly TransportName[] = ["websocket", "sse", "long-polling", "polling"];
const JWT: Settings = { access: { public: ["open/**"], jwt: { secret: SECRET } } };

const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function start(settings: Settings = {}): Promise<TestGateway> {
  const gateway = await TestGateway.startWithSqlite(mergeSettings(STORM_GATEWAY, settings));
  open.push(gateway);
  return gateway;
}

async function startProxy(gateway: TestGateway, temper: Temper): Promise<HostileProxy> {
  const proxy = await HostileProxy.start(gateway.url, temper, new Chance(1));
  open.push(proxy);
  return proxy;
}

/** A client, what it has handed over, and what it has been through. */
interface Reading {
  readonly sluice: Sluice<number>;
  readonly items: Item<number>[];
  readonly states: State[];
  readonly numbers: () => readonly number[];
}

function read(url: string, options: ConnectOptions): Reading {
  const sluice = connect<number>(url, { timing: STORM_TIMING, ...options });
  open.push(sluice);
  const items: Item<number>[] = [];
  const states: State[] = [];
  sluice.on("event", (event) => void items.push(event));
  sluice.on("gap", (gap) => void items.push({ gap }));
  sluice.on("state", ({ state }) => void states.push(state));
  const numbers = (): readonly number[] => items.flatMap(({ data }) => (data === undefined ? [] : [data]));
  return { sluice, items, states, numbers };
}

async function readOpen(url: string, options: ConnectOptions): Promise<Reading> {
  const reading = read(url, options);
  await until("open", () => reading.sluice.state === "open" && reading.sluice.cursor !== null);
  return reading;
}

describe.each(TRANSPORTS)("%s", (transport) => {
  test("what is published from when it is open comes, with its place", async () => {
    const gateway = await start();
    const topic = freshTopic();
    const { sluice, items, numbers } = await readOpen(gateway.url, { topics: topic, transport });
    const receipts = await gateway.publisher.publish({ topic, data: 1 }, { topic, data: 2, type: "x.y" });
    await until("two", () => numbers().length === 2);
    expect(items).toMatchObject([
      { topic, data: 1, type: "message" },
      { topic, data: 2, type: "x.y" },
    ]);
    expect(items.map((item) => (item as { cursor: string }).cursor)).toEqual(receipts.map(({ cursor }) => cursor));
    expect(sluice.cursor).toBe(receipts[1]?.cursor);
    expect(sluice.transport).toBe(transport);
  });

  test("the newest N first; types are kept to", async () => {
    const gateway = await start();
    const topic = freshTopic();
    await gateway.publisher.publish(
      ...[1, 2, 3, 4].map((data) => ({ topic, data, type: data % 2 === 0 ? "even" : "odd" })),
    );
    const last = read(gateway.url, { topics: topic, transport, last: 2 });
    const even = read(gateway.url, { topics: topic, transport, after: "earliest", types: ["even"] });
    await until("all", () => last.numbers().length === 2 && even.numbers().length === 2);
    await until("open", () => last.sluice.state === "open" && even.sluice.state === "open");
    await gateway.publisher.publish({ topic, data: 5, type: "odd" }, { topic, data: 6, type: "even" });
    await until("the rest", () => last.numbers().length === 4 && even.numbers().length === 3);
    expect(last.numbers()).toEqual([3, 4, 5, 6]);
    expect(even.numbers()).toEqual([2, 4, 6]);
  });

  test("a gap is a value among the events, told once", async () => {
    const gateway = await start({ retention: { events: 3 } });
    const topic = freshTopic();
    const [first] = await gateway.publisher.publish({ topic, data: 0 });
    await gateway.publisher.publish(...[1, 2, 3, 4, 5, 6].map((data) => ({ topic, data })));
    await until("retention", async () => {
      const page = await gateway.get(`/realtime/events?topic=${topic}&after=earliest`);
      return (page.json()["events"] as unknown[]).length === 3;
    });
    const after = first?.cursor as string;
    const sluice = connect<number>(gateway.url, { topics: topic, transport, after, timing: STORM_TIMING });
    open.push(sluice);
    const items: Item<number>[] = [];
    for await (const item of sluice) {
      items.push(item);
      if (items.length === 4) break;
    }
    expect(items[0]).toEqual({ gap: { after, resumedAt: expect.any(String), reason: "expired" } });
    expect(items.slice(1).map(({ data }) => data)).toEqual([4, 5, 6]);
  });

  test("goes on where it was when the gateway has been away", async () => {
    const gateway = await start();
    const topic = freshTopic();
    const { numbers, states } = await readOpen(gateway.url, { topics: topic, transport });
    await gateway.publisher.publish({ topic, data: 1 });
    await until("one", () => numbers().length === 1);
    const again = await gateway.restart();
    open.push(again);
    await again.publisher.publish({ topic, data: 2 }, { topic, data: 3 });
    await until("all", () => numbers().length >= 3);
    expect(numbers()).toEqual([1, 2, 3]);
    if (transport !== "polling") expect(states).toContain("waiting");
  });

  test("a slow loop stops the reading, and misses nothing", async () => {
    const gateway = await start();
    const topic = freshTopic();
    const data = "x".repeat(2000);
    const total = 3000;
    for (let from = 0; from < total; from += 500) {
      await gateway.publisher.publish(
        ...Array.from({ length: 500 }, (_, index) => ({ topic, data: `${from + index} ${data}` })),
      );
    }
    let received = 0;
    const sluice = connect<string>(gateway.url, {
      topics: topic,
      transport,
      after: "earliest",
      buffer: { events: 50 },
      timing: STORM_TIMING,
      // What is read from the network is counted where it can be.
      fetch: async (input, init) => {
        received += 1;
        return fetch(input, init);
      },
    });
    open.push(sluice);
    const states = new Set<State>();
    sluice.on("state", ({ state }) => void states.add(state));
    await until("full", () => states.has("paused"));
    const requests = received;
    const numbers: number[] = [];
    for await (const { data: text } of sluice) {
      numbers.push(Number(text?.split(" ")[0]));
      if (numbers.length === 1) expect(received).toBe(requests);
      // A reader that has something to do for each of them.
      await new Promise((resolve) => setImmediate(resolve));
      if (numbers.length === total) break;
    }
    expect(numbers).toEqual(Array.from({ length: total }, (_, index) => index));
  });

  test("topics are added and taken away", async () => {
    const gateway = await start();
    const [one, two] = [freshTopic(), freshTopic()] as const;
    const { sluice, numbers } = await readOpen(gateway.url, { topics: one, transport });
    await sluice.subscribe(two);
    expect(sluice.topics).toEqual([one, two]);
    await gateway.publisher.publish({ topic: one, data: 1 }, { topic: two, data: 2 });
    await until("both", () => numbers().length === 2);
    sluice.unsubscribe(one);
    await sluice.subscribe([two, freshTopic()]);
    await gateway.publisher.publish({ topic: one, data: 3 }, { topic: two, data: 4 });
    await until("the other", () => numbers().includes(4));
    expect(numbers()).toEqual([1, 2, 4]);
  });

  test("a topic that is refused is refused alone", async () => {
    const gateway = await start(JWT);
    const topic = `open/${freshTopic()}`;
    const { sluice, numbers } = await readOpen(gateway.url, { topics: topic, transport });
    await expect(sluice.subscribe("closed/x")).rejects.toMatchObject({ status: 401, code: "unauthorized" });
    expect(sluice.topics).toEqual([topic]);
    await gateway.publisher.publish({ topic, data: 1 });
    await until("one", () => numbers().length === 1);
  });

  test("without a grant it ends, and the loop throws why", async () => {
    const gateway = await start(JWT);
    for (const [token, status, code] of [
      [undefined, 401, "unauthorized"],
      [tokenFor({ read: ["other"] }), 403, "forbidden"],
    ] as const) {
      const sluice = connect(gateway.url, { topics: "closed/x", transport, ...(token !== undefined && { token }) });
      const error: unknown = await sluice[Symbol.asyncIterator]()
        .next()
        .catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(SluiceError);
      expect(error).toMatchObject({ status, code });
      expect(sluice.state).toBe("closed");
    }
  });

  test("a token that has ended is followed by a new one, and nothing is missed", async () => {
    const gateway = await start(JWT);
    const topic = `closed/${freshTopic()}`;
    const asked: number[] = [];
    const token = async (): Promise<string> => {
      const exp = Math.floor(Date.now() / 1000) + (asked.length === 0 ? 2 : 600);
      asked.push(exp);
      return signToken({ exp, sluice: { read: [topic] } });
    };
    const { numbers } = await readOpen(gateway.url, { topics: topic, transport, token });
    for (let data = 1; asked.length < 2; data += 1) {
      await gateway.publisher.publish({ topic, data });
      await until("it", () => numbers().length === data);
    }
    const before = numbers().length;
    await gateway.publisher.publish({ topic, data: before + 1 });
    await until("one more", () => numbers().length > before);
    expect(numbers()).toEqual(Array.from({ length: before + 1 }, (_, index) => index + 1));
    expect(asked).toHaveLength(2);
  });

  test("a wrong cursor ends it", async () => {
    const gateway = await start();
    const sluice = connect(gateway.url, { topics: "a", transport, after: "yesterday" });
    await expect(sluice[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "invalid-cursor", status: 400 });
  });
});

describe("auto", () => {
  test("through a proxy that drops upgrades it is SSE; once the proxy is mended it climbs back", async () => {
    const gateway = await start();
    const proxy = await startProxy(gateway, { "no-upgrade": 1 });
    const topic = freshTopic();
    // It gives up neither stream on a busy machine, and tries soon to climb.
    const timing = { climbMs: STORM_TIMING.climbMs, shortMs: STORM_TIMING.shortMs };
    const { sluice, numbers } = await readOpen(proxy.url, { topics: topic, timing });
    expect(sluice.transport).toBe("sse");
    await gateway.publisher.publish({ topic, data: 1 });
    await until("one", () => numbers().length === 1);
    proxy.temper = { pass: 1 };
    await until("WebSocket", () => sluice.transport === "websocket");
    await gateway.publisher.publish({ topic, data: 2 });
    await until("two", () => numbers().length === 2);
    await gateway.untilConnections("sse", 0);
  });

  test("through a proxy that holds streams back it is long polling", async () => {
    const gateway = await start();
    const proxy = await startProxy(gateway, { buffer: 1 });
    const topic = freshTopic();
    const { sluice, numbers } = await readOpen(proxy.url, { topics: topic, transport: ["sse", "long-polling"] });
    expect(sluice.transport).toBe("long-polling");
    await gateway.publisher.publish({ topic, data: 1 });
    await until("one", () => numbers().length === 1);
  });

  test("what the gateway has switched off is passed over; if it has none, that is the end", async () => {
    const gateway = await start({ transports: { sse: false, "long-polling": false } });
    const { sluice } = await readOpen(gateway.url, { topics: "a", transport: ["sse", "long-polling", "polling"] });
    expect(sluice.transport).toBe("polling");
    const none = connect(gateway.url, { topics: "a", transport: "sse" });
    await expect(none[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "transport-off" });
  });

  test("a connection that has fallen silent is left, with its place", async () => {
    const gateway = await start();
    const proxy = await startProxy(gateway, { stall: 1 });
    const topic = freshTopic();
    const { numbers } = read(proxy.url, { topics: topic, after: "earliest" });
    for (let data = 1; data <= 20; data += 1) await gateway.publisher.publish({ topic, data });
    await until("all", () => numbers().length >= 20, 60_000);
    expect(numbers()).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });
});

describe("publish", () => {
  test("needs a grant, and tells where the events are", async () => {
    const gateway = await start(JWT);
    const topic = `closed/${freshTopic()}`;
    const { sluice, numbers } = await readOpen(gateway.url, {
      topics: topic,
      token: tokenFor({ read: [topic], publish: [topic] }),
    });
    const receipts = await sluice.publish([
      { topic, data: 1 },
      { topic, data: 2, id: "mine" },
    ]);
    expect(receipts).toEqual([
      { id: expect.stringMatching(/^[\w-]+$/), cursor: expect.any(String) },
      { id: "mine", cursor: expect.any(String) },
    ]);
    await until("both", () => numbers().length === 2);
    await expect(sluice.publish({ topic: "closed/other", data: 1 })).rejects.toMatchObject({ status: 403 });
    await expect(sluice.publish({ topic: "a//b", data: 1 })).rejects.toMatchObject({ code: "invalid-topic" });
  });

  test("an answer that is lost on the way does not publish twice", async () => {
    const gateway = await start({ access: { jwt: { secret: SECRET } } });
    const topic = freshTopic();
    let tries = 0;
    const sluice = connect(gateway.url, {
      token: tokenFor({ publish: [topic], read: [topic] }),
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        tries += 1;
        if (tries > 1) return response;
        await response.text();
        throw new TypeError("the answer is lost");
      },
    });
    open.push(sluice);
    expect(await sluice.publish({ topic, data: 1 })).toEqual([
      { id: expect.any(String), cursor: expect.any(String), duplicate: true },
    ]);
    expect(tries).toBe(2);
  });
});

describe("options", () => {
  test.each([
    ["nonsense", {}, "No http address"],
    ["ftp://x", {}, "No http address"],
    ["http://x", { after: "a-1", last: 1 }, "exclude"],
    ["http://x", { transport: "pigeon" as TransportName }, "pigeon"],
    ["http://x", { transport: [] }, "No transport"],
  ] as const)("%s %j", (url, options, text) => {
    expect(() => connect(url, options)).toThrow(text);
  });

  test("an abort closes it, and loops end", async () => {
    const gateway = await start();
    const abort = new AbortController();
    const sluice = connect(gateway.url, { topics: "a", signal: abort.signal });
    const next = sluice[Symbol.asyncIterator]().next();
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(sluice.state).toBe("closed");
  });
});
