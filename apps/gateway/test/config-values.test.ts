import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collide, isLoopback, parseCidr, parseListen } from "../src/config/address.ts";
import { kinds } from "../src/config/kind.ts";
import { nearest } from "../src/config/nearest.ts";
import { parseDuration, parseSize } from "../src/config/quantity.ts";
import { configSchema } from "../src/config/schema.ts";

describe("durations", () => {
  test.each([
    ["250ms", 250],
    ["10s", 10_000],
    ["1.5s", 1_500],
    ["5m", 300_000],
    ["24h", 86_400_000],
    ["10d", 864_000_000],
    ["0s", 0],
    [10, 10_000],
    [0.25, 250],
    [0, 0],
  ])("%j is %d ms", (value, ms) => expect(parseDuration(value)).toBe(ms));

  test.each([
    "",
    "10",
    "s",
    "10 s",
    "-1s",
    "1e3s",
    "10S",
    "1h30m",
    "١s",
    "10s\n",
    "99999999999999999999d",
    -1,
    Number.NaN,
    Infinity,
  ])("%j is none", (value) => expect(parseDuration(value)).toBeUndefined());
});

describe("sizes", () => {
  test.each([
    ["512B", 512],
    ["64KiB", 65_536],
    ["64KB", 64_000],
    ["1.5MiB", 1_572_864],
    ["10MiB", 10_485_760],
    ["1GiB", 1_073_741_824],
    ["2GB", 2_000_000_000],
    ["1TiB", 1_099_511_627_776],
    [4096, 4096],
    [0, 0],
  ])("%j is %d bytes", (value, bytes) => expect(parseSize(value)).toBe(bytes));

  test.each(["", "64", "64K", "64kib", "64 KiB", "64iB", "64KB!", "-1B", "1PiB", "KiB", 1.5, -1, Number.NaN, 2 ** 53])(
    "%j is none",
    (value) => expect(parseSize(value)).toBeUndefined(),
  );
});

describe("addresses to listen on", () => {
  test.each([
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["a-b.example:65535", { host: "a-b.example", port: 65_535 }],
    ["[::1]:80", { host: "::1", port: 80 }],
    ["[::ffff:10.0.0.1]:80", { host: "::ffff:10.0.0.1", port: 80 }],
    [":8080", { host: "0.0.0.0", port: 8080 }],
  ])("%s", (text, listen) => expect(parseListen(text)).toEqual(listen));

  test.each([
    "",
    "8080",
    "localhost",
    "localhost:",
    "localhost:65536",
    "::1:80",
    "[::1]",
    "[]:80",
    "[1.2.3.4]:80",
    "256.1.1.1:80",
    "1.2.3:80",
    "a b:80",
    "-a:80",
    "http://a:80",
    "a:8x",
  ])("%j is none", (text) => expect(parseListen(text)).toBeUndefined());

  test.each(["127.0.0.1", "127.255.0.9", "::1", "[::1]", "localhost", "LOCALHOST", "::ffff:127.0.0.1"])(
    "%s is loopback",
    (host) => expect(isLoopback(host)).toBe(true),
  );
  test.each(["0.0.0.0", "::", "128.0.0.1", "example.org", "localhost.example.org", "::ffff:10.0.0.1", ""])(
    "%j is not",
    (host) => expect(isLoopback(host)).toBe(false),
  );

  test("listeners collide on one port, unless it is 0 or the hosts are apart", () => {
    const at = (host: string, port: number): { host: string; port: number } => ({ host, port });
    expect(collide(at("127.0.0.1", 80), at("127.0.0.1", 80))).toBe(true);
    expect(collide(at("0.0.0.0", 80), at("127.0.0.1", 80))).toBe(true);
    expect(collide(at("127.0.0.1", 80), at("::", 80))).toBe(true);
    expect(collide(at("127.0.0.1", 80), at("127.0.0.2", 80))).toBe(false);
    expect(collide(at("127.0.0.1", 80), at("127.0.0.1", 81))).toBe(false);
    expect(collide(at("127.0.0.1", 0), at("127.0.0.1", 0))).toBe(false);
  });
});

describe("address ranges", () => {
  test.each([
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["192.168.1.7", "192.168.1.7/32"],
    ["fd00::/8", "fd00::/8"],
    ["::1", "::1/128"],
  ])("%s", (text, range) => expect(parseCidr(text)).toBe(range));

  test.each([
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "fe80::1%eth0/64",
    "example.org",
  ])("%j is none", (text) => expect(parseCidr(text)).toBeUndefined());
});

describe("the schema's other grammars", () => {
  const good: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    origin: [
      ["https://Example.org:443", "https://example.org"],
      ["http://localhost:5173", "http://localhost:5173"],
      ["*", "*"],
    ],
    app_url: [
      ["http://127.0.0.1:3000/", "http://127.0.0.1:3000"],
      ["https://app.internal", "https://app.internal"],
    ],
    jwks_url: [
      ["https://id.example/keys?x=1", "https://id.example/keys?x=1"],
      ["http://[::1]:9/keys", "http://[::1]:9/keys"],
      ["http://localhost/keys", "http://localhost/keys"],
    ],
    xmpp_url: [["xmpp://[::1]:5347", "xmpp://[::1]:5347"]],
    uri: [["urn:example:shop", "urn:example:shop"]],
    domain: [["Example.ORG", "example.org"]],
    resource_path: [
      ["/", "/"],
      ["/orders/", "/orders/"],
      ["/users/:user_id/orders/:id", "/users/:user_id/orders/:id"],
    ],
    topic_template: [["a/:b/c", "a/:b/c"]],
  };
  for (const [kind, cases] of Object.entries(good)) {
    test.each(cases)(`${kind}: %s is %s`, (text, value) => expect(kinds[kind]?.parse(text)).toEqual({ value }));
  }

  const bad: Readonly<Record<string, readonly string[]>> = {
    prefix: ["", "/", "realtime", "/realtime/", "/a//b", "/a b", "/a/../b", "/./a", "/a?b"],
    origin: [
      "example.org",
      "https://example.org/",
      "https://a/b",
      "ftp://a",
      "https://u:p@a",
      "https://a?x",
      "null",
      "https://*.a.example",
    ],
    app_url: ["*", "127.0.0.1:3000", "http://a/b", "http://u@a", "http://a?b", "unix:/a", "http://"],
    jwks_url: [
      "http://example.org/keys",
      "http://localhost.example.org/",
      "https://u:p@a/",
      "file:///a",
      "https://a b",
    ],
    xmpp_url: ["xmpp://a", "xmpp://:5347", "xmpp://a:0", "http://a:1", "xmpp://u@a:1"],
    uri: ["", "example", "a b:c", "https://a b", ":x"],
    filter: ["", "/a", "a//b", "a*", "**/a", "a/../b", "a b", "a/#", "x".repeat(256)],
    resource_path: [
      "",
      "orders",
      "//",
      "/orders//",
      "/a/:",
      "/a/:1",
      "/a/:i-d",
      "/:a/:a",
      "/a?b",
      "/a/*",
      "/$sys/x",
      "/a/..",
    ],
    topic_template: ["", "/a", "a/", ":a/:a", "$sys", "a/*", "a/:b.json"],
    bearer_key: ["", "a b", "a\n", "ä"],
    cookie_name: ["", "a b", "a=b", "a;b", "ä"],
    domain: ["", "-a", "a..b", "a_b", "1.2.3"],
    account_name: ["", "A", "a@b", "a/b"],
  };
  for (const [kind, cases] of Object.entries(bad)) {
    test.each(cases)(`${kind}: %j is none`, (text) => expect(kinds[kind]?.parse(text)).toHaveProperty("problem"));
  }

  test("every grammar of the schema is known, takes its examples, and its pattern lets them in", () => {
    const definitions = Object.entries(configSchema.$defs ?? {});
    expect(definitions.map(([name]) => name).sort()).toEqual(Object.keys(kinds).sort());
    for (const [name, { examples = [], pattern = "" }] of definitions) {
      expect(examples.length, name).toBeGreaterThan(0);
      for (const example of examples) {
        expect(kinds[name]?.parse(example), `${name} ${example}`).toHaveProperty("value");
        if (typeof example === "string") expect(example).toMatch(new RegExp(pattern, "u"));
      }
    }
  });

  test("no pattern of the schema refuses what the gateway takes", () => {
    const text = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 12 }),
      fc.stringMatching(/^[0-9.]{1,4}(ms|s|m|h|d|B|KiB|KB|GiB)$/),
      fc.stringMatching(/^[a-z0-9.[\]:]{0,8}:[0-9]{0,5}$/),
      fc.webUrl(),
      fc.domain(),
      fc.ipV4(),
      fc.ipV6(),
    );
    for (const [name, { pattern = "", minLength = 0 }] of Object.entries(configSchema.$defs ?? {})) {
      const expression = new RegExp(pattern, "u");
      fc.assert(
        fc.property(text, (value) => {
          const parsed = kinds[name]?.parse(value);
          if (parsed !== undefined && "value" in parsed) {
            expect(value).toMatch(expression);
            expect(value.length).toBeGreaterThanOrEqual(minLength);
          }
        }),
        { numRuns: 300 },
      );
    }
  });
});

describe("the nearest name", () => {
  test.each([
    ["evnt", "event"],
    ["Event", "event"],
    ["maxWait", "max_wait"],
    ["long_polling", "long-polling"],
    ["levnet", "event"],
  ])("%s → %s", (text, expected) => expect(nearest(text, ["age", "event", "max_wait", "long-polling"])).toBe(expected));

  test("none where nothing is like it", () => expect(nearest("zebra", ["age", "event"])).toBeUndefined());
});
