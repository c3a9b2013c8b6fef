import type { Fault, Origin } from "./fault.ts";
import { keys, keysByText } from "./key.ts";
import { merge } from "./merge.ts";
import { nearest } from "./nearest.ts";
import { configSchema } from "./schema.ts";
import { readTextValue } from "./text-value.ts";
import { nest } from "./tree.ts";
import type { Layer, Tree } from "./tree.ts";

/** A key that the command line sets. */
export interface Override {
  /** The dotted key: `limits.event`. */
  readonly key: string;
  /** The value as text, read as an environment variable's is. */
  readonly value: string;
  /** The flag as the user wrote it, for faults; `--set` where none is given. */
  readonly flag?: string;
}

/** Splits the argument of `--set`: `limits.event=64KiB`. Undefined without a key or an equals sign. */
export function parseSet(argument: string): Override | undefined {
  const equals = argument.indexOf("=");
  return equals < 1 ? undefined : { key: argument.slice(0, equals).trim(), value: argument.slice(equals + 1) };
}

/** Reads what the command line sets; of two flags for one key the later wins. */
export function readOverrides(overrides: readonly Override[]): Layer {
  const faults: Fault[] = [];
  let tree: Tree | undefined;
  for (const { key: text, value, flag = "--set" } of overrides) {
    const origin: Origin = { kind: "flag", flag };
    const key = keysByText.get(text);
    if (key === undefined) {
      faults.push({ origin, key: text, message: unknownKey(text) });
      continue;
    }
    const read = readTextValue(value, key.node, text, origin);
    if (read.tree !== undefined) tree = merge(tree, nest(key.path, read.tree), configSchema);
    faults.push(...read.faults);
  }
  return { tree, faults };
}

function unknownKey(text: string): string {
  const near = nearest(text, keysByText.keys());
  if (near !== undefined) return `unknown key; did you mean "${near}"?`;
  const sections = keys.filter((key) => key.path.length === 1).map((key) => key.text);
  return `unknown key; expected one under ${sections.join(", ")}`;
}
