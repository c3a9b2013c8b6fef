import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AppSourceOptions } from "../src/index.ts";
import { bearer, filters, mayRead, until } from "./support/access.ts";
import { AppAccess, type AppReader, cookie } from "./support/app-access.ts";
import { READS, SECRET, sign } from "./support/tokens.ts";

const RECHECK_MS = 60_000;

let gateway: AppAccess;

beforeEach(async () => {
  gateway = await AppAccess.start();
});

afterEach(() => gateway.stop());

async function restart(options: Partial<AppSourceOptions>): Promise<void> {
  await gateway.stop();
  gateway = await AppAccess.start(options);
}

/** Moves the clock on in steps, so that what falls due is asked, and answered, at its own time. */
async function pass(ms: number, stepMs = 1_000): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    gateway.clock.advance(Math.min(stepMs, ms - passed));
    await settled();
  }
}

/** Waits for the answers to all questions that were put. */
async function settled(): Promise<void> {
  await until(() => {
    const { asked, granted, refused, down } = gateway.source.figures;
    return asked === granted + refused + down;
  });
}

const urls = (): string[] => gateway.app.asked.map(({ url }) => url);

describe("a live reader is asked for again", () => {
  test("within every recheck, and ends when the app refuses it", async () => {
    const reader = await gateway.connect(cookie("ann"), "orders/1", "menu");
    await pass(10 * RECHECK_MS);
    expect(reader.ended).toEqual([]);
    // A question each 48 to 60 s, and the first.
    expect(gateway.app.asked.length).toBeGreaterThanOrEqual(11);
    expect(gateway.app.asked.length).toBeLessThanOrEqual(14);
    gateway.app.status = 401;
    await pass(RECHECK_MS);
    expect(reader.ended).toEqual(["grant-revoked"]);
    const { length } = gateway.app.asked;
    await pass(10 * RECHECK_MS);
    expect(gateway.app.asked).toHaveLength(length);
    expect(gateway.clock.pending).toBe(0);
  });

  test.each([302, 401, 403, 404, 410, 429])("and %i is an answer", async (status) => {
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    gateway.app.status = status;
    await pass(RECHECK_MS);
    expect(reader.ended).toEqual(["grant-revoked"]);
  });

  test("with the credentials that it came with", async () => {
    await gateway.connect({ ...cookie("ann"), authorization: "Bearer opaque", site: "https://a" }, "orders/1");
    await pass(RECHECK_MS);
    const [first, second] = gateway.app.asked;
    expect(second).toEqual(first);
  });

  test("once for all who read the same with the same credentials, and all of them end", async () => {
    const readers = await Promise.all(
      Array.from({ length: 500 }, () => gateway.connect(cookie("ann"), "orders/1", "menu")),
    );
    const other = await gateway.connect(cookie("bob"), "orders/1");
    expect(gateway.app.asked).toHaveLength(2);
    await pass(RECHECK_MS);
    expect(gateway.app.asked).toHaveLength(4);
    gateway.app.answer = (request, response) =>
      response.writeHead(request.headers.cookie === "session=ann" ? 403 : 200).end();
    await pass(RECHECK_MS);
    expect(new Set(readers.map(({ ended }) => ended.join()))).toEqual(new Set(["grant-revoked"]));
    expect(other.ended).toEqual([]);
    expect(gateway.access.readers).toBe(1);
  });

  test("not together with all who came when it did", async () => {
    for (let index = 0; index < 200; index += 1) {
      await gateway.connect(cookie(`${index}`), "orders/1");
    }
    const bySecond: number[] = [];
    for (let second = 0; second < 60; second += 1) {
      const before = gateway.app.asked.length;
      await pass(1_000);
      bySecond.push(gateway.app.asked.length - before);
    }
    expect(bySecond.reduce((sum, count) => sum + count)).toBe(200);
    expect(Math.max(...bySecond)).toBeLessThan(80);
    expect(bySecond.slice(0, 47)).toEqual(bySecond.slice(0, 47).map(() => 0));
  });

  test("until it goes: then once more at the most", async () => {
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    await pass(3 * RECHECK_MS);
    const { length } = gateway.app.asked;
    reader.leave();
    await pass(10 * RECHECK_MS);
    expect(gateway.app.asked.length).toBeLessThanOrEqual(length + 1);
    expect(gateway.clock.pending).toBe(0);
  });

  test("for what it reads then: topics may be added, and dropped", async () => {
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    // A transport checks what is added, and the guard isn't told.
    const principal = await gateway.access.identify(cookie("ann"));
    await gateway.access.check(principal, "read", filters("orders/2"));
    reader.reads = filters("orders/2");
    await pass(5 * RECHECK_MS);
    expect(urls().filter((url) => url === "/orders/1").length).toBeLessThanOrEqual(2);
    expect(urls().filter((url) => url === "/orders/2").length).toBeGreaterThanOrEqual(6);
    gateway.app.statuses.set("/orders/2", 404);
    await pass(RECHECK_MS);
    expect(reader.ended).toEqual(["grant-revoked"]);
  });

  test("not for what a token of its own, or everybody, may read", async () => {
    const token = await sign({ ...READS, exp: gateway.clock.now() / 1_000 + 3_600 });
    await gateway.connect({ ...bearer(token), ...cookie("ann") }, "orders/1", "menu");
    await gateway.connect({}, "menu");
    await pass(3 * RECHECK_MS);
    expect(gateway.app.asked).toEqual([]);
  });

  test("and what its token says besides holds as ever", async () => {
    const token = await sign({ sub: "ann", exp: gateway.clock.now() / 1_000 + 90 });
    const reader = await gateway.connect({ ...bearer(token), ...cookie("ann") }, "orders/1");
    await pass(89_000);
    expect(reader.ended).toEqual([]);
    await pass(1_000);
    expect(reader.ended).toEqual(["token-expired"]);
  });

  test("on anonymous readers too, who share a question though other cookies have theirs", async () => {
    const anonymous = await Promise.all([gateway.connect({}, "orders/1"), gateway.connect({}, "orders/1")]);
    const ann = await gateway.connect(cookie("ann"), "orders/1");
    const other = await gateway.connect({}, "orders/2");
    expect(gateway.app.asked).toHaveLength(3);
    gateway.app.answer = (request, response) => {
      const isRefused = request.headers.cookie === undefined && request.url === "/orders/1";
      response.writeHead(isRefused ? 401 : 200).end();
    };
    await pass(RECHECK_MS);
    expect(anonymous.map(({ ended }) => ended)).toEqual([["grant-revoked"], ["grant-revoked"]]);
    expect([ann, other].map(({ ended }) => ended)).toEqual([[], []]);
  });
});

describe("what one check hears counts for all", () => {
  test("a refusal to a new client ends the live ones of the same credentials at once", async () => {
    const readers = [
      await gateway.connect(cookie("ann"), "orders/1"),
      await gateway.connect(cookie("ann"), "menu", "orders/1"),
    ];
    const others = [await gateway.connect(cookie("ann"), "orders/2"), await gateway.connect(cookie("bob"), "orders/1")];
    gateway.app.status = 403;
    await pass(9_999, 9_999);
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("granted");
    await pass(1);
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("forbidden");
    expect(readers.map(({ ended }) => ended)).toEqual([["grant-revoked"], ["grant-revoked"]]);
    expect(others.map(({ ended }) => ended)).toEqual([[], []]);
  });

  test("a grant to a new client puts the next question off", async () => {
    await gateway.connect(cookie("ann"), "orders/1");
    await pass(40_000);
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("granted");
    expect(gateway.app.asked).toHaveLength(2);
    await pass(47_000);
    expect(gateway.app.asked).toHaveLength(2);
    await pass(13_000);
    expect(gateway.app.asked).toHaveLength(3);
  });

  test("a refusal between the check and the watch over a reader is not lost", async () => {
    const principal = await gateway.access.identify(cookie("ann"));
    await gateway.access.check(principal, "read", filters("orders/1"));
    gateway.app.status = 403;
    await pass(10_000, 10_000);
    await mayRead(gateway.access, cookie("ann"), "orders/1");
    const ended: string[] = [];
    gateway.access.guard(
      principal,
      () => filters("orders/1"),
      ({ code }) => ended.push(code),
    );
    expect(ended).toEqual([]);
    await until(() => ended.length > 0);
    expect(ended).toEqual(["grant-revoked"]);
  });
});

describe("while the app is down", () => {
  test("live readers stay, new ones are refused, and who is refused when it is back ends", async () => {
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    gateway.app.status = 500;
    await pass(5 * RECHECK_MS);
    expect(reader.ended).toEqual([]);
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("app-unavailable");
    // It is asked no more often for that.
    expect(gateway.app.asked.length).toBeLessThanOrEqual(9);
    gateway.app.status = 200;
    await pass(RECHECK_MS);
    expect(reader.ended).toEqual([]);
    gateway.app.status = 403;
    await pass(RECHECK_MS);
    expect(reader.ended).toEqual(["grant-revoked"]);
  });

  test("live readers end, where that is configured, and may come back", async () => {
    await restart({ whenAppIsDown: "end" });
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    const other = await gateway.connect(cookie("ann"), "menu");
    await gateway.app.stop();
    await pass(RECHECK_MS);
    expect(reader.ended).toEqual(["app-unavailable"]);
    expect(other.ended).toEqual([]);
  });

  test("that is found out by another's check, too", async () => {
    await restart({ whenAppIsDown: "end" });
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    gateway.app.status = 503;
    await pass(10_000, 10_000);
    expect(await mayRead(gateway.access, cookie("ann"), "orders/1")).toBe("app-unavailable");
    expect(reader.ended).toEqual(["app-unavailable"]);
  });

  test("an app that does not answer is down when its time is over", async () => {
    await restart({ whenAppIsDown: "end", timeoutMs: 5_000 });
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    gateway.app.answer = () => undefined;
    for (let passed = 0; gateway.app.asked.length < 2; passed += 1_000) {
      expect(passed).toBeLessThanOrEqual(RECHECK_MS);
      gateway.clock.advance(1_000);
      await until(() => gateway.app.asked.length === gateway.source.figures.asked);
    }
    expect(reader.ended).toEqual([]);
    gateway.clock.advance(5_000);
    await settled();
    expect(reader.ended).toEqual(["app-unavailable"]);
  });
});

describe("a reload", () => {
  test("of other rules goes by what the app said last, without asking it again", async () => {
    const readers = await Promise.all(["ann", "bob"].map((name) => gateway.connect(cookie(name), "orders/1")));
    await pass(30_000);
    await gateway.access.reload({ ...gateway.rules, public: [] });
    expect(readers.map(({ ended }) => ended)).toEqual([[], []]);
    expect(gateway.app.asked).toHaveLength(2);
  });

  test("that takes the source away ends whom it granted", async () => {
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    const other = await gateway.connect(cookie("ann"), "menu");
    await gateway.access.reload({ ...gateway.rules, sources: [] });
    expect([reader.ended, other.ended]).toEqual([["grant-revoked"], []]);
    await pass(3 * RECHECK_MS);
    expect(gateway.app.asked.length).toBeLessThanOrEqual(2);
  });

  test("that brings it watches over who is there", async () => {
    await gateway.access.reload({ ...gateway.rules, public: filters("orders/1"), sources: [] });
    const reader = await gateway.connect({}, "orders/1");
    await gateway.access.reload(gateway.rules);
    expect(reader.ended).toEqual([]);
    gateway.app.status = 404;
    await pass(RECHECK_MS);
    expect(reader.ended).toEqual(["grant-revoked"]);
  });

  test("by which a topic stands for no path any more ends its readers", async () => {
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    gateway.source.reload({ ...gateway.options, pathOf: () => null });
    await gateway.access.reload(gateway.rules);
    expect(reader.ended).toEqual(["grant-revoked"]);
  });

  test("to another app asks that one", async () => {
    const other = await AppAccess.start();
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    gateway.source.reload({ ...gateway.options, url: other.app.url });
    await gateway.access.reload(gateway.rules);
    expect(other.app.asked).toHaveLength(1);
    expect(reader.ended).toEqual([]);
    other.app.status = 401;
    await pass(RECHECK_MS);
    expect(reader.ended).toEqual(["grant-revoked"]);
    expect(gateway.app.asked).toHaveLength(1);
    await other.stop();
  });

  test("lets what is under way on the old options come to its end, and a close does not", async () => {
    const open: (() => void)[] = [];
    gateway.app.answer = (_, response) => void open.push(() => response.end());
    const asking = ["orders/1", "orders/2"].map((topic) => mayRead(gateway.access, cookie("ann"), topic));
    await until(() => open.length === 2);
    gateway.source.reload({ ...gateway.options, method: "HEAD" });
    open.shift()?.();
    await Promise.race(asking);
    gateway.source.close();
    expect((await Promise.all(asking)).toSorted()).toEqual(["app-unavailable", "granted"]);
  });

  test("to another pace goes at that one", async () => {
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    gateway.source.reload({ ...gateway.options, ttlMs: 100, recheckMs: 1_000, whenAppIsDown: "end" });
    await gateway.access.reload(gateway.rules);
    await pass(10_000, 50);
    expect(gateway.app.asked.length).toBeGreaterThanOrEqual(11);
    expect(gateway.app.asked.length).toBeLessThanOrEqual(14);
    gateway.app.status = 500;
    await pass(1_000, 50);
    expect(reader.ended).toEqual(["app-unavailable"]);
  });

  test("while the app is down keeps readers, or ends them, as configured", async () => {
    const reader = await gateway.connect(cookie("ann"), "orders/1");
    await gateway.app.stop();
    gateway.source.reload({ ...gateway.options, method: "HEAD" });
    await gateway.access.reload({ ...gateway.rules, jwt: { secret: SECRET } });
    expect(reader.ended).toEqual([]);
    gateway.source.reload({ ...gateway.options, whenAppIsDown: "end" });
    await gateway.access.reload(gateway.rules);
    expect(reader.ended).toEqual(["app-unavailable"]);
  });
});

test("a reader who brings other credentials is asked for with those", async () => {
  const reads = filters("orders/1");
  const ended: string[] = [];
  const principal = await gateway.access.identify(cookie("ann"));
  await gateway.access.check(principal, "read", reads);
  const guard = gateway.access.guard(
    principal,
    () => reads,
    ({ code }) => ended.push(code),
  );
  const renewed = await gateway.access.identify(bearer("opaque"));
  await gateway.access.check(renewed, "read", reads);
  guard.replace(renewed);
  gateway.app.answer = (request, response) =>
    response.writeHead(request.headers.cookie === undefined ? 200 : 401).end();
  await pass(3 * RECHECK_MS);
  expect(ended).toEqual([]);
  gateway.app.answer = null;
  gateway.app.status = 401;
  await pass(RECHECK_MS);
  expect(ended).toEqual(["grant-revoked"]);
});

test("fifty thousand questions are remembered, and a reader whose question was forgotten is asked for again", async () => {
  await restart({ pathOf: (topic) => `/${topic}` });
  const reader: AppReader = await gateway.connect(cookie("ann"), "orders/1");
  const principal = await gateway.access.identify(cookie("ann"));
  gateway.app.answer = (_, response) => response.end();
  for (let batch = 0; batch < 50; batch += 1) {
    const topics = Array.from({ length: 1_000 }, (_, index) => `pages/${batch}-${index}`);
    await gateway.access.check(principal, "read", filters(...topics));
  }
  const asked = (): number => urls().filter((url) => url === "/orders/1").length;
  expect(asked()).toBe(1);
  await pass(RECHECK_MS / 2);
  expect(asked()).toBe(2);
  gateway.app.status = 403;
  gateway.app.answer = null;
  await pass(RECHECK_MS);
  expect(reader.ended).toEqual(["grant-revoked"]);
});
