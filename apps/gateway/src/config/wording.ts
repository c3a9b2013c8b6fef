import { keys } from "./key.ts";
import { kinds } from "./kind.ts";
import { nearest } from "./nearest.ts";
import { childrenOf, hasSecret, shapeOf } from "./schema.ts";
import type { SchemaNode } from "./schema.ts";
import type { Tree } from "./tree.ts";

const SHOWN_CHARACTERS = 60;

/** What may stand at a node, in words. */
export function expectation(node: SchemaNode): string {
  const { types, kind } = shapeOf(node);
  const choices: string[] = [];
  if (kind !== undefined) choices.push(kinds[kind]?.expected ?? kind);
  else if (node.enum !== undefined)
    choices.push(node.enum.length === 1 ? show(node.enum[0]) : `one of ${node.enum.map(show).join(", ")}`);
  else if (types.has("integer")) choices.push(integerText(node));
  else if (types.has("string") && node["x-shorthand"] === undefined) choices.push("a non-empty text");
  if (types.has("array")) choices.push("a list");
  if (types.has("object")) choices.push(objectText(node));
  if (types.has("boolean")) choices.push("true or false");
  if (types.has("null")) choices.push("null");
  return choices.join(" or ");
}

function integerText(node: SchemaNode): string {
  if (node.minimum === undefined && node.maximum === undefined) return "a whole number";
  return `a whole number, ${rangeText(node.minimum?.toString(), node.maximum?.toString())}`;
}

function objectText(node: SchemaNode): string {
  const names = childrenOf(node).map(([name]) => name);
  const short = node["x-shorthand"] === undefined ? "" : `a text for its ${node["x-shorthand"]} or `;
  return `${short}an object with ${names.join(", ")}`;
}

/** `1 to 5`, `at least 1` or `at most 5`. */
export function rangeText(least: string | undefined, greatest: string | undefined): string {
  if (least === undefined) return `at most ${greatest}`;
  return greatest === undefined ? `at least ${least}` : `${least} to ${greatest}`;
}

/** What was found, in words that show no secret. */
export function describe(tree: Tree, node: SchemaNode): string {
  if (tree.kind === "branch") return "an object";
  if (tree.kind === "list") return "a list";
  if (tree.value === null) return "null";
  if (typeof tree.value === "boolean") return String(tree.value);
  if (!hasSecret(node)) return show(withoutPassword(tree.value));
  if (tree.value === "") return "an empty text";
  return typeof tree.value === "number" ? "a number" : "a text";
}

/** A value as JSON, cut where it is long. */
export function show(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** Takes `user:password@` out of a URL: allowed in none here, and therefore likely to be in a fault. */
export function withoutPassword(value: string | number): string | number {
  return typeof value === "string" ? value.replace(/\/\/[^/]*@/, "//…@") : value;
}

/** A name that a user chose, quoted where it would confuse. */
export function printable(name: string): string {
  return /^[\w.$-]{1,60}$/.test(name) ? name : show(name);
}

/** The fault of a key that the schema doesn't know: the nearest beside it, or the same name elsewhere. */
export function unknownKey(name: string, parent: string, node: SchemaNode): string {
  const siblings = childrenOf(node).map(([sibling]) => sibling);
  const near = nearest(name, siblings);
  if (near !== undefined) return `unknown key; did you mean ${show(near)}?`;
  const elsewhere = keys.find((key) => key.path.at(-1) === name && key.path.slice(0, -1).join(".") !== parent);
  if (elsewhere !== undefined) return `unknown key; did you mean ${show(elsewhere.text)}?`;
  return `unknown key; expected one of ${siblings.join(", ")}`;
}
