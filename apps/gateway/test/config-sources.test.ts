import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Config } from "../src/config/config.ts";
import { parseSet } from "../src/config/override.ts";
import { keys } from "../src/config/key.ts";
import type { Key } from "../src/config/key.ts";
import { kinds } from "../src/config/kind.ts";
import { defaultConfig, loadConfig } from "../src/config/load-config.ts";
import type { LoadOptions } from "../src/config/load-config.ts";
import { configSchema, shapeOf } from "../src/config/schema.ts";
import { configOf, linesOf, load, withFiles } from "./config-sandbox.ts";

const open = "access: { public: ['**'] }\n";
const nowhere: Pick<LoadOptions, "mode" | "directory"> = { mode: "serve", directory: "/nowhere" };

async function fromEnv(env: Readonly<Record<string, string>>): Promise<Config> {
  return configOf(await loadConfig({ ...nowhere, env: { SLUICE_ACCESS_PUBLIC: "**", ...env } }));
}

async function faultsOfEnv(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  return linesOf(await loadConfig({ ...nowhere, env: { SLUICE_ACCESS_PUBLIC: "**", ...env } }));
}

function at(config: Config, key: Key): unknown {
  return key.properties.reduce<unknown>((value, name) => (value as Record<string, unknown> | null)?.[name], config);
}

describe("defaults", () => {
  // Written out, so that a changed default is a changed test; the type makes sure that nothing is left out.
  const expected: Config = {
    public: {
      listen: { host: "0.0.0.0", port: 8080 },
      prefix: "/realtime",
      cors: { origins: [], hasCredentials: false },
      trustProxy: [],
      source: "https://example.org/app",
    },
    admin: { listen: { host: "127.0.0.1", port: 8081 }, key: null },
    app: null,
    resources: [],
    access: { public: [], jwt: null, app: null },
    log: { kind: "sqlite", path: "data" },
    deduplicationMs: 600_000,
    retention: { ageMs: 86_400_000, events: 1_000_000, bytes: 1_073_741_824 },
    transports: {
      polling: { intervalMs: 0 },
      longPolling: { maxWaitMs: 60_000 },
      sse: { heartbeatMs: 15_000, retryMs: 2_000 },
      websocket: { heartbeatMs: 25_000 },
      xmpp: false,
      restHooks: {
        scheduleMs: [
          0, 5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
        ],
        timeoutMs: 15_000,
        canUseHttp: false,
        allow: [],
        trusted: [],
        canBeAnonymous: false,
        concurrency: 2_000,
        perOrigin: 100,
        hasReverseUnsubscribe: true,
      },
      comet: false,
    },
    limits: {
      connections: 100_000,
      connectionsPerIp: 1_000,
      subscriptions: 100,
      eventBytes: 262_144,
      publishBodyBytes: 10_485_760,
      batchBytes: 65_536,
      messageBytes: 65_536,
      messagesPerSecond: 50,
      headerBytes: 16_384,
      headTimeoutMs: 10_000,
    },
    drain: { spreadMs: 10_000, timeoutMs: 30_000 },
    logging: { level: "info", format: "auto" },
  };

  test("are those of the contract", () => expect(defaultConfig).toStrictEqual(expected));

  test("hold where a file says nothing else", async () =>
    expect(configOf(await load(open))).toStrictEqual({ ...expected, access: { ...expected.access, public: ["**"] } }));

  test("dev lets everybody read, hooks reach this machine and XMPP clients in, under file and environment", async () => {
    const dev = configOf(await loadConfig({ env: {}, mode: "dev", directory: "/nowhere" }));
    expect(dev).toStrictEqual({
      ...expected,
      access: { ...expected.access, public: ["**"] },
      transports: {
        ...expected.transports,
        comet: true,
        restHooks: {
          ...expected.transports.restHooks,
          canUseHttp: true,
          allow: [
            { cidr: "127.0.0.0/8", ports: null },
            { cidr: "::1/128", ports: null },
          ],
          trusted: ["*"],
          canBeAnonymous: true,
        },
        xmpp: {
          domain: "localhost",
          tcp: { listen: { host: "127.0.0.1", port: 5222 }, tls: null, directTls: null },
          hasBosh: true,
          hasWebsocket: true,
          component: null,
          accounts: [],
        },
      },
    });
    const file = "access: { public: [menu] }\ntransports: { rest-hooks: { timeout: 1s } }\nresources: [/orders]\n";
    const over = configOf(await load(file, { mode: "dev", env: { SLUICE_TRANSPORTS_REST_HOOKS_HTTP: "false" } }));
    expect(over.access.public).toEqual(["menu"]);
    expect(over.transports.restHooks).toMatchObject({ timeoutMs: 1_000, canUseHttp: false });
    expect(over.resources).toHaveLength(1);
  });

  test("a shorter drain.timeout takes drain.spread's default down with it", async () =>
    expect(configOf(await load(`${open}drain: { timeout: 2s }`)).drain).toEqual({ spreadMs: 2_000, timeoutMs: 2_000 }));
});

test("everything that can be said, from a file", async () => {
  const yaml = `
public: { listen: "[::1]:9000", prefix: /live/v1, cors: { origins: ["https://A.example:443"], credentials: true }, trust_proxy: [10.0.0.1, fd00::/8], source: "urn:shop" }
admin: { listen: ":9001", key: k3y }
app: { url: "http://127.0.0.1:3000/", timeout: 2.5, host: app }
resources:
  - { path: /users/:user/orders/:id, topic: "orders/:id", changes: [PUT], poll_cache: true, query: include }
  - /menu
access:
  public: [menu, "orders/*"]
  jwt: { secret: s3cret, jwks: "http://127.0.0.1:1/keys", algorithms: [HS512, ES384], audience: shop, issuer: [a, b], cookie: token }
  app: { method: HEAD, ttl: 0, recheck: 5, when_app_is_down: end }
log: { kind: memory }
deduplication: 0
retention: { age: 7d, events: 5, bytes: 5MB }
transports:
  polling: { interval: 5s }
  long-polling: false
  sse: { heartbeat: 1s, retry: 100ms }
  websocket: { heartbeat: 2s }
  xmpp:
    domain: Example.org
    tcp: { listen: "127.0.0.1:5299" }
    bosh: false
    component: { service: "xmpp://127.0.0.1:5347", domain: pubsub.example.org, secret: c0mponent, grants: [{ jid: Example.org, read: ["orders/**"] }] }
    accounts: [{ name: kitchen, password: pw, read: ["orders/**"] }]
  rest-hooks: { schedule: [0, 1m], timeout: 1s, http: true, allow: [10.0.0.0/8, { cidr: 127.0.0.1, ports: [8443] }], trusted: ["*"], anonymous: true, concurrency: 10, per_origin: 5, reverse_unsubscribe: false }
  comet: true
limits: { connections: 1, connections_per_ip: 2, subscriptions: 3, event: 4KiB, publish_body: 5, batch: 6, message: 7, messages_per_second: 8, header: 9KB, head_timeout: 1s }
drain: { spread: 1s, timeout: 2s }
logging: { level: silent, format: json }
`;
  const expected: Config = {
    public: {
      listen: { host: "::1", port: 9000 },
      prefix: "/live/v1",
      cors: { origins: ["https://a.example"], hasCredentials: true },
      trustProxy: ["10.0.0.1/32", "fd00::/8"],
      source: "urn:shop",
    },
    admin: { listen: { host: "0.0.0.0", port: 9001 }, key: "k3y" },
    app: { url: "http://127.0.0.1:3000", timeoutMs: 2_500, host: "app" },
    resources: [
      { path: "/users/:user/orders/:id", topic: "orders/:id", changes: ["PUT"], hasPollCache: true, query: "include" },
      {
        path: "/menu",
        topic: "menu",
        changes: ["POST", "PUT", "PATCH", "DELETE"],
        hasPollCache: false,
        query: "ignore",
      },
    ],
    access: {
      public: ["menu", "orders/*"],
      jwt: {
        secret: "s3cret",
        publicKey: null,
        jwks: "http://127.0.0.1:1/keys",
        algorithms: ["HS512", "ES384"],
        audience: ["shop"],
        issuer: ["a", "b"],
        cookie: "token",
      },
      app: { method: "HEAD", ttlMs: 0, recheckMs: 5_000, whenAppIsDown: "end" },
    },
    log: { kind: "memory" },
    deduplicationMs: 0,
    retention: { ageMs: 604_800_000, events: 5, bytes: 5_000_000 },
    transports: {
      polling: { intervalMs: 5_000 },
      longPolling: false,
      sse: { heartbeatMs: 1_000, retryMs: 100 },
      websocket: { heartbeatMs: 2_000 },
      xmpp: {
        domain: "example.org",
        tcp: { listen: { host: "127.0.0.1", port: 5299 }, tls: null, directTls: null },
        hasBosh: false,
        hasWebsocket: true,
        component: {
          service: "xmpp://127.0.0.1:5347",
          domain: "pubsub.example.org",
          secret: "c0mponent",
          grants: [{ jid: "example.org", read: ["orders/**"], publish: [] }],
        },
        accounts: [{ name: "kitchen", password: "pw", read: ["orders/**"], publish: [] }],
      },
      restHooks: {
        scheduleMs: [0, 60_000],
        timeoutMs: 1_000,
        canUseHttp: true,
        allow: [
          { cidr: "10.0.0.0/8", ports: null },
          { cidr: "127.0.0.1/32", ports: [8443] },
        ],
        trusted: ["*"],
        canBeAnonymous: true,
        concurrency: 10,
        perOrigin: 5,
        hasReverseUnsubscribe: false,
      },
      comet: true,
    },
    limits: {
      connections: 1,
      connectionsPerIp: 2,
      subscriptions: 3,
      eventBytes: 4_096,
      publishBodyBytes: 5,
      batchBytes: 6,
      messageBytes: 7,
      messagesPerSecond: 8,
      headerBytes: 9_000,
      headTimeoutMs: 1_000,
    },
    drain: { spreadMs: 1_000, timeoutMs: 2_000 },
    logging: { level: "silent", format: "json" },
  };
  expect(configOf(await load(yaml))).toStrictEqual(expected);
});

test("the configuration is frozen to its depth", async () => {
  const thawed: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Object.isFrozen(value)) thawed.push(path);
    for (const [name, inner] of Object.entries(value)) look(inner, `${path}.${name}`);
  };
  look(configOf(await load(`${open}resources: [/a]\napp: http://a\n`)), "config");
  look(defaultConfig, "defaultConfig");
  expect(thawed).toEqual([]);
});

describe("the environment", () => {
  test("no two keys share a variable, and no two a property", () => {
    expect(new Set(keys.map((key) => key.variable)).size).toBe(keys.length);
    expect(new Set(keys.map((key) => key.properties.join("."))).size).toBe(keys.length);
  });

  // What must be set beside a key for the configuration to be a good one.
  const beside: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["app.", { SLUICE_APP_URL: "http://127.0.0.1:1" }],
    ["resources", { SLUICE_APP_URL: "http://127.0.0.1:1" }],
    ["access.app", { SLUICE_APP_URL: "http://127.0.0.1:1" }],
    ["access.jwt.", { SLUICE_ACCESS_JWT_SECRET: "s" }],
    [
      "transports.xmpp.component.",
      {
        SLUICE_TRANSPORTS_XMPP_COMPONENT_SERVICE: "xmpp://127.0.0.1:1",
        SLUICE_TRANSPORTS_XMPP_COMPONENT_DOMAIN: "pubsub.example.org",
        SLUICE_TRANSPORTS_XMPP_COMPONENT_SECRET: "s",
      },
    ],
  ];
  // Keys whose value must fit the world outside: the text and what it becomes.
  const particular: Readonly<Record<string, readonly [string, unknown]>> = {
    app: ["http://127.0.0.1:2", { url: "http://127.0.0.1:2", timeoutMs: 30_000, host: "keep" }],
    "access.app": ["true", { method: "GET", ttlMs: 10_000, recheckMs: 60_000, whenAppIsDown: "keep" }],
    "access.jwt.algorithms": ["HS512", ["HS512"]],
    "log.kind": ["memory", "memory"],
    "drain.spread": ["1s", 1_000],
    "admin.listen": ["[::1]:9", { host: "::1", port: 9 }],
    "limits.header": ["9KB", 9_000],
    "transports.xmpp.tcp.listen": ["localhost:9", { host: "localhost", port: 9 }],
    "transports.xmpp.component": ["null", null],
    "transports.xmpp.tcp.tls": ["null", null],
  };
  // Set only with files that exist: tested below, and access.jwt.public_key with the other checks of it.
  const needsFiles = [
    "access.jwt.public_key",
    "transports.xmpp.tcp.tls.cert",
    "transports.xmpp.tcp.tls.key",
    "transports.xmpp.tcp.direct_tls",
  ];

  /** A text for a key that is not its default, and what the configuration then holds. */
  function sample(key: Key): readonly [string, unknown] {
    const known = particular[key.text];
    if (known !== undefined) return known;
    const { node } = key;
    const { types, kind } = shapeOf(node.items?.properties === undefined ? (node.items ?? node) : node);
    const wrap = (value: unknown): unknown => (node.items === undefined ? value : [value]);
    if (kind !== undefined) {
      const example = configSchema.$defs?.[kind]?.examples?.find((text) => String(text) !== String(node.default));
      const least = node["x-maximum"] === "60s" ? "7s" : example;
      const parsed = kinds[kind]?.parse(least ?? "");
      return [String(least), wrap(parsed !== undefined && "value" in parsed ? parsed.value : undefined)];
    }
    const choices = (node.items ?? node).enum;
    if (choices !== undefined) {
      const choice = choices.find((text) => text !== node.default) ?? "";
      return [choice, wrap(choice)];
    }
    if (types.has("integer")) return ["17", wrap(17)];
    if (types.has("boolean") && types.has("object")) {
      const isOff = node.default === false;
      return [String(isOff), isOff ? expect.objectContaining({}) : false];
    }
    if (types.has("boolean")) return [String(node.default !== true), node.default !== true];
    if (types.has("object") || node.items?.properties !== undefined) {
      const empty = node.items === undefined ? "{}" : "[]";
      return [empty, expect.anything()];
    }
    return ["some-text", node.type === "string" || node.items === undefined ? "some-text" : ["some-text"]];
  }

  test.each(keys.filter((key) => !needsFiles.includes(key.text)).map((key) => [key.variable, key] as const))(
    "%s sets its key",
    async (variable, key) => {
      const [text, expected] = sample(key);
      const needed = beside.filter(([prefix]) => key.text.startsWith(prefix)).map(([, env]) => env);
      const isJwt = key.text === "access.jwt";
      const value = isJwt ? '{"secret":"s"}' : text;
      const env = Object.assign({}, ...needed, { [variable]: value }) as Record<string, string>;
      const config = await fromEnv(env);
      expect(at(config, key)).toEqual(isJwt ? expect.objectContaining({ secret: "s" }) : expected);
      // A section given as {} holds its defaults; everything else must have changed something.
      if (text !== "{}" && text !== "[]" && text !== "null")
        expect(at(config, key)).not.toEqual(at(defaultConfig, key));
      // The same by flag.
      const overrides = [{ key: key.text, value }];
      const byFlag = await loadConfig({
        ...nowhere,
        env: { SLUICE_ACCESS_PUBLIC: "**", ...env, [variable]: "" },
        overrides,
      });
      expect(configOf(byFlag)).toEqual(config);
    },
  );

  test("keys that name files set them", async () => {
    await withFiles({ "x.pem": "-----BEGIN X-----" }, async (directory) => {
      const path = join(directory, "x.pem");
      const { xmpp } = (
        await fromEnv({
          SLUICE_TRANSPORTS_XMPP_TCP_TLS_CERT: path,
          SLUICE_TRANSPORTS_XMPP_TCP_TLS_KEY: path,
          SLUICE_TRANSPORTS_XMPP_TCP_DIRECT_TLS: "0.0.0.0:5223",
        })
      ).transports;
      const tcp = { tls: { cert: path, key: path }, directTls: { host: "0.0.0.0", port: 5223 } };
      expect(xmpp).toMatchObject({ tcp });
    });
  });

  test("lists are JSON or divided by commas", async () => {
    expect((await fromEnv({ SLUICE_ACCESS_PUBLIC: " a/* , b ,**" })).access.public).toEqual(["a/*", "b", "**"]);
    expect((await fromEnv({ SLUICE_ACCESS_PUBLIC: '["a,b"]' })).access.public).toEqual(["a,b"]);
    const { restHooks } = (await fromEnv({ SLUICE_TRANSPORTS_REST_HOOKS_SCHEDULE: "0,5s,1.5" })).transports;
    expect(restHooks).toMatchObject({ scheduleMs: [0, 5_000, 1_500] });
    const resources = '[{"path":"/orders/:id","changes":["POST"]},"/menu"]';
    const withApp = { SLUICE_APP: "http://a", SLUICE_RESOURCES: resources };
    expect((await fromEnv(withApp)).resources.map(({ path }) => path)).toEqual(["/orders/:id", "/menu"]);
  });

  test("texts stay texts where the key wants one", async () => {
    const config = await fromEnv({ SLUICE_ADMIN_KEY: "0123", SLUICE_ACCESS_JWT_SECRET: "true", SLUICE_LOG_PATH: "7" });
    expect(config.admin.key).toBe("0123");
    expect(config.access.jwt?.secret).toBe("true");
    expect(config.log).toEqual({ kind: "sqlite", path: "7" });
  });

  test("null and an empty text", async () => {
    const result = await load(`${open}admin: { key: k }\napp: http://a\n`, {
      env: { SLUICE_ADMIN_KEY: "null", SLUICE_APP: "" },
    });
    expect(configOf(result).admin.key).toBeNull();
    expect(configOf(result).app?.url).toBe("http://a");
  });

  test("switches a transport off and on", async () => {
    const file = `${open}transports: { sse: { heartbeat: 1s }, websocket: false, comet: true }\n`;
    const env = {
      SLUICE_TRANSPORTS_SSE: "true",
      SLUICE_TRANSPORTS_WEBSOCKET_HEARTBEAT: "3s",
      SLUICE_TRANSPORTS_COMET: "false",
      SLUICE_TRANSPORTS_POLLING: "false",
    };
    expect(configOf(await load(file, { env })).transports).toMatchObject({
      polling: false,
      sse: { heartbeatMs: 1_000, retryMs: 2_000 },
      websocket: { heartbeatMs: 3_000 },
      comet: false,
    });
  });

  test("a whole section, beside keys in it", async () => {
    const env = { SLUICE_LIMITS: '{"event":"1KiB","batch":"1KiB"}', SLUICE_LIMITS_EVENT: "2KiB" };
    expect((await fromEnv(env)).limits).toMatchObject({ eventBytes: 2_048, batchBytes: 1_024, headerBytes: 16_384 });
  });

  test("a key in a section that another variable switches off is a fault", async () =>
    expect(await faultsOfEnv({ SLUICE_TRANSPORTS_SSE: "false", SLUICE_TRANSPORTS_SSE_RETRY: "1s" })).toEqual([
      "SLUICE_TRANSPORTS_SSE_RETRY: transports.sse.retry: set, but SLUICE_TRANSPORTS_SSE switches transports.sse off",
    ]));

  test("faults name the variable", async () => {
    expect(await faultsOfEnv({ SLUICE_LIMITS_EVENT: "64KB!", SLUICE_TRANSPORTS_SSE: "yes" })).toEqual([
      'SLUICE_TRANSPORTS_SSE: transports.sse: found "yes"; expected an object with heartbeat, retry or true or false',
      'SLUICE_LIMITS_EVENT: limits.event: "64KB!" is not a size; expected e.g. "256KiB" or bytes',
    ]);
    expect(await faultsOfEnv({ SLUICE_ADMIN_LISTEN: "0.0.0.0:1" })).toEqual([
      "SLUICE_ADMIN_LISTEN: admin.key: missing; expected a key, since admin.listen is not on loopback",
    ]);
  });

  test("an unknown variable is a fault with the nearest name", async () => {
    expect(await faultsOfEnv({ SLUICE_PUBLIC_LISTN: "1", SLUICE_XYZZY: "1", OTHER: "1" })).toEqual([
      "SLUICE_PUBLIC_LISTN: unknown variable; did you mean SLUICE_PUBLIC_LISTEN?",
      "SLUICE_XYZZY: unknown variable; expected the name of a key, e.g. SLUICE_PUBLIC_LISTEN",
    ]);
    const result = await loadConfig({
      ...nowhere,
      env: { SLUICE_ACCESS_PUBLIC: "**", SLUICE_TOKEN: "t" },
      otherVariables: ["SLUICE_TOKEN"],
    });
    expect(linesOf(result)).toEqual([]);
  });

  test("what Kubernetes sets for services named sluice and sluice-admin is none of ours", async () => {
    const env = {
      SLUICE_SERVICE_HOST: "10.0.0.1",
      SLUICE_SERVICE_PORT: "8080",
      SLUICE_SERVICE_PORT_HTTP: "8080",
      SLUICE_PORT: "tcp://10.0.0.1:8080",
      SLUICE_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      SLUICE_PORT_8080_TCP_PROTO: "tcp",
      SLUICE_PORT_8080_TCP_PORT: "8080",
      SLUICE_PORT_8080_TCP_ADDR: "10.0.0.1",
      SLUICE_ADMIN_SERVICE_HOST: "10.0.0.1",
      SLUICE_ADMIN_PORT_8081_TCP: "tcp://10.0.0.1:8081",
    };
    expect(await faultsOfEnv(env)).toEqual([]);
  });
});

describe("flags", () => {
  test("win over the environment, which wins over the file; of two the later holds", async () => {
    const file = `${open}limits: { connections: 1, subscriptions: 1, messages_per_second: 1 }\n`;
    const env = { SLUICE_LIMITS_SUBSCRIPTIONS: "2", SLUICE_LIMITS_MESSAGES_PER_SECOND: "2" };
    const overrides = [
      { key: "limits.messages_per_second", value: "3" },
      { key: "limits.messages_per_second", value: "4" },
    ];
    expect(configOf(await load(file, { env, overrides })).limits).toMatchObject({
      connections: 1,
      subscriptions: 2,
      messagesPerSecond: 4,
    });
  });

  test("faults name the flag", async () => {
    const overrides = [
      { key: "public.listen", value: "x", flag: "--listen" },
      { key: "limits.evnt", value: "1" },
    ];
    expect(linesOf(await load(open, { overrides }))).toEqual([
      '--set: limits.evnt: unknown key; did you mean "limits.event"?',
      '--listen: public.listen: "x" is not an address to listen on; expected "host:port", e.g. "127.0.0.1:8080" or "[::1]:8080"',
    ]);
  });

  test("--set takes a key and a value, in which = may stand", () => {
    expect(parseSet("admin.key=a=b")).toEqual({ key: "admin.key", value: "a=b" });
    expect(parseSet("admin.key=")).toEqual({ key: "admin.key", value: "" });
    expect(parseSet("admin.key")).toBeUndefined();
    expect(parseSet("=x")).toBeUndefined();
  });
});

test("whatever is set, there is a good configuration or a fault, and nothing is thrown", async () => {
  const text = fc.oneof(
    fc.constantFrom(
      "null",
      "true",
      "false",
      "0",
      "-1",
      "1s",
      "1KiB",
      "{}",
      "[]",
      "[null]",
      "[{}]",
      '{"a":1}',
      ",",
      "a,b",
      "/a",
      "/:a",
      "http://a",
      "127.0.0.1:8080",
      "**",
      "HS256",
      "x.pem",
      "GET",
      "keep",
    ),
    fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
    fc.string(),
  );
  const overrides = fc.array(fc.record({ key: fc.constantFrom(...keys.map((key) => key.text)), value: text }), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(overrides, fc.constantFrom("serve" as const, "dev" as const), async (given, mode) => {
      const result = await loadConfig({ env: {}, overrides: given, mode, directory: "/nowhere" });
      if ("faults" in result) {
        expect(result.faults.length).toBeGreaterThan(0);
        for (const line of linesOf(result)) expect(line).not.toMatch(/\n|undefined|\[object/);
      } else {
        expect(Object.keys(result.config)).toEqual(Object.keys(defaultConfig));
      }
    }),
    { numRuns: 1_500 },
  );
});
