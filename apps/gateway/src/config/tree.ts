import type { Fault, Origin } from "./fault.ts";

/** A value as a source gave it, not yet checked, which still knows where it came from. */
export type Tree = Scalar | List | Branch;

/** A text, number, boolean or null. */
export interface Scalar {
  readonly kind: "scalar";
  readonly origin: Origin;
  readonly value: string | number | boolean | null;
}

/** A sequence of values. */
export interface List {
  readonly kind: "list";
  readonly origin: Origin;
  readonly items: readonly Tree[];
}

/** Named values. A Map, so that `__proto__` is a name like any other. */
export interface Branch {
  readonly kind: "branch";
  readonly origin: Origin;
  readonly entries: ReadonlyMap<string, Tree>;
}

/** What a source has to say: what it sets, if anything can be told of it, and its faults. */
export interface Layer {
  readonly tree: Tree | undefined;
  readonly faults: readonly Fault[];
}

/** The tree of a plain JSON value, all of it with one origin. */
export function treeOf(value: unknown, origin: Origin): Tree {
  if (Array.isArray(value)) return { kind: "list", origin, items: value.map((item) => treeOf(item, origin)) };
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]): [string, Tree] => [key, treeOf(item, origin)]);
    return { kind: "branch", origin, entries: new Map(entries) };
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null) {
    return { kind: "scalar", origin, value };
  }
  throw new TypeError(`A configuration holds no ${typeof value}`);
}

/** A tree with nothing but `tree` at `path`. */
export function nest(path: readonly string[], tree: Tree): Tree {
  return path.reduceRight<Tree>(
    (inner, segment) => ({ kind: "branch", origin: tree.origin, entries: new Map([[segment, inner]]) }),
    tree,
  );
}

/**
 * Where a fault about the first of the keys points to: the first of them that is set, else the nearest section around
 * the first one. Undefined where not even that is there.
 */
export function originOf(tree: Tree | undefined, keys: readonly string[]): Origin | undefined {
  if (tree === undefined) return undefined;
  for (const key of keys) {
    const way = wayTo(tree, key);
    if (way.length > segmentsOf(key).length) return way.at(-1)?.origin;
  }
  const way = wayTo(tree, keys[0] ?? "");
  // The line of the root says nothing.
  return way.length > 1 ? way.at(-1)?.origin : undefined;
}

/** The nodes on the way to a key such as `resources[0].path`, from the root as far as there are any. */
function wayTo(tree: Tree, key: string): readonly Tree[] {
  const way = [tree];
  for (const segment of segmentsOf(key)) {
    const node = way.at(-1);
    let next: Tree | undefined;
    if (node?.kind === "branch") next = node.entries.get(segment);
    else if (node?.kind === "list") next = node.items[Number(segment)];
    if (next === undefined) break;
    way.push(next);
  }
  return way;
}

function segmentsOf(key: string): readonly string[] {
  return key.split(/[.[\]]+/).filter((part) => part !== "");
}

/** The dotted key of a path, in which list items are segments such as `[0]`. */
export function keyText(path: readonly string[]): string {
  return path.join(".").replaceAll(".[", "[");
}
