import { describe, expect, test } from "vitest";
import type { Config } from "../src/config/config.ts";
import { reloadable } from "../src/config/reload.ts";
import { configOf, load } from "./config-sandbox.ts";

const open = "access: { public: ['**'] }\n";

async function config(yaml: string): Promise<Config> {
  return configOf(await load(yaml));
}

describe("what a reload brings", () => {
  test("nothing where nothing changed", async () => {
    const old = await config(open);
    expect(reloadable(old, await config(open))).toEqual({ config: old, needsRestart: [] });
  });

  test("keys, grants, resources and limits", async () => {
    const old = await config(`${open}app: http://a\nadmin: { key: one }\n`);
    const changed = await config(
      `access: { public: [menu], jwt: { secret: s }, app: { ttl: 1s } }\napp: http://a\nadmin: { key: two }\nresources: [/menu]\nlimits: { event: 1KiB }\n`,
    );
    expect(reloadable(old, changed)).toEqual({ config: changed, needsRestart: [] });
  });

  test("everything else stays and is named", async () => {
    const old = await config(`${open}transports: { websocket: false }\n`);
    const changed = await config(
      `${open}public: { listen: "127.0.0.1:1", cors: { origins: ["*"] } }\napp: http://a\nlog: { kind: memory }\n` +
        `transports: { sse: { heartbeat: 1s }, xmpp: true, websocket: { heartbeat: 1s }, rest-hooks: { schedule: [1s] } }\n` +
        `limits: { event: 1KiB }\ndrain: { timeout: 1s }\n`,
    );
    const { config: composed, needsRestart } = reloadable(old, changed);
    expect(needsRestart).toEqual([
      "public.listen",
      "public.cors.origins",
      "app",
      "log.kind",
      "log.path",
      "transports.sse.heartbeat",
      "transports.websocket",
      "transports.xmpp",
      "transports.rest-hooks.schedule",
      "drain.spread",
      "drain.timeout",
    ]);
    expect(composed).toStrictEqual({ ...old, limits: changed.limits });
    expect(Object.isFrozen(composed)).toBe(true);
    expect(Object.isFrozen(composed.public)).toBe(true);
  });

  test("a listener that is still open to all keeps its key", async () => {
    const old = await config(`${open}admin: { listen: "0.0.0.0:8081", key: k }\n`);
    const { config: composed, needsRestart } = reloadable(old, await config(open));
    expect(composed.admin).toEqual(old.admin);
    expect(needsRestart).toEqual(["admin.listen", "admin.key"]);
  });

  test("a new log is not half the old one", async () => {
    const old = await config(`${open}log: { kind: memory }\n`);
    const { config: composed, needsRestart } = reloadable(old, await config(open));
    expect(composed.log).toEqual({ kind: "memory" });
    expect(needsRestart).toEqual(["log.kind", "log.path"]);
  });
});
