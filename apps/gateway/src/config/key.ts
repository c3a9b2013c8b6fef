import { childrenOf, configSchema, propertyName } from "./schema.ts";
import type { SchemaNode } from "./schema.ts";

/** A key of the configuration under all of its names. */
export interface Key {
  /** The dotted key: `transports.long-polling.max_wait`. */
  readonly text: string;
  readonly path: readonly string[];
  /** Where it stands in `Config`: `["transports", "longPolling", "maxWaitMs"]`. */
  readonly properties: readonly string[];
  /** The environment variable that sets it: `SLUICE_TRANSPORTS_LONG_POLLING_MAX_WAIT`. */
  readonly variable: string;
  readonly node: SchemaNode;
}

/** What all environment variables of the gateway begin with. */
export const VARIABLE_PREFIX = "SLUICE_";

/** Every key of the schema, sections included, in the schema's order. The items of lists have no keys. */
export const keys: readonly Key[] = collect(configSchema, [], []);

/** The keys by their dotted text. */
export const keysByText: ReadonlyMap<string, Key> = new Map(keys.map((key) => [key.text, key]));

/** The keys by their environment variable. */
export const keysByVariable: ReadonlyMap<string, Key> = new Map(keys.map((key) => [key.variable, key]));

function collect(node: SchemaNode, path: readonly string[], properties: readonly string[]): Key[] {
  return childrenOf(node).flatMap(([name, child]) => {
    const key: Key = {
      text: [...path, name].join("."),
      path: [...path, name],
      properties: [...properties, propertyName(name, child)],
      variable: VARIABLE_PREFIX + [...path, name].join("_").replaceAll("-", "_").toUpperCase(),
      node: child,
    };
    return [key, ...collect(child, key.path, key.properties)];
  });
}
