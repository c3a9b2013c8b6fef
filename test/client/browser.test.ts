import type * as client from "@sluice/client";
import type { TransportName } from "@sluice/client";
import type * as shared from "@sluice/client/shared";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TestGateway } from "../support/test-gateway.ts";
import { freshTopic } from "../support/topics.ts";
import { until } from "../support/until.ts";
import { Chance } from "./support/chance.ts";
import { Chromium, reasonToSkip } from "./support/chromium.ts";
import { HostileProxy } from "./support/hostile-proxy.ts";
import { PageServer } from "./support/page-server.ts";
import { faultIn, phaseOf, publishNumbers, STORM, STORM_EVENTS, STORM_GATEWAY, STORM_TIMING } from "./support/storm.ts";

const SEED = Number(process.env["STORM_SEED"] ?? 6);
const TRANSPORTS: readonly ("auto" | TransportName)[] = ["auto", "websocket", "sse", "long-polling", "polling"];
const skipped = reasonToSkip();

describe.skipIf(skipped !== null)(`in Chromium${skipped === null ? "" : ` (skipped: ${skipped})`}`, () => {
  let chromium: Chromium;
  let pages: PageServer;
  const open: { close(): Promise<void> | void }[] = [];
  beforeAll(async () => {
    [chromium, pages] = await Promise.all([Chromium.start(), PageServer.start()]);
  });
  afterEach(async () => {
    for (const one of open.splice(0).toReversed()) await one.close();
  });
  afterAll(async () => {
    await chromium.close();
    await pages.close();
  });

  const newPage = async (): Promise<Page> => {
    const page = await chromium.context.newPage();
    await page.goto(pages.url);
    return page;
  };

  describe("through a hostile proxy", () => {
    test.each(TRANSPORTS)(
      `%s: ${STORM_EVENTS} events, none lost, none doubled, in order`,
      async (transport) => {
        const chance = new Chance(SEED);
        const gateway = await TestGateway.start(STORM_GATEWAY);
        const proxy = await HostileProxy.start(gateway.url, STORM, chance);
        const page = await newPage();
        open.push(gateway, proxy, page);
        const topic = freshTopic("storm");
        await page.exposeFunction("progress", (count: number) => {
          proxy.cutAll();
          if (transport === "auto") proxy.temper = phaseOf(count);
        });
        const reading = page.evaluate(readNumbers, {
          url: proxy.url,
          options: { topics: topic, after: "earliest", transport, timing: STORM_TIMING },
          count: STORM_EVENTS,
        });
        const [{ numbers, gaps, transports }] = await Promise.all([
          reading,
          publishNumbers(gateway.publisher, topic, chance),
        ]);
        expect(faultIn(numbers)).toBeNull();
        expect(gaps).toBe(0);
        if (transport === "auto") expect(transports.length).toBeGreaterThan(1);
        else expect(transports).toEqual([transport]);
      },
      240_000,
    );
  });

  const shared = "ten tabs share one connection; each gets every event, also when the one that holds it is closed";
  test.each(["websocket", "sse"] as const)(`${shared}: %s`, async (transport) => {
    const gateway = await TestGateway.start(STORM_GATEWAY);
    open.push(gateway);
    const topic = freshTopic("tabs");
    const tabs: Page[] = [];
    for (let count = 0; count < 10; count += 1) {
      const tab = await newPage();
      tabs.push(tab);
      await tab.evaluate(shareNumbers, { url: gateway.url, topic, options: { transport } });
      await until(`tab ${count} is open`, () => tab.evaluate(() => shown().state === "open"));
    }
    expect(await gateway.connections(transport)).toBe(1);
    const publish = (from: number, to: number): Promise<unknown> =>
      gateway.publisher.publish(
        ...Array.from({ length: to - from + 1 }, (_, index) => ({ topic, data: from + index })),
      );
    const has = (tab: Page, count: number): Promise<boolean> =>
      tab.evaluate((wanted) => shown().numbers.length >= wanted, count);
    await publish(1, 200);
    for (const tab of tabs) await until("200 events in each tab", () => has(tab, 200));
    // The first one has held the connection since before the others came.
    const leader = tabs.shift() as Page;
    const publishing = (async () => {
      for (let from = 201; from <= 1200; from += 10) await publish(from, from + 9);
    })();
    await until("events are on their way", () => has(leader, 300));
    await leader.close();
    await publishing;
    for (const tab of tabs) {
      await until("1200 events in each tab", () => has(tab, 1200));
      const { numbers, gaps } = await tab.evaluate(() => shown());
      expect([faultIn(numbers, 1200), gaps]).toEqual([null, 0]);
    }
    await gateway.untilConnections(transport, 1);
    for (const tab of tabs) await tab.close();
    await gateway.untilConnections(transport, 0);
  });

  test("tabs that share a connection through a hostile proxy: none lost, none doubled, in order", async () => {
    const count = 4000;
    const chance = new Chance(SEED);
    const gateway = await TestGateway.start(STORM_GATEWAY);
    const proxy = await HostileProxy.start(gateway.url, STORM, chance);
    open.push(gateway, proxy);
    const topic = freshTopic("tabs");
    const tabs: Page[] = [];
    const share = async (): Promise<void> => {
      const tab = await newPage();
      tabs.push(tab);
      open.push(tab);
      const options = { after: "earliest", timing: STORM_TIMING };
      await tab.evaluate(shareNumbers, { url: proxy.url, topic, options });
    };
    for (let tab = 0; tab < 4; tab += 1) await share();
    const publishing = publishNumbers(gateway.publisher, topic, chance, count);
    const has = (tab: Page, wanted: number): Promise<boolean> =>
      tab.evaluate((least) => shown().numbers.length >= least, wanted);
    await until("a third", () => has(tabs[1] as Page, count / 3), 60_000);
    await tabs.shift()?.close();
    await until("two thirds", () => has(tabs[1] as Page, (2 * count) / 3), 60_000);
    proxy.cutAll();
    // One that comes late has to read everything by itself.
    await share();
    await publishing;
    for (const tab of tabs) {
      await until(`${count} events`, () => has(tab, count), 60_000);
      const { numbers, gaps } = await tab.evaluate(() => shown());
      expect([faultIn(numbers, count), gaps]).toEqual([null, 0]);
    }
  }, 240_000);

  test("tabs with topics of their own share it too; each begins where it wants, and a slow one misses nothing", async () => {
    const gateway = await TestGateway.start(STORM_GATEWAY);
    open.push(gateway);
    const [one, two] = [freshTopic("tabs"), freshTopic("tabs")] as const;
    const publish = (topic: string, from: number, to: number): Promise<unknown> =>
      gateway.publisher.publish(
        ...Array.from({ length: to - from + 1 }, (_, index) => ({ topic, data: from + index })),
      );
    await publish(one, 1, 900);
    await publish(two, 1, 900);
    const share = async (options: object, slow = false): Promise<Page> => {
      const tab = await newPage();
      open.push(tab);
      await tab.evaluate(shareNumbers, { url: gateway.url, topic: "", options, slow });
      return tab;
    };
    const all = await share({ topics: one, after: "earliest" });
    const last = await share({ topics: two, last: 3 });
    const slow = await share({ topics: two, after: "earliest", buffer: { events: 20 } }, true);
    const both = await share({ topics: "*", after: "earliest" });
    for (const tab of [all, last, both]) await until("open", () => tab.evaluate(() => shown().state === "open"));
    expect(await gateway.connections("websocket")).toBe(1);
    await publish(one, 901, 1000);
    await publish(two, 901, 1000);
    const expectNumbers = async (tab: Page, count: number): Promise<readonly number[]> => {
      await until(`${count} events`, () => tab.evaluate((wanted) => shown().numbers.length >= wanted, count), 60_000);
      return tab.evaluate(() => shown().numbers);
    };
    expect(faultIn(await expectNumbers(all, 1000), 1000)).toBeNull();
    expect(faultIn(await expectNumbers(slow, 1000), 1000)).toBeNull();
    expect((await expectNumbers(last, 103)).slice(0, 4)).toEqual([898, 899, 900, 901]);
    expect((await expectNumbers(both, 2000)).length).toBe(2000);
    // A topic more, in the middle.
    await last.evaluate((topic) => shown().subscribe(topic), one);
    await publish(one, 1001, 1001);
    expect((await expectNumbers(last, 104)).at(-1)).toBe(1001);
    expect(await gateway.connections("websocket")).toBe(1);
  });

  test("a tab that is out of sight for long sleeps until it is seen again", async () => {
    const gateway = await TestGateway.start(STORM_GATEWAY);
    const page = await newPage();
    open.push(gateway, page);
    const topic = freshTopic("hidden");
    await page.evaluate(shareNumbers, { url: gateway.url, topic, options: { shared: false, sleepAfterMs: 1 } });
    const state = (): Promise<string> => page.evaluate(() => shown().state);
    await until("open", async () => (await state()) === "open");
    await page.evaluate(setHidden, true);
    await until("asleep", async () => (await state()) === "asleep");
    await gateway.untilConnections("websocket", 0);
    await gateway.publisher.publish({ topic, data: 1 });
    await page.evaluate(setHidden, false);
    await until("one", () => page.evaluate(() => shown().numbers.length === 1));
    expect(await state()).toBe("open");
  });

  test("without a network it sleeps, and goes on where it was", async () => {
    const gateway = await TestGateway.start(STORM_GATEWAY);
    const page = await newPage();
    open.push(gateway, page);
    const topic = freshTopic("offline");
    await page.evaluate(shareNumbers, { url: gateway.url, topic, options: { shared: false } });
    const state = (): Promise<string> => page.evaluate(() => shown().state);
    await until("open", async () => (await state()) === "open");
    await gateway.publisher.publish({ topic, data: 1 });
    await until("one", () => page.evaluate(() => shown().numbers.length === 1));
    await chromium.context.setOffline(true);
    await until("asleep", async () => (await state()) === "asleep");
    await gateway.publisher.publish({ topic, data: 2 });
    await chromium.context.setOffline(false);
    await until("two", () => page.evaluate(() => shown().numbers.length === 2));
    expect(await state()).toBe("open");
  });
});

interface Shown {
  readonly numbers: number[];
  gaps: number;
  state: string;
  readonly subscribe: (topic: string) => Promise<void>;
}

/** What a tab has put on its window. Runs in the page. */
declare function shown(): Shown;

/** What the page has on its window. */
interface Scene {
  readonly sluice: { readonly client: typeof client; readonly shared: typeof shared };
  readonly progress: (count: number) => void;
}

interface TabOrder {
  readonly url: string;
  readonly topic: string;
  readonly options?: object;
  /** Takes a moment for each event. */
  readonly slow?: boolean;
}

interface Order {
  readonly url: string;
  readonly options: object;
  readonly count: number;
}

/** Runs in the page. */
async function readNumbers({ url, options, count }: Order): Promise<{
  readonly numbers: number[];
  readonly gaps: number;
  readonly transports: readonly string[];
}> {
  const { sluice: modules, progress } = globalThis as unknown as Scene;
  const clock = {
    monotonic: () => performance.now(),
    after(delayMs: number, task: () => void) {
      const timer = setTimeout(task, delayMs);
      return () => clearTimeout(timer);
    },
    // The waits between attempts are a fifth of what they are else: so many failures would take minutes.
    random: () => Math.random() / 5,
  };
  const sluice = modules.client.connect<number>(url, { ...options, clock });
  const transports = new Set<string>();
  sluice.on("transport", (change) => transports.add(change.transport));
  const numbers: number[] = [];
  let gaps = 0;
  for await (const item of sluice) {
    if (item.gap !== undefined) gaps += 1;
    else numbers.push(item.data);
    if (numbers.length % 400 === 0) progress(numbers.length);
    if (numbers.length >= count && numbers.at(-1) === count) break;
  }
  sluice.close();
  return { numbers, gaps, transports: [...transports] };
}

/** Runs in the page. */
function shareNumbers({ url, topic, options = {}, slow = false }: TabOrder): void {
  const { shared } = (globalThis as unknown as Scene).sluice;
  const sluice = shared.connect<number>(url, { topics: topic, ...options });
  const own: Shown = { numbers: [], gaps: 0, state: sluice.state, subscribe: (added) => sluice.subscribe(added) };
  (globalThis as unknown as { shown: () => Shown }).shown = () => own;
  sluice.on("event", (event) => {
    own.numbers.push(event.data);
    return slow ? new Promise((resolve) => setTimeout(resolve)) : undefined;
  });
  sluice.on("gap", () => (own.gaps += 1));
  sluice.on("state", ({ state }) => (own.state = state));
}

/** Runs in the page: a headless browser has no tabs that are out of sight. */
function setHidden(isHidden: boolean): void {
  const { document } = globalThis as unknown as { readonly document: EventTarget };
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}
