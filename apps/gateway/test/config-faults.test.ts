import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatFault, formatFaultLines, formatFaults } from "../src/config/fault.ts";
import { loadConfig } from "../src/config/load-config.ts";
import { configOf, linesOf, load, withFiles } from "./config-sandbox.ts";

/** A configuration without faults, to which each case adds its own. */
const open = "access: { public: ['**'] }\n";
/** A component, but for where it is to join. */
const component = "domain: p.example.org, secret: s";

async function faultsOf(yaml: string): Promise<readonly string[]> {
  return linesOf(await load(yaml));
}

describe("each fault names line, key, what was found and what is expected", () => {
  test.each([
    ["limits: { event: 64KB! }", 'limits.event: "64KB!" is not a size; expected e.g. "256KiB" or bytes'],
    ["limits: { event: null }", 'limits.event: null is not a size; expected e.g. "256KiB" or bytes'],
    ["limits: { event: [1] }", 'limits.event: a list is not a size; expected e.g. "256KiB" or bytes'],
    ["limits: { event: true }", 'limits.event: true is not a size; expected e.g. "256KiB" or bytes'],
    ["limits: { event: 0 }", "limits.event: 0 is out of range; expected 1B to 64MiB"],
    [
      "limits: { head_timeout: -1 }",
      'limits.head_timeout: -1 is not a duration; expected e.g. "250ms", "10s", "24h" or seconds',
    ],
    ["limits: { connections: 0 }", "limits.connections: found 0; expected a whole number, at least 1"],
    ["limits: { connections: 1.5 }", "limits.connections: found 1.5; expected a whole number, at least 1"],
    ["limits: { connections: .inf }", "limits.connections: found Infinity; expected a whole number, at least 1"],
    ["limits: { connections: '7' }", 'limits.connections: found "7"; expected a whole number, at least 1'],
    ["limits: 5", /^limits: found 5; expected an object with connections, /],
    ["limits: { evnt: 1 }", 'limits.evnt: unknown key; did you mean "event"?'],
    ["limits: { zebra: 1 }", /^limits\.zebra: unknown key; expected one of connections, connections_per_ip, /],
    ["limits: { __proto__: 1 }", /^limits\.__proto__: unknown key; /],
    ["heartbeat: 1s", 'heartbeat: unknown key; did you mean "transports.sse.heartbeat"?'],
    ['"a b": 1', /^"a b": unknown key; /],
    ["transports: { longPolling: false }", 'transports.longPolling: unknown key; did you mean "long-polling"?'],
    [
      "transports: { long-polling: { max_wait: 61s } }",
      'transports.long-polling.max_wait: "61s" is out of range; expected 1ms to 60s',
    ],
    [
      "transports: { sse: on }",
      'transports.sse: found "on"; expected an object with heartbeat, retry or true or false',
    ],
    ["transports: { sse: { heartbeat: 0 } }", "transports.sse.heartbeat: 0 is out of range; expected 10ms to 24h"],
    [
      "transports: { rest-hooks: { schedule: [] } }",
      "transports.rest-hooks.schedule: found a list of 0; expected 1 to 20 items",
    ],
    [
      `transports: { rest-hooks: { schedule: [${"1s,".repeat(21)}] } }`,
      "transports.rest-hooks.schedule: found a list of 21; expected 1 to 20 items",
    ],
    [
      "transports: { rest-hooks: { schedule: [1s, soon] } }",
      'transports.rest-hooks.schedule[1]: "soon" is not a duration; expected e.g. "250ms", "10s", "24h" or seconds',
    ],
    [
      "transports: { rest-hooks: { allow: [{ ports: [80] }] } }",
      'transports.rest-hooks.allow[0].cidr: missing; expected e.g. "10.0.0.0/8" or "192.168.1.7"',
    ],
    [
      "transports: { rest-hooks: { allow: [{ cidr: 10.0.0.0/8, ports: [0] }] } }",
      "transports.rest-hooks.allow[0].ports[0]: found 0; expected a whole number, 1 to 65535",
    ],
    ["transports: { rest-hooks: { http: 1 } }", "transports.rest-hooks.http: found 1; expected true or false"],
    [
      "public: { listen: 8080 }",
      'public.listen: 8080 is not an address to listen on; expected "host:port", e.g. "127.0.0.1:8080" or "[::1]:8080"',
    ],
    [
      "public: { prefix: realtime }",
      /^public\.prefix: "realtime" is not a path prefix; expected a path that begins with "\/"/,
    ],
    [
      "public: { cors: { origins: https://a.example } }",
      'public.cors.origins: found "https://a.example"; expected a list',
    ],
    [
      "public: { cors: { origins: [https://a.example/x] } }",
      /^public\.cors\.origins\[0\]: "https:\/\/a\.example\/x" is not an origin; /,
    ],
    [
      "public: { cors: { origins: [https://a.example, https://A.example] } }",
      'public.cors.origins[1]: "https://a.example" stands twice',
    ],
    [
      "public: { trust_proxy: [10.0.0.0/33] }",
      'public.trust_proxy[0]: "10.0.0.0/33" is not an address range; expected e.g. "10.0.0.0/8" or "192.168.1.7"',
    ],
    [
      "public: { source: shop }",
      'public.source: "shop" is not a URI; expected an absolute URI, e.g. "https://example.org/shop"',
    ],
    ["app: { timeout: 3s }", /^app\.url: missing; expected scheme, host and port/],
    ["app: https://user:hunter2@host", /^app\.url: "https:\/\/…@host" is not an app's URL; /],
    [
      "app: [http://a]",
      /^app: found a list; expected a text for its url or an object with url, timeout, host or null$/,
    ],
    ["log: memory", 'log: found "memory"; expected an object with kind, path'],
    ["log: { kind: sqlit }", 'log.kind: found "sqlit"; expected one of "sqlite", "memory"; did you mean "sqlite"?'],
    ["log: { path: '' }", 'log.path: found ""; expected a non-empty text'],
    ["logging: { level: chatty }", /^logging\.level: found "chatty"; expected one of "trace", /],
    ["deduplication: a while", /^deduplication: "a while" is not a duration; /],
    [`deduplication: ${"x".repeat(500)}`, /^deduplication: "x{59}… is not a duration; /],
    ['deduplication: "a\\nb\\u2028c"', /^deduplication: "a\\nb c" is not a duration; /],
    ["drain: { spread: 31s }", "drain.spread: longer than drain.timeout (30s); expected at most that"],
  ])("%s", async (text, expected) => {
    const faults = await faultsOf(`${open}# a comment\n${text}\n`);
    const [fault = "", ...others] = faults;
    expect(others).toEqual([]);
    expect(fault).toMatch(/^sluice\.yaml:3: /);
    const rest = fault.slice("sluice.yaml:3: ".length);
    if (typeof expected === "string") expect(rest).toBe(expected);
    else expect(rest).toMatch(expected);
  });

  test("all of them at once, in the order of the file", async () => {
    const text = `limits:\n  event: x\n  zebra: 1\nadmin: { listen: "0.0.0.0:8081" }\ndrain: { timeout: 1s, spread: 2s }\nretention:\n  age: y\n`;
    const lines = (await faultsOf(text)).map((line) => line.split(": ").slice(0, 2).join(" "));
    expect(lines).toEqual([
      "sluice.yaml:1 access",
      "sluice.yaml:2 limits.event",
      "sluice.yaml:3 limits.zebra",
      "sluice.yaml:4 admin.key",
      "sluice.yaml:5 drain.spread",
      "sluice.yaml:7 retention.age",
    ]);
  });

  test("as lines and as one line", async () => {
    const result = await load(`limits:\n  event: x\n  batch: y\n${open}`);
    const faults = "faults" in result ? result.faults : [];
    const lines = faults.map(formatFault);
    expect(lines).toHaveLength(2);
    expect(formatFaultLines(faults)).toBe(lines.join("\n"));
    expect(formatFaults(faults)).toBe(`2 faults in the configuration: ${lines.join(" | ")}`);
    expect(formatFaults(faults.slice(0, 1))).toBe(`1 fault in the configuration: ${lines[0]}`);
  });

  test("a line break in a name makes no second line", () => {
    const line = formatFault({
      origin: { kind: "file", file: "a\nb.yaml", line: 1 },
      key: "a\r\nb",
      message: "c\u2028d\u0000",
    });
    expect(line).toBe("a b.yaml:1: a b: c d ");
  });
});

describe("no fault shows a secret", () => {
  test.each([
    "admin: hunter2",
    "admin: { key: 'hunter2 with spaces' }",
    "admin: { key: [hunter2] }",
    "admin: { key: { hunter: hunter2 } }",
    "access: hunter2",
    "access: { jwt: hunter2 }",
    "access: { jwt: { secret: [hunter2] } }",
    "transports: { xmpp: hunter2 }",
    "transports: { xmpp: { component: hunter2 } }",
    "transports: { xmpp: { component: { secret: hunter2 } } }",
    "transports: { xmpp: { accounts: [hunter2] } }",
    "transports: { xmpp: { accounts: hunter2 } }",
    "transports: { xmpp: { accounts: [{ name: A, password: hunter2 }] } }",
  ])("%s", async (text) => {
    const faults = await faultsOf(text);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.join("\n")).not.toContain("hunter2");
  });

  test.each([
    ["SLUICE_ADMIN_KEY", "hunter2 hunter2"],
    ["SLUICE_ADMIN", "hunter2"],
    ["SLUICE_ACCESS_JWT", '{"secret":"hunter2"'],
    ["SLUICE_ACCESS_JWT", '{"secret":hunter2}'],
    ["SLUICE_TRANSPORTS_XMPP_ACCOUNTS", "hunter2"],
  ])("%s=%s", async (name, value) => {
    const lines = linesOf(await load(open, { env: { [name]: value } }));
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^${name}: `))]);
    expect(lines.join("\n")).not.toContain("hunter2");
  });
});

describe("what one key alone can't show", () => {
  const jwt = (text: string): string => `access: { jwt: { ${text} } }`;
  const behind = `${open}app: http://127.0.0.1:3000\n`;

  test.each([
    ["", "sluice.yaml:1: access: nobody may read anything; expected access.public, access.jwt or access.app"],
    ["access: {}", "sluice.yaml:1: access: nobody may read anything; expected access.public, access.jwt or access.app"],
    [
      "access: { public: [] }",
      "sluice.yaml:1: access: nobody may read anything; expected access.public, access.jwt or access.app",
    ],
    [
      "access: { public: ['a/**/b'] }",
      /^sluice\.yaml:1: access\.public\[0\]: "a\/\*\*\/b" is not a topic filter \(\*\* may only be its last segment\); expected /,
    ],
    ["access: { app: {} }", 'sluice.yaml:1: access.app: there is no app to ask; expected its URL under "app"'],
    [
      `${open}admin: { listen: "0.0.0.0:8081" }`,
      "sluice.yaml:2: admin.key: missing; expected a key, since admin.listen is not on loopback",
    ],
    [
      `${open}admin: { listen: "[::]:8081" }`,
      "sluice.yaml:2: admin.key: missing; expected a key, since admin.listen is not on loopback",
    ],
    [`${open}admin: { listen: "gateway.internal:8081", key: null }`, /^sluice\.yaml:2: admin\.key: missing; /],
    [`${open}admin: { listen: ":8081" }`, /^sluice\.yaml:2: admin\.key: missing; /],
    [
      `${open}public: { cors: { origins: ["*"], credentials: true } }`,
      /^sluice\.yaml:2: public\.cors\.credentials: true together with the origin "\*"; /,
    ],
    [
      `${open}public: { listen: "127.0.0.1:8081" }`,
      /^sluice\.yaml:2: admin\.listen: port 8081 is that of public\.listen; /,
    ],
    [jwt(""), "sluice.yaml:1: access.jwt: no key to check tokens with; expected secret, public_key or jwks"],
    [jwt("audience: a"), "sluice.yaml:1: access.jwt: no key to check tokens with; expected secret, public_key or jwks"],
    [jwt("secret: ''"), /^sluice\.yaml:1: access\.jwt\.secret: found an empty text; /],
    [
      jwt("secret: s, algorithms: [none]"),
      /^sluice\.yaml:1: access\.jwt\.algorithms\[0\]: found "none"; expected one of "HS256", /,
    ],
    [
      jwt("secret: s, algorithms: []"),
      /^sluice\.yaml:1: access\.jwt\.algorithms: found a list of 0; expected at least 1 items$/,
    ],
    [
      jwt("secret: s, algorithms: [HS256, RS256]"),
      'sluice.yaml:1: access.jwt.algorithms[1]: "RS256" needs access.jwt.public_key or access.jwt.jwks',
    ],
    [
      jwt('jwks: "https://a.example/k", algorithms: [HS256]'),
      'sluice.yaml:1: access.jwt.algorithms[0]: "HS256" needs access.jwt.secret',
    ],
    [
      jwt('jwks: "http://a.example/k"'),
      /^sluice\.yaml:1: access\.jwt\.jwks: "http:\/\/a\.example\/k" is not a JWKS URL; /,
    ],
    [jwt("secret: s, cookie: 'a=b'"), /^sluice\.yaml:1: access\.jwt\.cookie: "a=b" is not a cookie name; /],
    [jwt("public_key: absent.pem"), 'sluice.yaml:1: access.jwt.public_key: the file "absent.pem" is not there'],
    [
      jwt('public_key: "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----"'),
      /public_key: not a key that can be read; expected a public key or certificate in PEM$/,
    ],
    [`${open}resources: [/orders]`, 'sluice.yaml:2: resources: there is no app behind; expected its URL under "app"'],
    [
      `${behind}resources: [/]`,
      /^sluice\.yaml:3: resources\[0\]\.topic: missing; expected a topic, since the path makes none/,
    ],
    [
      `${behind}resources:\n  - path: /a/:id\n    topic: a/:x`,
      'sluice.yaml:5: resources[0].topic: ":x" is no parameter of the path "/a/:id"',
    ],
    [
      `${behind}resources:\n  - /a/:id\n  - path: /a/:x`,
      "sluice.yaml:5: resources[1].path: matches the same URLs as resources[0].path",
    ],
    [
      `${behind}resources:\n  - /a/:id\n  - path: /a/:x/`,
      "sluice.yaml:5: resources[1].path: matches the same URLs as resources[0].path",
    ],
    [
      `${behind}resources: [/realtime/x]`,
      "sluice.yaml:3: resources[0].path: lies under public.prefix, whose paths never reach the app",
    ],
    [
      `${behind}resources: [{ path: /a, changes: [get] }]`,
      /^sluice\.yaml:3: resources\[0\]\.changes\[0\]: found "get"; expected one of "POST", /,
    ],
    [`${behind}resources: [{ topic: a }]`, /^sluice\.yaml:3: resources\[0\]\.path: missing; /],
    [
      `${open}transports: { xmpp: { tcp: { listen: "0.0.0.0:5222" } } }`,
      /^sluice\.yaml:2: transports\.xmpp\.tcp\.tls: missing; .* not on loopback$/,
    ],
    [`${open}transports: { xmpp: { tcp: { direct_tls: "127.0.0.1:5223" } } }`, /tcp\.tls: missing; .* for direct_tls$/],
    [
      `${open}transports: { xmpp: { tcp: { tls: { cert: a } } } }`,
      /^sluice\.yaml:2: transports\.xmpp\.tcp\.tls\.key: missing; /,
    ],
    [
      `${open}transports: { xmpp: { tcp: { listen: "127.0.0.1:8080" } } }`,
      /tcp\.listen: port 8080 is that of public\.listen/,
    ],
    [
      `${open}transports: { xmpp: { component: { service: "xmpp://localhost:5347", domain: p.example.org } } }`,
      /^sluice\.yaml:2: transports\.xmpp\.component\.secret: missing; /,
    ],
    [
      `${open}transports: { xmpp: { component: { ${component}, service: "localhost:5347" } } }`,
      /component\.service: "localhost:5347" is not an XMPP server's address; expected e\.g\. "xmpp:\/\/127/,
    ],
    [
      `${open}transports: { xmpp: { component: { ${component}, service: "xmpp://127.0.0.1:5222" } } }`,
      /component\.service: xmpp:\/\/127\.0\.0\.1:5222 is this gateway itself \(transports\.xmpp\.tcp\.listen\)/,
    ],
    [
      `${open}transports: { xmpp: { component: { ${component}, service: "xmpp://a:1", grants: [{ jid: a@b/c }] } } }`,
      /component\.grants\[0\]\.jid: "a@b\/c" is not a bare JID or a domain; expected e\.g\. "kitchen@example\.org"/,
    ],
  ])("%s", async (text, expected) => {
    const [fault = "", ...others] = await faultsOf(`${text}\n`);
    expect(others).toEqual([]);
    if (typeof expected === "string") expect(fault).toBe(expected);
    else expect(fault).toMatch(expected);
  });

  test.each([
    'admin: { listen: "0.0.0.0:8081", key: k }',
    'admin: { listen: "localhost:8081" }',
    'public: { listen: "127.0.0.1:0" }\nadmin: { listen: "127.0.0.1:0" }',
    "drain: { spread: 5s, timeout: 5s }",
    "drain: { timeout: 1s }",
    "limits:\ntransports:\nresources:\n",
    "$schema: ./sluice.schema.json",
    `transports: { xmpp: { component: { ${component}, service: "xmpp://10.1.2.3:8080" } } }`,
    "transports: { polling: false, long-polling: false, sse: true, websocket: {}, comet: true, xmpp: true }",
  ])("good: %s", async (text) => expect(await faultsOf(`${open}${text}\n`)).toEqual([]));

  test("xmpp: who may read by it may read", async () => {
    const grants = 'grants: [{ jid: example.org, read: ["**"] }]';
    const joined = `transports: { xmpp: { component: { ${component}, service: "xmpp://a:1", ${grants} } } }`;
    expect(await faultsOf(joined)).toEqual([]);
    expect(await faultsOf("transports: { xmpp: { accounts: [{ name: a, password: b }] } }")).toEqual([]);
    expect(await faultsOf("transports: { xmpp: true }")).toEqual([expect.stringContaining("access: nobody may read")]);
  });

  test("xmpp: files of certificates are looked at", async () => {
    const pem = "-----BEGIN CERTIFICATE-----\n";
    await withFiles({ "cert.pem": pem, "key.pem": "no key" }, async (directory) => {
      const tls = `{ cert: "${join(directory, "cert.pem")}", key: "${join(directory, "key.pem")}" }`;
      const faults = await faultsOf(`${open}transports: { xmpp: { tcp: { listen: "0.0.0.0:5222", tls: ${tls} } } }`);
      expect(faults).toEqual([
        expect.stringMatching(/^sluice\.yaml:2: transports\.xmpp\.tcp\.tls\.key: the file ".*key\.pem" holds no PEM$/),
      ]);
    });
  });

  describe("public keys", () => {
    const pemOf = (pair: {
      publicKey: { export(options: { type: "spki"; format: "pem" }): string | Buffer };
    }): string => pair.publicKey.export({ type: "spki", format: "pem" }).toString();
    const p256 = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const loadKey = async (pem: string, more = ""): Promise<Awaited<ReturnType<typeof load>>> =>
      withFiles({ "key.pem": pem }, async (directory) =>
        load(jwt(`public_key: "${join(directory, "key.pem")}"${more}`)),
      );

    test("a file and a text give the same key", async () => {
      const pem = pemOf(p256);
      const fromFile = configOf(await loadKey(pem)).access.jwt;
      expect(fromFile).toMatchObject({ publicKey: pem, algorithms: ["RS256", "PS256", "ES256", "EdDSA"] });
      expect(configOf(await load(jwt(`public_key: ${JSON.stringify(pem)}`))).access.jwt).toEqual(fromFile);
      const escaped = pem.replaceAll("\n", "\\n");
      const fromEnv = await loadConfig({
        env: { SLUICE_ACCESS_JWT_PUBLIC_KEY: escaped },
        mode: "serve",
        directory: "/nowhere",
      });
      expect(configOf(fromEnv).access.jwt).toEqual(fromFile);
    });

    test("a private key, a short RSA key and an unusable one are refused", async () => {
      const secret = p256.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      expect(linesOf(await loadKey(secret))).toEqual([expect.stringContaining("public_key: a private key; expected")]);
      const short = pemOf(generateKeyPairSync("rsa", { modulusLength: 1024 }));
      expect(linesOf(await loadKey(short))).toEqual([
        expect.stringContaining("an RSA key of 1024 bits; expected at least 2048"),
      ]);
      expect(linesOf(await loadKey(pemOf(generateKeyPairSync("x25519"))))).toEqual([
        expect.stringContaining("checks no JWT"),
      ]);
    });

    test("an RSA-PSS key, with which no signature of a token can be checked, is refused with what to give instead", async () => {
      const pss = pemOf(generateKeyPairSync("rsa-pss", { modulusLength: 2048 }));
      const problem = "a key of the type RSA-PSS; expected one of the type RSA, with which PS256 goes as well";
      for (const algorithms of ["", ", algorithms: [PS256]"]) {
        expect(linesOf(await loadKey(pss, algorithms))).toEqual([`sluice.yaml:1: access.jwt.public_key: ${problem}`]);
      }
    });

    test("the algorithms must fit it", async () => {
      const expected = "access.jwt.algorithms: none of these fits access.jwt.public_key; expected one of";
      expect(linesOf(await loadKey(pemOf(p256), ", algorithms: [RS256]"))).toEqual([
        expect.stringContaining(`${expected} ES256`),
      ]);
      const p384 = pemOf(generateKeyPairSync("ec", { namedCurve: "secp384r1" }));
      expect(linesOf(await loadKey(p384))).toEqual([expect.stringContaining(`${expected} ES384`)]);
      expect(linesOf(await loadKey(p384, ", algorithms: [ES384]"))).toEqual([]);
    });
  });
});
