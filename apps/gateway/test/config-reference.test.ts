import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { keys } from "../src/config/key.ts";
import { configSchema } from "../src/config/schema.ts";
import { linesOf, load } from "./config-sandbox.ts";
import { command, pagePath, withReference } from "./config-reference.ts";

test("docs/configuration.md is what the schema says", async () => {
  const page = await readFile(pagePath, "utf8");
  expect(page, `out of date; run: ${command}`).toBe(withReference(page));
  for (const key of keys) expect(page).toContain(key.text);
});

test("its example of faults is what check says", async () => {
  const page = await readFile(pagePath, "utf8");
  const text = `access: { public: ["**"] }${"\n".repeat(10)}limits:\n  event: 64KB!\ntransports:\n\n  longPolling: false\n`;
  for (const line of linesOf(await load(text))) expect(page).toContain(line);
});

describe("the schema for editors", () => {
  // Notes of our own (x-…) are no fault; everything else strict mode finds is.
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  for (const name of ["minimum", "maximum", "default", "property", "shorthand", "reload"]) ajv.addKeyword(`x-${name}`);
  const validate: ValidateFunction = ajv.compile(configSchema);

  test("is a valid schema in which every key is described and has a default or says why not", () => {
    expect(ajv.validateSchema(configSchema)).toBe(true);
    for (const { text, node } of keys) {
      expect(node.description, text).toMatch(/\S/);
      const isSection = node.properties !== undefined;
      const hasDefault = node.default !== undefined || node["x-default"] !== undefined;
      const isRequired = keys.some(
        (key) => text.startsWith(`${key.text}.`) && key.node.required?.includes(text.split(".").at(-1) ?? "") === true,
      );
      expect(hasDefault || isRequired || isSection, text).toBe(true);
    }
  });

  const open = { access: { public: ["**"] } };
  const good: readonly unknown[] = [
    {},
    { $schema: "./sluice.schema.json" },
    { app: "http://a", resources: ["/a", { path: "/b/:id", changes: [], query: "include" }] },
    { app: { url: "http://a", timeout: 2.5, host: "app" } },
    { app: null, admin: { key: null } },
    { access: { public: ["a/*"], jwt: { secret: "s", audience: "a", issuer: ["b"] } } },
    { app: "http://a", access: { app: true } },
    {
      transports: { sse: true, polling: false, websocket: { heartbeat: 3 }, xmpp: { domain: "a.example", tcp: false } },
    },
    { transports: { "rest-hooks": { schedule: [0, "5s"], allow: ["10.0.0.0/8", { cidr: "::1", ports: [1] }] } } },
    { limits: { event: 1024, batch: "1.5MiB" }, deduplication: 0, log: { kind: "memory" } },
    { public: { cors: { origins: ["*", "HTTPS://A.example"] }, listen: ":0" } },
  ];
  test.each(good.map((value) => [JSON.stringify(value), value]))(
    "takes %s, as the gateway does",
    async (text, value) => {
      expect(validate({ ...open, ...(value as object) }), JSON.stringify(validate.errors)).toBe(true);
      expect(linesOf(await load(JSON.stringify({ ...open, ...(JSON.parse(text) as object) })))).toEqual([]);
    },
  );

  const bad: readonly unknown[] = [
    { limit: {} },
    { limits: { event: "64KB!" } },
    { limits: { connections: 0 } },
    { limits: { head_timeout: -1 } },
    { log: "memory" },
    { log: { kind: "redis" } },
    { app: { timeout: "1s" } },
    { app: ["http://a"] },
    { resources: [{ topic: "a" }] },
    { public: { prefix: "realtime" } },
    { public: { listen: "localhost" } },
    { public: { cors: { origins: ["https://a.example/"] } } },
    { admin: { key: "a b" } },
    { access: { jwt: { secret: "" } } },
    { access: { jwt: { secret: "s", algorithms: ["none"] } } },
    { transports: { sse: "on" } },
    { transports: { "rest-hooks": { schedule: [] } } },
    { transports: { "rest-hooks": { schedule: Array(21).fill(1) } } },
    { transports: { "rest-hooks": { allow: [{ ports: [1] }] } } },
    { transports: { xmpp: { accounts: [{ name: "a" }] } } },
  ];
  test.each(bad.map((value) => [JSON.stringify(value), value]))(
    "refuses %s, as the gateway does",
    async (text, value) => {
      expect(validate({ ...open, ...(value as object) })).toBe(false);
      expect(linesOf(await load(JSON.stringify({ ...open, ...(JSON.parse(text) as object) }))).length).toBeGreaterThan(
        0,
      );
    },
  );
});
