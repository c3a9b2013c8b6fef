import { DEFAULT_ORIGIN } from "./fault.ts";
import type { Fault, Origin } from "./fault.ts";
import { kinds } from "./kind.ts";
import type { Kind } from "./kind.ts";
import { unfold } from "./merge.ts";
import { nearest } from "./nearest.ts";
import { childrenOf, propertyName, shapeOf } from "./schema.ts";
import type { SchemaNode, Shape } from "./schema.ts";
import { treeOf } from "./tree.ts";
import type { Branch, List, Scalar, Tree } from "./tree.ts";
import { describe, expectation, printable, rangeText, show, unknownKey, withoutPassword } from "./wording.ts";

/**
 * Turns a tree into the values that `Config` holds, by the schema: fills in defaults, parses durations, sizes and
 * addresses, and collects every fault. A value at fault is replaced by its default, so that the rest can be looked at
 * in the same run; an item or object that can't do without the value is undefined.
 */
export class Resolver {
  readonly faults: Fault[] = [];

  /** The value of `tree` at `key`, or of the default where the tree is undefined. */
  resolve(node: SchemaNode, tree: Tree | undefined, key: string): unknown {
    const shape = shapeOf(node);
    if (tree === undefined) return this.#default(node, shape, key);
    if (tree.kind === "scalar" && tree.value === null) return this.#null(node, shape, tree, key);
    if (tree.kind === "scalar" && typeof tree.value === "boolean") return this.#boolean(node, shape, tree, key);
    const unfolded = unfold(tree, node);
    if (unfolded.kind === "branch" && shape.types.has("object")) return this.#object(node, unfolded, key);
    if (shape.types.has("array")) {
      // A single text where a list of texts may stand is a list of one.
      const isOne = tree.kind === "scalar" && shape.types.has("string");
      const list: Tree = isOne ? { kind: "list", origin: tree.origin, items: [tree] } : tree;
      if (list.kind === "list") return this.#list(node, list, key);
    }
    return this.#scalar(node, shape, tree, key);
  }

  #default(node: SchemaNode, shape: Shape, key: string): unknown {
    if (node.default !== undefined) {
      return this.resolve({ ...node, default: undefined }, treeOf(node.default, DEFAULT_ORIGIN), key);
    }
    const hasKeys = shape.types.has("object") && node.required === undefined;
    if (!hasKeys) return undefined;
    return this.#object(node, { kind: "branch", origin: DEFAULT_ORIGIN, entries: new Map() }, key);
  }

  #null(node: SchemaNode, shape: Shape, tree: Scalar, key: string): unknown {
    if (shape.types.has("null")) return null;
    // `limits:` and nothing after it, or all of it commented out.
    if (shape.types.has("object") || shape.types.has("array")) return this.#default(node, shape, key);
    return this.#mismatch(node, shape, tree, key);
  }

  #boolean(node: SchemaNode, shape: Shape, tree: Scalar, key: string): unknown {
    if (!shape.types.has("boolean")) return this.#mismatch(node, shape, tree, key);
    if (!shape.types.has("object")) return tree.value;
    if (tree.value === true)
      return this.#object(node, { kind: "branch", origin: tree.origin, entries: new Map() }, key);
    return shape.types.has("null") ? null : false;
  }

  #object(node: SchemaNode, branch: Branch, key: string): unknown {
    const properties = node.properties ?? {};
    for (const [name, tree] of branch.entries) {
      if (!Object.hasOwn(properties, name))
        this.#add(tree.origin, join(key, printable(name)), unknownKey(name, key, node));
    }
    const resolved: Record<string, unknown> = {};
    let isWhole = true;
    for (const [name, child] of childrenOf(node)) {
      const childKey = join(key, name);
      const tree = branch.entries.get(name);
      const isRequired = node.required?.includes(name) === true;
      if (tree === undefined && isRequired)
        this.#add(branch.origin, childKey, `missing; expected ${expectation(child)}`);
      const value = this.resolve(child, tree, childKey);
      if (value === undefined && isRequired) isWhole = false;
      resolved[propertyName(name, child)] = value;
    }
    if (isWhole) return resolved;
    return node.default === undefined ? undefined : this.#default(node, shapeOf(node), key);
  }

  #list(node: SchemaNode, list: List, key: string): unknown {
    const { minItems = 0, maxItems = Infinity, items = {} } = node;
    if (list.items.length < minItems || list.items.length > maxItems) {
      const range = rangeText(String(minItems), maxItems === Infinity ? undefined : String(maxItems));
      this.#add(list.origin, key, `found a list of ${list.items.length}; expected ${range} items`);
      return this.#default(node, shapeOf(node), key);
    }
    const values = list.items.map((item, index) => this.resolve(items, item, `${key}[${index}]`));
    if (node.uniqueItems === true) {
      for (const [index, value] of values.entries()) {
        if (value === undefined || values.indexOf(value) === index) continue;
        this.#add(list.items[index]?.origin ?? list.origin, `${key}[${index}]`, `${show(value)} stands twice`);
      }
    }
    return values;
  }

  #scalar(node: SchemaNode, shape: Shape, tree: Tree, key: string): unknown {
    const kind = shape.kind === undefined ? undefined : kinds[shape.kind];
    if (tree.kind !== "scalar" || typeof tree.value === "boolean" || tree.value === null) {
      return this.#mismatch(node, shape, tree, key);
    }
    if (kind !== undefined) return this.#kind(node, kind, tree.value, tree, key);
    if (typeof tree.value === "string" && shape.types.has("string"))
      return this.#text(node, shape, tree.value, tree, key);
    if (typeof tree.value === "number" && shape.types.has("integer") && Number.isSafeInteger(tree.value)) {
      const { minimum = -Infinity, maximum = Infinity } = node;
      if (tree.value >= minimum && tree.value <= maximum) return tree.value;
    }
    return this.#mismatch(node, shape, tree, key);
  }

  #text(node: SchemaNode, shape: Shape, value: string, tree: Scalar, key: string): unknown {
    const isListed = node.enum === undefined || node.enum.includes(value);
    const isLongEnough = value.length >= (node.minLength ?? 0);
    if (isListed && isLongEnough) return value;
    const near = node.enum === undefined ? undefined : nearest(value, node.enum);
    return this.#mismatch(node, shape, tree, key, near === undefined ? "" : `; did you mean ${show(near)}?`);
  }

  #kind(node: SchemaNode, kind: Kind, value: string | number, tree: Scalar, key: string): unknown {
    const parsed = kind.parse(value);
    const shown = node.writeOnly === true ? "the value" : show(withoutPassword(value));
    if ("problem" in parsed) {
      const problem = parsed.problem === "" ? "" : ` (${parsed.problem})`;
      return this.#fail(node, tree, key, `${shown} is not ${kind.noun}${problem}; expected ${kind.expected}`);
    }
    const least = bound(kind, node["x-minimum"], -Infinity);
    const greatest = bound(kind, node["x-maximum"], Infinity);
    const isWithin = typeof parsed.value !== "number" || (parsed.value >= least && parsed.value <= greatest);
    if (isWithin) return parsed.value;
    const range = rangeText(node["x-minimum"], node["x-maximum"]);
    return this.#fail(node, tree, key, `${shown} is out of range; expected ${range}`);
  }

  #mismatch(node: SchemaNode, shape: Shape, tree: Tree, key: string, more = ""): unknown {
    const kind = shape.kind === undefined ? undefined : kinds[shape.kind];
    const found = describe(tree, node);
    const problem = kind === undefined ? `found ${found}` : `${found} is not ${kind.noun}`;
    return this.#fail(node, tree, key, `${problem}; expected ${expectation(node)}${more}`);
  }

  #fail(node: SchemaNode, tree: Tree, key: string, message: string): unknown {
    this.#add(tree.origin, key, message);
    return this.#default(node, shapeOf(node), key);
  }

  #add(origin: Origin, key: string, message: string): void {
    this.faults.push({ origin, key, message });
  }
}

function bound(kind: Kind, text: string | undefined, otherwise: number): number {
  const parsed = text === undefined ? { value: otherwise } : kind.parse(text);
  return "value" in parsed && typeof parsed.value === "number" ? parsed.value : otherwise;
}

function join(key: string, name: string): string {
  return key === "" ? name : `${key}.${name}`;
}
