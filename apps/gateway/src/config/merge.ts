import { shapeOf } from "./schema.ts";
import type { SchemaNode } from "./schema.ts";
import type { Branch, Tree } from "./tree.ts";

/**
 * What holds when `upper` stands over `lower`: objects are joined key by key, everything else is replaced. `true` for
 * a section means "on" and keeps what the lower source says of it; a short form (`app: URL`) is the object it stands for.
 */
export function merge(lower: Tree | undefined, upper: Tree, node: SchemaNode | undefined): Tree {
  if (lower === undefined || node?.properties === undefined) return upper;
  const below = unfold(lower, node);
  const above = unfold(upper, node);
  if (below.kind !== "branch") return upper;
  if (isOn(above, node)) return below;
  return above.kind === "branch" ? join(below, above, node) : upper;
}

/** A branch in the place of the text that is short for it; any other tree as it is. */
export function unfold(tree: Tree, node: SchemaNode): Tree {
  const shorthand = node["x-shorthand"];
  if (shorthand === undefined || tree.kind !== "scalar" || typeof tree.value !== "string") return tree;
  return { kind: "branch", origin: tree.origin, entries: new Map([[shorthand, tree]]) };
}

function join(lower: Branch, upper: Branch, node: SchemaNode): Tree {
  const entries = new Map(lower.entries);
  for (const [key, tree] of upper.entries) entries.set(key, merge(entries.get(key), tree, node.properties?.[key]));
  return { kind: "branch", origin: lower.origin, entries };
}

// An empty section (`limits:` and nothing after it) is null in YAML and says nothing either.
function isOn(tree: Tree, node: SchemaNode): boolean {
  if (tree.kind !== "scalar") return false;
  const { types } = shapeOf(node);
  return (tree.value === true && types.has("boolean")) || (tree.value === null && !types.has("null"));
}
