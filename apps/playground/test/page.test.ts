import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Chromium, reasonToSkip } from "../../../test/client/support/chromium.ts";
import { LANES } from "../page/lanes.ts";
import type { Arrow, LaneName, Setup } from "../src/stage/stage-protocol.ts";
import { LivePage } from "./stage/live-page.ts";
import { OpenPage } from "./open-page.ts";
import { Started } from "./started.ts";
import { WAIT } from "./wait.ts";

const NAMES = LANES.map(({ name }) => name);
/** An order is placed, baked and ready. */
const EVENTS = 3;
/** Runs in the page: notes whatever moves without anybody having done something. */
const NOTE_SHIFTS = `
  globalThis.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) shifts.push(value);
  }).observe({ type: "layout-shift", buffered: true });
`;
const skipped = reasonToSkip();

describe.skipIf(skipped !== null)(`the page in Chromium${skipped === null ? "" : ` (skipped: ${skipped})`}`, () => {
  let folder: string;
  let started: Started;
  let chromium: Chromium;
  let open: OpenPage;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-page-"));
    [started, chromium] = await Promise.all([Started.open(folder), Chromium.start()]);
  });

  afterEach(async () => {
    await open.page.close();
    expect(open.complaints).toEqual([]);
  });

  afterAll(async () => {
    await chromium.close();
    started.signal("SIGTERM");
    await started.exitCode();
    await rm(folder, { recursive: true, force: true });
  });

  const begin = async (prepare?: (page: Page) => Promise<void>): Promise<OpenPage> => {
    open = await OpenPage.open(chromium.context, started.page, prepare);
    return open;
  };

  test("an order goes through all lanes, and nothing is said in the console", async () => {
    const { page } = await begin();
    await open.order("calzone");
    await open.untilAllHave(EVENTS);
    const chip = page.locator('.column[data-status="ready"] .chip').first();
    await chip
      .locator("i.on")
      .nth(NAMES.length - 1)
      .waitFor();
    expect(await chip.textContent()).toContain("calzone");
    expect(await page.locator("#announcer").textContent()).toMatch(/^calzone \w{6} is ready$/);
    for (const [name, { median, requests, up, down }] of Object.entries(await open.figures())) {
      expect({ name, median, requests, up, down }).toMatchObject({
        median: expect.stringMatching(/^[\d.]+ m?s$/) as string,
        requests: expect.stringMatching(/^[1-9]/) as string,
        up: expect.stringMatching(/^[1-9]/) as string,
        down: expect.stringMatching(/^[1-9]/) as string,
      });
    }
  });

  test("every lane is cut while ten pizzas bake: none loses or doubles anything", async () => {
    await begin();
    await open.orderTen();
    for (const name of NAMES) await open.trouble(name, "Cut");
    await open.orderTen();
    await open.troubleAll("Cut");
    await open.untilAllHave(20 * EVENTS);
    await open.untilConnected();
  });

  test("all lanes are offline and come back, with what happened meanwhile", async () => {
    await begin();
    await open.troubleAll("Offline 10 s");
    await open.untilFigures("all but the webhook have noticed", (figures) =>
      NAMES.every((name) => name === "rest-hooks" || figures[name]["state"] === "waiting"),
    );
    await open.orderTen();
    await open.page.locator('.column[data-status="ready"] .tally').waitFor();
    await open.troubleAll("Heal");
    await open.untilAllHave(10 * EVENTS);
    await open.untilConnected();
  });

  test("over a slow line everything comes later, and comes", async () => {
    await begin();
    await open.troubleAll("Slow");
    await open.order("margherita");
    await open.untilAllHave(EVENTS);
    await open.troubleAll("Heal");
  });

  test.each(["Restart", "Kill"] as const)(
    "the gateway is gone and comes back while pizzas bake: %s",
    async (button) => {
      const { page } = await begin();
      await open.orderTen();
      // An order that is on its way when the gateway dies may be taken in vain.
      const tallies = (): Promise<string[]> => page.locator(".tally").allTextContents();
      await vi.waitUntil(async () => (await tallies()).reduce((sum, tally) => sum + Number(tally), 0) === 10, WAIT);
      await open.toGateway(button);
      await page.locator('#gateway-state[data-state="down"]').waitFor();
      await page.locator('[data-lane="rest-hooks"][data-state="waiting"]').waitFor();
      await page.locator('#gateway-state[data-state="up"]').waitFor({ timeout: 30_000 });
      await open.order("funghi");
      // A change whose answer got lost may be told twice, as two events: how many there are, the log says.
      await open.untilConnected();
      await open.untilFigures("all have the same", (figures) => {
        const lanes = Object.values(figures);
        expect(lanes.map(({ lost, doubled }) => [lost, doubled])).toEqual(NAMES.map(() => ["0", "0"]));
        const [count] = lanes.map(({ events }) => events);
        return Number(count) >= 11 * EVENTS && lanes.every(({ events }) => events === count);
      });
    },
    120_000,
  );

  test("one client goes through all transports while pizzas bake", async () => {
    await begin();
    let orders = 0;
    for (const transport of ["WS", "Poll", "Long", "SSE", "WS", "Long"]) {
      await open.orderTen();
      orders += 10;
      await open.choose("switcher", transport);
    }
    await open.untilAllHave(orders * EVENTS);
  });

  test("the webhook's receiver fails for a while: what it refused is delivered again", async () => {
    await begin();
    await open.choose("rest-hooks", "Fails");
    await open.order("diavola");
    await open.untilFigures("others have it, and it was refused more than once", (figures) => {
      expect(figures["rest-hooks"]["events"]).toBe("0");
      return figures.sse["events"] === String(EVENTS) && Number(figures["rest-hooks"]["requests"]) > 1;
    });
    await open.choose("rest-hooks", "Takes");
    await open.untilAllHave(EVENTS);
    expect(Number((await open.figures())["rest-hooks"]["requests"])).toBeGreaterThan(EVENTS);
  });

  test("a receiver that is gone is taken off the list, and can be put on it again", async () => {
    await begin();
    const hook = open.lane("rest-hooks");
    await open.choose("rest-hooks", "410");
    await open.order("diavola");
    await open.untilFigures("the hook is gone", (figures) => figures["rest-hooks"]["state"] === "gone");
    await open.choose("rest-hooks", "Takes");
    await hook.getByRole("button", { name: "Register again" }).click();
    await open.untilConnected();
    await open.order("funghi");
    await open.untilFigures("the hook has it", (figures) => {
      expect(figures["rest-hooks"]).toMatchObject({ lost: "0", doubled: "0" });
      return Number(figures["rest-hooks"]["events"]) >= EVENTS;
    });
  });

  test("a delivery that is sent again is repeated and recognised; an event that is handed on twice is doubled", async () => {
    const setup = (await (await fetch(`${started.page}/stage/setup`)).json()) as Setup;
    const wire = await LivePage.open(started.page);
    await begin();
    await open.order("diavola");
    await open.untilAllHave(EVENTS);
    const newest = (isIt: (arrow: Arrow) => boolean): string =>
      wire.all("arrow").findLast((arrow) => arrow.lane === "rest-hooks" && isIt(arrow))?.text ?? "";
    const secret = /^x-hook-secret: (\S+)/im.exec(newest(({ label }) => label === "POST, handshake"))?.[1] ?? "";
    const text = newest(({ label }) => label.endsWith("created"));
    wire.close();
    const body = text.slice(text.indexOf("\r\n\r\n") + 4);
    const { id } = JSON.parse(body) as { readonly id: string };
    const deliver = async (webhookId: string): Promise<void> => {
      const at = new Date();
      const headers = {
        "webhook-id": webhookId,
        "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
        "webhook-signature": new Webhook(secret).sign(webhookId, at, body),
      };
      expect((await fetch(setup.lanes["rest-hooks"], { method: "POST", headers, body })).status).toBe(204);
    };
    const counted = (doubled: string, repeated: string): Promise<void> =>
      open.untilFigures(`${doubled} doubled, ${repeated} repeated`, (figures) => {
        const hook = figures["rest-hooks"];
        return hook["events"] === String(EVENTS) && hook["doubled"] === doubled && hook["repeated"] === repeated;
      });
    const lane = open.lane("rest-hooks");
    await deliver(id);
    await counted("0", "1");
    expect(await lane.locator(".figures").innerText()).toMatch(/Repeated\s+1, recognised/);
    expect(await lane.locator('[data-figure="doubled"]').getAttribute("data-tone")).toBe("good");
    await deliver(`${id}-again`);
    await counted("1", "1");
    expect(await lane.locator('[data-figure="doubled"]').getAttribute("data-tone")).toBe("bad");
  });

  test("an item that comes again over BOSH is repeated and recognised", async () => {
    await begin(async (fresh) => {
      // The first message of an answer comes twice in it.
      await fresh.route("**/http-bind", async (route) => {
        const response = await route.fetch();
        const body = await response.text();
        await route.fulfill({ response, body: body.replace(/<message .*?<\/message>/s, "$&$&") });
      });
    });
    await open.order("diavola");
    await open.untilAllHave(EVENTS);
    await open.untilFigures("what came again was recognised", ({ bosh }) => Number(bosh["repeated"]) >= 1);
    expect((await open.figures()).bosh).toMatchObject({ events: String(EVENTS), doubled: "0" });
    await open.page.unrouteAll({ behavior: "ignoreErrors" });
  });

  test("all counters begin anew, by the keyboard too, and time goes on", async () => {
    const { page } = await begin();
    await open.order("funghi");
    await open.untilAllHave(EVENTS);
    const reset = page.getByRole("button", { name: "Reset the counters of all lanes" });
    await reset.focus();
    await page.keyboard.press("Enter");
    const figures = await open.figures();
    for (const { events, median, lost, doubled, repeated } of Object.values(figures)) {
      expect([events, median, lost, doubled, repeated]).toEqual(["0", "–", "0", "0", "0"]);
    }
    expect(figures.sse).toMatchObject({ requests: "0", up: "0 B", down: "0 B" });
    await page.locator("#announcer", { hasText: "All counters are at 0" }).waitFor();
    expect(await page.locator("#pause .name").textContent()).toBe("Pause");
    // What has been seen is still in the picture.
    await open.lane("sse").locator("canvas").focus();
    await page.keyboard.press("ArrowLeft");
    expect(await page.locator("#bytes-text").textContent()).toContain('"pizza":"funghi"');
    await open.order("funghi");
    await open.untilAllHave(EVENTS);
  });

  test("polls come as often, and wait as long, as one likes", async () => {
    const { page } = await begin();
    await page.getByRole("slider", { name: "Every" }).fill("0");
    await page.getByRole("slider", { name: "Waits up to" }).fill("0");
    expect(await page.getByRole("slider", { name: "Every" }).getAttribute("aria-valuetext")).toBe("200 ms");
    // Ends the wait that has begun before.
    await open.order("funghi");
    await open.untilFigures("both have asked in vain", (figures) =>
      [figures.polling, figures["long-polling"]].every(({ wasted }) => Number(wasted) >= 3),
    );
    expect(Number((await open.figures()).sse["requests"])).toBe(1);
  });

  test("light or dark, as one likes, and it is remembered", async () => {
    const { page } = await begin((fresh) => fresh.emulateMedia({ colorScheme: "light" }));
    const ground = (): Promise<string> => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await ground();
    await page.getByRole("radio", { name: "Dark" }).check();
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.reload();
    await open.untilConnected();
    expect(await ground()).toBe(dark);
    await page.getByRole("radio", { name: "Auto" }).check();
    expect(await ground()).toBe(light);
  });

  test("by the keyboard alone: order, stop, go through the arrows, read, go on", async () => {
    const { page } = await begin();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.className")).toBe("skip");
    await page.locator('[data-pizza="marinara"]').focus();
    await page.keyboard.press("Enter");
    await open.untilAllHave(EVENTS);
    const strip = open.lane("sse").locator("canvas");
    await strip.focus();
    await page.keyboard.press("ArrowLeft");
    expect(await page.locator("#bytes").isVisible()).toBe(true);
    expect(await page.locator("#bytes-text").textContent()).toContain('"pizza":"marinara"');
    expect(await page.locator("#pause .name").textContent()).toBe("Go on");
    expect(await page.locator("#arrow-announcer").textContent()).toMatch(
      /^Server-Sent Events, [\d:.]+: event from gateway to client, orders\/\w+ updated, \d+ B$/,
    );
    const first = await page.locator("#facts").textContent();
    await page.keyboard.press("ArrowLeft");
    expect(await page.locator("#facts").textContent()).not.toBe(first);
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate("document.activeElement.closest('.lane').dataset.lane")).toBe("websocket");
    expect(await page.locator("#facts").textContent()).toContain("WebSocket");
    await page.keyboard.press("+");
    expect(await page.locator("#span-text").textContent()).not.toBe("20 s");
    await page.keyboard.press("Escape");
    expect(await page.locator("#key").isVisible()).toBe(true);
    await page.keyboard.press(" ");
    expect(await page.locator("#pause .name").textContent()).toBe("Pause");
  });

  test("by the mouse: point at an arrow, drag back, zoom with the wheel", async () => {
    const { page } = await begin();
    await open.order("marinara");
    await open.untilAllHave(EVENTS);
    const strip = open.lane("websocket").locator("canvas");
    await page.locator("#pause").click();
    await strip.scrollIntoViewIfNeeded();
    const box = await strip.boundingBox();
    if (box === null) throw new Error("no strip");
    const y = box.y + box.height / 2;
    let x = box.x + box.width;
    // From the right, until an arrow is met.
    while (x > box.x && !(await page.locator("#bytes").isVisible())) await page.mouse.move((x -= 4), y);
    expect(await page.locator("#bytes-text").textContent()).toContain('"pizza":"marinara"');
    await page.mouse.down();
    await page.mouse.move(x - 60, y, { steps: 4 });
    await page.mouse.up();
    // The wheel alone is for the page; that it can zoom is written there.
    const place = (): Promise<unknown> => page.evaluate("scrollY");
    const before = await place();
    await page.mouse.wheel(0, 40);
    await vi.waitUntil(async () => (await place()) !== before, WAIT);
    expect(await page.locator("#span-text").textContent()).toBe("20 s");
    expect(await page.locator(".hands").innerText()).toBe("Ctrl + wheel zooms, drag looks back");
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, -300);
    await page.keyboard.up("Control");
    await vi.waitUntil(async () => (await page.locator("#span-text").textContent()) !== "20 s", WAIT);
  });

  test("by touch: tap an arrow, close it again, pinch", async () => {
    const { page } = await begin((fresh) => fresh.setViewportSize({ width: 390, height: 844 }));
    const touch = await page.context().newCDPSession(page);
    await touch.send("Emulation.setTouchEmulationEnabled", { enabled: true });
    const fingers = (type: "touchStart" | "touchMove" | "touchEnd", ...xs: readonly number[]): Promise<unknown> =>
      touch.send("Input.dispatchTouchEvent", { type, touchPoints: xs.map((x, id) => ({ x, y, id })) });
    await open.order("marinara");
    await open.untilAllHave(EVENTS);
    await page.locator("#pause").click();
    const strip = open.lane("sse").locator("canvas");
    await strip.scrollIntoViewIfNeeded();
    const box = await strip.boundingBox();
    if (box === null) throw new Error("no strip");
    const y = box.y + box.height / 2;
    let x = box.x + box.width;
    while (x > box.x && !(await page.locator("#bytes").isVisible())) {
      await fingers("touchStart", (x -= 12));
      await fingers("touchEnd");
    }
    expect(await page.locator("#bytes-text").textContent()).toContain('"pizza":"marinara"');
    await page.locator("#bytes-close").click();
    expect(await page.locator("#bytes").isVisible()).toBe(false);
    await fingers("touchStart", 150, 250);
    for (const by of [10, 20, 30, 40, 50]) await fingers("touchMove", 150 - by, 250 + by);
    await fingers("touchEnd");
    await vi.waitUntil(async () => Number.parseFloat((await page.locator("#span-text").textContent()) ?? "") < 8, WAIT);
  });

  test.each([
    [1440, "light"],
    [820, "dark"],
    [390, "light"],
    [360, "dark"],
  ] as const)("%d pixels wide, %s: nothing sticks out, moves or is hard to use", async (width, colorScheme) => {
    const { page } = await begin(async (fresh) => {
      await fresh.setViewportSize({ width, height: 900 });
      await fresh.emulateMedia({ colorScheme });
      await fresh.addInitScript(NOTE_SHIFTS);
    });
    await open.order("calzone");
    await open.untilAllHave(EVENTS);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    expect(await page.evaluate("shifts")).toEqual([]);
    const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    await page.evaluate(`${axe}; undefined`);
    const faults = await page.evaluate(
      `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]))`,
    );
    expect(faults).toEqual([]);
  });

  test("a second tab waits until the first is gone", async () => {
    await begin();
    const second = await chromium.context.newPage();
    await second.goto(started.page);
    await second.getByRole("dialog").waitFor();
    await open.page.close();
    await second.locator("body[data-open]").waitFor({ timeout: 20_000 });
    expect(await second.getByRole("dialog").isVisible()).toBe(false);
    await second.close();
  });

  test.each([1440, 390])(
    "the guide goes on as things are done, and always shows with what (%d pixels)",
    async (width) => {
      const { page } = await begin((fresh) => fresh.setViewportSize({ width, height: 900 }));
      const isAt = async (title: string): Promise<void> => {
        await page.locator(".guide-steps .now", { hasText: title }).waitFor();
        await page.locator(".next:visible").first().waitFor();
      };
      const unfold = async (name: LaneName): Promise<void> => {
        if (width < 640) await open.lane(name).locator("summary").click();
      };
      await isAt("Order");
      await open.order("marinara");
      await isAt("Look");
      await open.lane("sse").locator("canvas").focus();
      await page.keyboard.press("ArrowLeft");
      await isAt("Cut");
      await unfold("sse");
      await open.trouble("sse", "Cut");
      await isAt("Come back");
      await open.order("marinara");
      await isAt("Switch");
      await unfold("switcher");
      await open.choose("switcher", "WS");
      await isAt("Fail");
      await unfold("rest-hooks");
      await open.choose("rest-hooks", "Fails");
      await isAt("Forgive");
      await open.choose("rest-hooks", "Takes");
      await isAt("Restart");
    },
  );
});

/** Keeps the list of lanes honest: what the page shows is what the stage has. */
test("the page has a lane for each tap", () => {
  const all: Readonly<Record<LaneName, true>> = {
    polling: true,
    "long-polling": true,
    sse: true,
    websocket: true,
    "rest-hooks": true,
    bosh: true,
    switcher: true,
  };
  expect([...NAMES].sort()).toEqual(Object.keys(all).sort());
});
