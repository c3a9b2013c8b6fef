import { CLOSE_REASONS, type CloseReason, type Credentials, type Filter, type Guard, type Logger } from "@sluice/core";
import { describe, expect, test } from "vitest";
import { AccessOptionsError, type GatewayAccess, type GrantSource } from "../src/index.ts";
import { accessWith, bearer, filters, until } from "./support/access.ts";
import { JwksServer } from "./support/jwks-server.ts";
import { publicJwk, rsaPair } from "./support/keys.ts";
import { READS, SECRET, sign } from "./support/tokens.ts";

const NOW = Math.floor(Date.UTC(2026, 0, 1) / 1_000);
const OTHER_SECRET = "another secret of thirty-two bytes";

/** A reader as a transport has it. */
class Reader {
  readonly ended: CloseReason[] = [];
  reads: readonly Filter[];
  guard: Guard | undefined;

  private constructor(reads: readonly Filter[]) {
    this.reads = reads;
  }

  static async connect(access: GatewayAccess, credentials: Credentials, ...topics: string[]): Promise<Reader> {
    const reader = new Reader(filters(...topics));
    const principal = await access.identify(credentials);
    await access.check(principal, "read", reader.reads);
    reader.guard = access.guard(
      principal,
      () => reader.reads,
      (reason) => reader.ended.push(reason),
    );
    return reader;
  }

  get codes(): string[] {
    return this.ended.map(({ code }) => code);
  }
}

async function token(claims: object = {}, secret: string = SECRET): Promise<Credentials> {
  return bearer(await sign({ ...READS, ...claims }, secret));
}

describe("a reader ends with its token", () => {
  test("in the second of exp, once, as token-expired", async () => {
    const { access, clock } = accessWith();
    const reader = await Reader.connect(access, await token({ exp: NOW + 10 }), "orders/1");
    clock.advance(9_999);
    expect(reader.ended).toEqual([]);
    clock.advance(1);
    expect(reader.ended).toEqual([CLOSE_REASONS["token-expired"]]);
    clock.advance(3_600_000);
    expect(reader.ended).toHaveLength(1);
    expect(access.readers).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("also where all that it reads is public: its credentials are over", async () => {
    const { access, clock } = accessWith();
    const reader = await Reader.connect(access, await token({ exp: NOW + 10 }), "menu");
    clock.advance(10_000);
    expect(reader.codes).toEqual(["token-expired"]);
  });

  test("never without exp, and not after it has gone", async () => {
    const { access, clock } = accessWith();
    const timeless = await Reader.connect(access, await token(), "orders/1");
    const gone = await Reader.connect(access, await token({ exp: NOW + 10 }), "orders/1");
    gone.guard?.release();
    expect(clock.pending).toBe(0);
    clock.advance(3_600_000);
    expect([...timeless.ended, ...gone.ended]).toEqual([]);
  });

  test("soon, if it expired while the reader was let in", async () => {
    const { access, clock } = accessWith();
    const principal = await access.identify(await token({ exp: NOW + 1 }));
    clock.advance(2_000);
    const ended: string[] = [];
    access.guard(
      principal,
      () => filters("menu"),
      (reason) => ended.push(reason.code),
    );
    expect(ended).toEqual([]);
    clock.advance(0);
    expect(ended).toEqual(["token-expired"]);
  });

  test("whatever another reader's end does", async () => {
    const errors: string[] = [];
    const error: Logger["error"] = (_, text) => errors.push(text);
    const { access, clock } = accessWith({ logger: { debug: () => {}, info: () => {}, warn: () => {}, error } });
    const principal = await access.identify(await token({ exp: NOW + 10 }));
    const reads = (): readonly Filter[] => filters("orders/1");
    access.guard(principal, reads, () => {
      throw new Error("the socket is gone");
    });
    const reader = await Reader.connect(access, await token({ exp: NOW + 10 }), "orders/1");
    clock.advance(10_000);
    expect(reader.codes).toEqual(["token-expired"]);
    expect(errors).toEqual(["a reader could not be ended"]);
  });
});

describe("new credentials", () => {
  test("of a longer life carry the reader on, until they end", async () => {
    const { access, clock } = accessWith();
    const reader = await Reader.connect(access, await token({ exp: NOW + 10 }), "orders/1");
    reader.guard?.replace(await access.identify(await token({ exp: NOW + 20 })));
    clock.advance(19_999);
    expect(reader.ended).toEqual([]);
    clock.advance(1);
    expect(reader.codes).toEqual(["token-expired"]);
  });

  test("of a shorter life end it sooner", async () => {
    const { access, clock } = accessWith();
    const reader = await Reader.connect(access, await token({ exp: NOW + 20 }), "orders/1");
    reader.guard?.replace(await access.identify(await token({ exp: NOW + 10 })));
    clock.advance(10_000);
    expect(reader.codes).toEqual(["token-expired"]);
  });

  test("of lesser grants end it", async () => {
    const { access } = accessWith();
    const reader = await Reader.connect(access, await token(), "orders/1", "menu");
    reader.guard?.replace(await access.identify(await token({ sluice: { read: ["bills/*"] } })));
    await until(() => reader.ended.length > 0);
    expect(reader.codes).toEqual(["grant-revoked"]);
  });

  test("after its end change nothing", async () => {
    const { access, clock } = accessWith();
    const reader = await Reader.connect(access, await token({ exp: NOW + 10 }), "orders/1");
    clock.advance(10_000);
    reader.guard?.replace(await access.identify(await token({ exp: NOW + 20 })));
    reader.guard?.release();
    clock.advance(20_000);
    expect(reader.codes).toEqual(["token-expired"]);
    expect(clock.pending).toBe(0);
  });
});

describe("a reload", () => {
  test("ends who is refused now, and nobody else", async () => {
    const { access } = accessWith();
    const menu = await Reader.connect(access, {}, "menu");
    const menuWithToken = await Reader.connect(access, await token(), "menu");
    const orders = await Reader.connect(access, await token(), "orders/1");
    const both = await Reader.connect(access, await token(), "menu", "orders/1");
    await access.reload({ public: [], jwt: { secret: SECRET } });
    expect([menu, menuWithToken, orders, both].map(({ codes }) => codes)).toEqual([
      ["grant-revoked"],
      ["grant-revoked"],
      [],
      ["grant-revoked"],
    ]);
    expect(access.readers).toBe(1);
  });

  test("with a new key ends the old key's readers, and lets the new one's in", async () => {
    const { access } = accessWith();
    const reader = await Reader.connect(access, await token(), "orders/1");
    await access.reload({ public: filters("menu"), jwt: { secret: OTHER_SECRET } });
    expect(reader.codes).toEqual(["grant-revoked"]);
    await expect(Reader.connect(access, await token(), "orders/1")).rejects.toMatchObject({ code: "unauthorized" });
    await Reader.connect(access, await token({}, OTHER_SECRET), "orders/1");
  });

  test("tells a token that has expired from one that is taken back", async () => {
    const { access, clock } = accessWith();
    const reader = await Reader.connect(access, await token({ exp: NOW + 10 }), "orders/1");
    // The wall clock is set on: the timer has not looked yet.
    clock.step(10_000);
    await access.reload({ public: filters("menu"), jwt: { secret: SECRET } });
    expect(reader.codes).toEqual(["token-expired"]);
  });

  test("by which nothing changes ends nobody, and lives are still counted", async () => {
    const { access, clock } = accessWith({ jwt: { secret: SECRET, cookie: "auth" } });
    const text = await sign({ ...READS, exp: NOW + 10 });
    const ways = [bearer(text), { cookie: `a=b; auth=${text}` }, { accessToken: text }];
    const readers = await Promise.all(ways.map((way) => Reader.connect(access, way, "orders/1")));
    await access.reload({ public: filters("menu"), jwt: { secret: SECRET, cookie: "auth" } });
    expect(readers.map(({ codes }) => codes)).toEqual([[], [], []]);
    clock.advance(10_000);
    expect(readers.map(({ codes }) => codes)).toEqual([["token-expired"], ["token-expired"], ["token-expired"]]);
    expect(clock.pending).toBe(0);
  });

  test("goes by what a reader reads then", async () => {
    const { access } = accessWith({ public: filters("menu", "news") });
    const reader = await Reader.connect(access, {}, "menu");
    reader.reads = filters("news");
    await access.reload({ public: filters("news"), jwt: null });
    expect(reader.ended).toEqual([]);
    await access.reload({ public: filters("menu"), jwt: null });
    expect(reader.codes).toEqual(["grant-revoked"]);
  });

  test("of bad rules throws, and the old ones stay", async () => {
    const { access } = accessWith();
    const reader = await Reader.connect(access, await token(), "orders/1");
    await expect(access.reload({ public: [], jwt: { secret: "" } })).rejects.toThrow(AccessOptionsError);
    expect(reader.ended).toEqual([]);
    await Reader.connect(access, await token(), "orders/1", "menu");
  });

  test("reaches a reader that the old rules let in and that is guarded only afterwards", async () => {
    const { access } = accessWith();
    const principal = await access.identify(await token());
    await access.check(principal, "read", filters("orders/1"));
    await access.reload({ public: [], jwt: null });
    const ended: string[] = [];
    access.guard(
      principal,
      () => filters("orders/1"),
      (reason) => ended.push(reason.code),
    );
    expect(ended).toEqual([]);
    await until(() => ended.length > 0);
    expect(ended).toEqual(["grant-revoked"]);
  });

  test("leaves alone a reader that brings new credentials meanwhile: those are judged for themselves", async () => {
    let refuse: (() => void) | undefined;
    let hasAnn = true;
    const source: GrantSource = {
      ask: ({ subject }) =>
        subject === "bob" || hasAnn ? "granted" : new Promise((resolve) => (refuse = () => resolve("silent"))),
    };
    const rules = { public: [], jwt: { secret: SECRET }, sources: [source] };
    const { access } = accessWith(rules);
    const reader = await Reader.connect(access, await token({ sub: "ann" }), "pages/1");
    hasAnn = false;
    const reloading = access.reload(rules);
    await until(() => refuse !== undefined);
    reader.guard?.replace(await access.identify(await token({ sub: "bob" })));
    refuse?.();
    await reloading;
    expect(reader.codes).toEqual([]);
    expect(access.readers).toBe(1);
  });

  test("leaves alone a reader that goes meanwhile", async () => {
    const { access } = accessWith();
    const reader = await Reader.connect(access, await token(), "orders/1");
    const reloading = access.reload({ public: [], jwt: null });
    reader.guard?.release();
    await reloading;
    expect(reader.ended).toEqual([]);
  });

  test("fetches the key set again: a key that is gone counts no more; one that can't be fetched does", async () => {
    const pair = rsaPair();
    const server = await JwksServer.start([await publicJwk(pair)]);
    const rules = { public: [], jwt: { jwks: server.url } };
    const { access } = accessWith(rules);
    const reader = await Reader.connect(
      access,
      bearer(await sign(READS, pair.privateKey, { alg: "RS256" })),
      "orders/1",
    );
    server.answer = (_, response) => response.writeHead(503).end();
    await access.reload(rules);
    expect(reader.ended).toEqual([]);
    server.answer = null;
    server.keys = [];
    await access.reload(rules);
    expect(reader.codes).toEqual(["grant-revoked"]);
    access.close();
    await server.stop();
  });

  test("to a key set that can't be fetched keeps the readers for whom it can't be told", async () => {
    const { access } = accessWith();
    const reader = await Reader.connect(access, await token(), "orders/1");
    const server = await JwksServer.start([]);
    server.answer = (_, response) => response.writeHead(503).end();
    const signed = await sign(READS, rsaPair().privateKey, { alg: "RS256" });
    await access.reload({ public: filters("menu"), jwt: { secret: SECRET, jwks: server.url } });
    expect(reader.ended).toEqual([]);
    await expect(access.identify(bearer(signed))).rejects.toMatchObject({ code: "keys-unavailable" });
    access.close();
    await server.stop();
  });

  test("judges a thousand readers, each with a token of its own", async () => {
    const { access } = accessWith();
    const connect = async (_: unknown, index: number): Promise<Reader> =>
      Reader.connect(
        access,
        await token({ jti: index, sluice: { read: [index % 2 === 0 ? "even" : "odd"] } }),
        index % 2 === 0 ? "even" : "odd",
      );
    const readers = await Promise.all(Array.from({ length: 1_000 }, connect));
    const moved: GrantSource = { ask: () => "silent" };
    await access.reload({ public: filters("even"), jwt: { secret: OTHER_SECRET }, sources: [moved] });
    const ends = readers.map(({ codes }, index) =>
      index % 2 === 0 ? codes.length === 0 : codes[0] === "grant-revoked",
    );
    expect(ends.every(Boolean)).toBe(true);
    expect(access.readers).toBe(500);
  });
});

test("closing forgets the readers without ending them", async () => {
  const { access, clock } = accessWith();
  const reader = await Reader.connect(access, await token({ exp: NOW + 10 }), "orders/1");
  access.close();
  clock.advance(10_000);
  expect(reader.ended).toEqual([]);
  expect(access.readers).toBe(0);
  expect(clock.pending).toBe(0);
});

test("readers of public topics share one principal", async () => {
  const { access } = accessWith();
  const [one, two] = await Promise.all([access.identify({}), access.identify({ cookie: "session=1" })]);
  expect(one).toBe(two);
});
