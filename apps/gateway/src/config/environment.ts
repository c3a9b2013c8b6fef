import type { Fault, Origin } from "./fault.ts";
import { keysByVariable, VARIABLE_PREFIX } from "./key.ts";
import type { Key } from "./key.ts";
import { merge } from "./merge.ts";
import { nearest } from "./nearest.ts";
import { configSchema } from "./schema.ts";
import { readTextValue } from "./text-value.ts";
import { nest } from "./tree.ts";
import type { Layer, Tree } from "./tree.ts";

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Names the configuration file where the command line names none. */
export const CONFIG_VARIABLE = "SLUICE_CONFIG";

// Kubernetes and Docker set these for a service or container named sluice…; their values give them away.
const SERVICE_LINK =
  /^SLUICE(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/**
 * Reads the variables that begin with `SLUICE_`. An empty one counts as not set.
 * @param others Variables with that prefix that are no keys: they belong to the command.
 */
export function readEnvironment(environment: Environment, others: readonly string[] = []): Layer {
  const faults: Fault[] = [];
  const found: { readonly key: Key; readonly tree: Tree }[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(VARIABLE_PREFIX) || text === undefined || text === "") continue;
    if (name === CONFIG_VARIABLE || others.includes(name) || SERVICE_LINK.test(name)) continue;
    const key = keysByVariable.get(name);
    const origin: Origin = { kind: "variable", name };
    if (key === undefined) {
      faults.push({ origin, key: "", message: unknownVariable(name) });
      continue;
    }
    const value = readTextValue(text, key.node, key.text, origin);
    if (value.tree !== undefined) found.push({ key, tree: value.tree });
    faults.push(...value.faults);
  }
  faults.push(...contradictions(found));
  // The whole section first, then its keys: SLUICE_LIMITS={…} beside SLUICE_LIMITS_EVENT.
  found.sort((left, right) => left.key.path.length - right.key.path.length);
  let tree: Tree | undefined;
  for (const one of found) tree = merge(tree, nest(one.key.path, one.tree), configSchema);
  return { tree, faults };
}

function unknownVariable(name: string): string {
  const near = nearest(name, keysByVariable.keys());
  return near === undefined
    ? "unknown variable; expected the name of a key, e.g. SLUICE_PUBLIC_LISTEN"
    : `unknown variable; did you mean ${near}?`;
}

// A variable that switches a section off beside one that sets a key in it: either may be the slip.
function contradictions(found: readonly { readonly key: Key; readonly tree: Tree }[]): Fault[] {
  return found.flatMap(({ key, tree }) => {
    const off = found.find(
      (other) =>
        key.text.startsWith(`${other.key.text}.`) &&
        other.tree.kind === "scalar" &&
        (other.tree.value === false || other.tree.value === null),
    );
    if (off === undefined) return [];
    return [
      { origin: tree.origin, key: key.text, message: `set, but ${off.key.variable} switches ${off.key.text} off` },
    ];
  });
}
