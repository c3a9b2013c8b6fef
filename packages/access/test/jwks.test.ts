import { Buffer } from "node:buffer";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CloseReason, Logger } from "@sluice/core";
import type { ManualClock } from "@sluice/core/testing";
import type { GatewayAccess, JwtOptions } from "../src/index.ts";
import { accessWith, bearer, filters, mayRead, outcome, until } from "./support/access.ts";
import { JwksServer } from "./support/jwks-server.ts";
import { ecPair, edPair, type Pair, publicJwk, rsaPair } from "./support/keys.ts";
import { forge, READS, SECRET, sign } from "./support/tokens.ts";

const one = rsaPair();
const two = ecPair();
const three = edPair();
const weak = rsaPair(1024);
const MINUTE_MS = 60_000;

let server: JwksServer;
let access: GatewayAccess;
let clock: ManualClock;
let warnings: string[];

beforeEach(async () => {
  server = await JwksServer.start([await publicJwk(one, { kid: "one" })]);
  warnings = [];
  setUp();
});

afterEach(async () => {
  access.close();
  await server.stop();
});

function setUp(jwt: JwtOptions = { jwks: server.url }): void {
  const warn: Logger["warn"] = (fields, text) => warnings.push(`${text} ${JSON.stringify(fields)}`);
  ({ access, clock } = accessWith({ jwt, logger: { debug: () => {}, info: () => {}, warn, error: () => {} } }));
}

const algorithms = new Map([
  [one, "RS256"],
  [two, "ES256"],
  [three, "EdDSA"],
]);

/** A token of that key; `jti` makes it one that was not seen before. */
async function tokenOf(pair: Pair, kid?: string, jti = "1"): Promise<string> {
  const alg = algorithms.get(pair) ?? "RS256";
  return sign({ ...READS, jti }, pair.privateKey, kid === undefined ? { alg } : { alg, kid });
}

async function ask(token: string): Promise<string> {
  return mayRead(access, bearer(token), "orders/1");
}

describe("the key set", () => {
  test("is fetched when first needed, once for all who wait, and kept", async () => {
    expect(server.asked).toBe(0);
    const tokens = await Promise.all(Array.from({ length: 50 }, (_, index) => tokenOf(one, "one", String(index))));
    expect(await Promise.all(tokens.map(ask))).toEqual(tokens.map(() => "granted"));
    expect(server.asked).toBe(1);
  });

  test("is not needed by who brings no token", async () => {
    expect(await mayRead(access, {}, "menu")).toBe("granted");
    expect(await mayRead(access, {}, "orders/1")).toBe("unauthorized");
    expect(server.asked).toBe(0);
  });

  test("holds several keys and kinds, with kid and without", async () => {
    const encryption = rsaPair();
    server.keys = [
      await publicJwk(encryption, { use: "enc", kid: "enc" }),
      await publicJwk(rsaPair()),
      await publicJwk(one),
      await publicJwk(two, { kid: "two", use: "sig", alg: "ES256" }),
      await publicJwk(three, { kid: "three" }),
    ];
    expect(await ask(await tokenOf(one))).toBe("granted");
    expect(await ask(await tokenOf(two, "two"))).toBe("granted");
    expect(await ask(await tokenOf(two))).toBe("granted");
    expect(await ask(await tokenOf(three, "three"))).toBe("granted");
    expect(await ask(await tokenOf(two, "three"))).toBe("unauthorized");
    expect(await ask(await tokenOf(encryption, "enc"))).toBe("unauthorized");
  });

  test("may hold what can't be used, beside what can", async () => {
    const strange = { kty: "XYZ", kid: "strange" };
    server.keys = [
      strange,
      { kty: "RSA" },
      await publicJwk(weak),
      { kty: "EC", crv: "P-256", x: "?", y: "?", kid: "bad" },
    ];
    server.keys = [...server.keys, await publicJwk(one)];
    expect(await ask(await tokenOf(one))).toBe("granted");
    expect(await ask(await tokenOf(two, "bad"))).toBe("unauthorized");
  });

  test("proves nothing with a symmetric key, nor with itself as a secret", async () => {
    server.keys = [
      { kty: "oct", kid: "oct", k: Buffer.from(SECRET).toString("base64url") },
      await publicJwk(one, { kid: "one" }),
    ];
    setUp({ jwks: server.url, secret: "something else, and long enough" });
    expect(await ask(forge({ alg: "HS256", kid: "oct" }, READS))).toBe("unauthorized");
    expect(await ask(forge({ alg: "HS256", kid: "one" }, READS, one.pem))).toBe("unauthorized");
    expect(server.asked).toBe(0);
  });

  test("proves nothing with a private key that lies in it", async () => {
    server.keys = [{ ...one.privateKey.export({ format: "jwk" }), kid: "one" }];
    expect(await ask(await tokenOf(one, "one"))).toBe("unauthorized");
  });

  test("stands beside a PEM and a secret", async () => {
    setUp({ jwks: server.url, publicKey: two.pem, secret: SECRET });
    expect(await ask(await sign(READS))).toBe("granted");
    expect(await ask(await tokenOf(two, "whatever"))).toBe("granted");
    expect(server.asked).toBe(0);
    expect(await ask(await tokenOf(one, "one"))).toBe("granted");
  });
});

describe("rotation", () => {
  test("a new key is picked up for the first token that needs it", async () => {
    expect(await ask(await tokenOf(one, "one"))).toBe("granted");
    server.keys = [...server.keys, await publicJwk(two, { kid: "two" })];
    expect(await ask(await tokenOf(two, "two"))).toBe("granted");
    expect(await ask(await tokenOf(one, "one", "2"))).toBe("granted");
    expect(server.asked).toBe(2);
  });

  test("also without kid, and under the kid of before", async () => {
    const next = rsaPair();
    server.keys = [await publicJwk(one)];
    expect(await ask(await tokenOf(one))).toBe("granted");
    server.keys = [await publicJwk(next)];
    expect(await ask(await tokenOf(next))).toBe("granted");
    expect(await ask(await tokenOf(one))).toBe("unauthorized");
  });

  test("tokens that no key proves make for one fetch in some seconds, however many they are", async () => {
    expect(await ask(await tokenOf(one, "one"))).toBe("granted");
    const stray = rsaPair();
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => tokenOf(stray, `stray-${index}`)));
    expect(new Set(await Promise.all(tokens.map(ask)))).toEqual(new Set(["unauthorized"]));
    for (const token of tokens) expect(await ask(token)).toBe("unauthorized");
    expect(server.asked).toBe(2);
    clock.advance(3_000);
    for (const token of tokens) expect(await ask(token)).toBe("unauthorized");
    expect(server.asked).toBe(3);
  });

  test.each<[string, unknown]>([
    ["a number", 5],
    ["null", null],
    ["a list", ["one"]],
    ["an object", { one: 1 }],
    ["an inherited name", "__proto__"],
    ["more than the name", "one\u0000"],
    ["very long", "x".repeat(5_000)],
  ])("a strange kid finds nothing: %s", async (_, kid) => {
    expect(await ask(forge({ alg: "RS256", kid }, READS, one.privateKey))).toBe("unauthorized");
    expect(server.asked).toBe(1);
  });

  test("no token leads anywhere else", async () => {
    const other = await JwksServer.start([await publicJwk(two, { kid: "two" })]);
    const header = { alg: "ES256", kid: "two", jku: other.url, x5u: other.url };
    expect(await ask(forge(header, READS, two.privateKey))).toBe("unauthorized");
    expect(other.asked).toBe(0);
    await other.stop();
  });

  test("a key that is gone stops working when the set is ten minutes old, for tokens seen before too", async () => {
    const token = await tokenOf(one, "one");
    expect(await ask(token)).toBe("granted");
    server.keys = [await publicJwk(two, { kid: "two" })];
    clock.advance(4 * MINUTE_MS);
    expect(await ask(token)).toBe("granted");
    expect(server.asked).toBe(1);
    clock.advance(6 * MINUTE_MS);
    expect(await ask(token)).toBe("unauthorized");
  });

  test("from half its age on the set is fetched again while nobody waits", async () => {
    const token = await tokenOf(one, "one");
    await ask(token);
    let release = (): void => undefined;
    server.answer = (_, response) => {
      release = () => response.end(JSON.stringify({ keys: [] }));
    };
    clock.advance(5 * MINUTE_MS);
    expect(await ask(token)).toBe("granted");
    await until(() => server.asked === 2);
    expect(await ask(token)).toBe("granted");
    server.answer = null;
    server.keys = [];
    release();
    while ((await ask(token)) === "granted") await new Promise((resolve) => setImmediate(resolve));
    expect(await ask(token)).toBe("unauthorized");
  });

  test("a live reader whose key is gone ends when that is seen", async () => {
    const ended: string[] = [];
    const principal = await access.identify(bearer(await tokenOf(one, "one")));
    access.guard(
      principal,
      () => filters("orders/1"),
      (reason: CloseReason) => ended.push(reason.code),
    );
    access.guard(
      await access.identify({}),
      () => filters("menu"),
      (reason: CloseReason) => ended.push(reason.code),
    );
    server.keys = [await publicJwk(two, { kid: "two" })];
    expect(await ask(await tokenOf(two, "two"))).toBe("granted");
    await until(() => ended.length > 0);
    expect(ended).toEqual(["grant-revoked"]);
    expect(access.readers).toBe(1);
  });
});

describe("a key server that does not answer well", () => {
  const manners: [string, JwksServer["answer"]][] = [
    ["hangs up", (request) => request.socket.destroy()],
    ["status 500", (_, response) => response.writeHead(500).end()],
    ["status 404 with keys", (_, response) => response.writeHead(404).end('{"keys":[]}')],
    ["no JSON", (_, response) => response.end("<html>")],
    ["a list", (_, response) => response.end("[]")],
    ["null", (_, response) => response.end("null")],
    ["keys that are no list", (_, response) => response.end('{"keys":{}}')],
    ["keys that are no objects", (_, response) => response.end('{"keys":[1]}')],
    ["bad UTF-8", (_, response) => response.end(Buffer.from('{"keys":[],"a":"\xff"}', "latin1"))],
    [
      "half an answer",
      (_, response) =>
        response.writeHead(200, { "content-length": "100" }).write('{"keys":[', () => response.destroy()),
    ],
    ["too much", (_, response) => response.end(`{"keys":[],"a":"${"x".repeat(300_000)}"}`)],
  ];

  test.each(manners)(
    "%s: the keys at hand stay usable, and who needs others is told to come back",
    async (_, answer) => {
      const known = await tokenOf(one, "one");
      server.answer = answer;
      expect(await ask(known)).toBe("keys-unavailable");
      expect(warnings).toHaveLength(1);
      expect(await mayRead(access, {}, "menu")).toBe("granted");

      server.answer = null;
      clock.advance(3_000);
      expect(await ask(known)).toBe("granted");

      server.answer = answer;
      clock.advance(10 * MINUTE_MS);
      expect(await ask(known)).toBe("granted");
      expect(await ask(await tokenOf(one, "one", "2"))).toBe("granted");
      expect(await ask(await tokenOf(two, "two"))).toBe("keys-unavailable");
      expect(await ask(forge({ alg: "RS256", kid: "one" }, READS, weak.privateKey))).toBe("unauthorized");
    },
  );

  test("redirects: it is not followed, wherever it leads", async () => {
    const other = await JwksServer.start([await publicJwk(one, { kid: "one" })]);
    server.answer = (_, response) => response.writeHead(302, { location: other.url }).end();
    expect(await ask(await tokenOf(one, "one"))).toBe("keys-unavailable");
    expect(other.asked).toBe(0);
    await other.stop();
  });

  test("does not answer at all: nobody waits longer than five seconds, and only once", async () => {
    server.answer = () => undefined;
    const waiting = [ask(await tokenOf(one, "one", "1")), ask(await tokenOf(one, "one", "2"))];
    await until(() => server.asked === 1);
    clock.advance(5_000);
    expect(await Promise.all(waiting)).toEqual(["keys-unavailable", "keys-unavailable"]);
    expect(await ask(await tokenOf(one, "one"))).toBe("keys-unavailable");
    expect(server.asked).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test("sends without end: it is cut off", async () => {
    let isCut = false;
    server.answer = (_, response) => {
      response.on("close", () => (isCut = true));
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
      };
      response.on("drain", more);
      more();
    };
    expect(await ask(await tokenOf(one, "one"))).toBe("keys-unavailable");
    await until(() => isCut);
  });

  test("for a day: then the keys at hand are no longer believed", async () => {
    const token = await tokenOf(one, "one");
    expect(await ask(token)).toBe("granted");
    server.answer = (_, response) => response.writeHead(500).end();
    clock.advance(23 * 60 * MINUTE_MS);
    expect(await ask(token)).toBe("granted");
    clock.advance(2 * 60 * MINUTE_MS);
    expect(await ask(token)).toBe("keys-unavailable");
  });

  test("the refusal says when to come back, and the operator's line holds no query", async () => {
    setUp({ jwks: `${server.url}?key=hunter2` });
    server.answer = (_, response) => response.writeHead(500).end();
    const identifying = access.identify(bearer(await tokenOf(one, "one")));
    await expect(identifying).rejects.toMatchObject({ code: "keys-unavailable", retryAfterSeconds: 3 });
    expect(warnings[0]).toContain(server.url);
    expect(warnings[0]).toContain("500");
    expect(warnings[0]).not.toContain("hunter2");
  });
});

test("a reload that needs the key set no longer ends a fetch that is under way", async () => {
  server.answer = () => undefined;
  const asking = outcome(access.identify(bearer(await tokenOf(one, "one"))));
  await until(() => server.asked === 1);
  await access.reload({ public: [], jwt: { secret: SECRET } });
  expect(await asking).toBe("keys-unavailable");
  expect(clock.pending).toBe(0);
});

test("closing ends a fetch that is under way", async () => {
  server.answer = () => undefined;
  const asking = outcome(access.identify(bearer(await tokenOf(one, "one"))));
  await until(() => server.asked === 1);
  access.close();
  expect(await asking).toBe("keys-unavailable");
  expect(clock.pending).toBe(0);
  expect(warnings).toEqual([]);
});
