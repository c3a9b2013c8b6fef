import { isDeepStrictEqual } from "node:util";
import { isLoopback } from "./address.ts";
import type { Config } from "./config.ts";
import { deepFreeze } from "./draft.ts";
import { childrenOf, configSchema, propertyName } from "./schema.ts";
import type { SchemaNode } from "./schema.ts";

/** What a reload brings. */
export interface Reload {
  /** The configuration that holds from now on: the old one with what may change in a running gateway. */
  readonly config: Config;
  /** The keys that differ and wait for a restart, in the schema's order. */
  readonly needsRestart: readonly string[];
}

/**
 * What a SIGHUP changes: keys, grants, resources and limits (`x-reload` in the schema) are the new ones; everything
 * else stays, and is named where it differs. Both configurations have been checked.
 */
export function reloadable(oldConfig: Config, newConfig: Config): Reload {
  const needsRestart: string[] = [];
  const config = compose(configSchema, oldConfig, newConfig, "", needsRestart) as Config;
  if (config.admin.key !== null || isLoopback(config.admin.listen.host)) {
    return { config: deepFreeze(config), needsRestart };
  }
  // The new configuration does without a key because it listens on loopback; the running gateway still listens to all.
  const admin = { ...config.admin, key: oldConfig.admin.key };
  return { config: deepFreeze({ ...config, admin }), needsRestart: [...needsRestart, "admin.key"] };
}

function compose(node: SchemaNode, older: unknown, newer: unknown, key: string, needsRestart: string[]): unknown {
  if (node["x-reload"] === true || isDeepStrictEqual(older, newer)) return newer;
  if (node.properties === undefined || !isObject(older) || !isObject(newer)) {
    needsRestart.push(key);
    return older;
  }
  const composed: Record<string, unknown> = {};
  for (const [name, child] of childrenOf(node)) {
    const property = propertyName(name, child);
    const childKey = key === "" ? name : `${key}.${name}`;
    const value = compose(child, older[property], newer[property], childKey, needsRestart);
    if (value !== undefined) composed[property] = value;
  }
  return composed;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
