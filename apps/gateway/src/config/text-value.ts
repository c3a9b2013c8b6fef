import type { Fault, Origin } from "./fault.ts";
import { parseJson } from "./json-text.ts";
import { shapeOf } from "./schema.ts";
import type { SchemaNode } from "./schema.ts";
import type { Layer, Scalar, Tree } from "./tree.ts";

const NUMBER = /^-?[0-9]+(\.[0-9]+)?$/;

/**
 * The tree of a value that came as text, from the environment or a flag: what the schema lets stand at that key decides
 * whether `true`, `null`, a number, JSON or a list with commas is meant, so that a key of digits stays a text.
 */
export function readTextValue(text: string, node: SchemaNode, key: string, origin: Origin): Layer {
  const { types } = shapeOf(node);
  const looksLikeJson = (types.has("object") && text.startsWith("{")) || (types.has("array") && text.startsWith("["));
  if (looksLikeJson) return readJson(text, key, origin);
  const word = readWord(text, types);
  if (word !== undefined) return { tree: { kind: "scalar", origin, value: word }, faults: [] };
  if (types.has("array") && node.items !== undefined) return readList(text, node.items, key, origin);
  return { tree: { kind: "scalar", origin, value: text }, faults: [] };
}

function readWord(text: string, types: ReadonlySet<string>): Scalar["value"] | undefined {
  if (types.has("null") && text === "null") return null;
  if (types.has("boolean") && (text === "true" || text === "false")) return text === "true";
  if ((types.has("number") || types.has("integer")) && NUMBER.test(text)) return Number(text);
  return undefined;
}

function readList(text: string, itemNode: SchemaNode, key: string, origin: Origin): Layer {
  const items: Tree[] = [];
  const faults: Fault[] = [];
  for (const part of text.split(",")) {
    const item = readTextValue(part.trim(), itemNode, key, origin);
    if (item.tree !== undefined) items.push(item.tree);
    faults.push(...item.faults);
  }
  return { tree: { kind: "list", origin, items }, faults };
}

function readJson(text: string, key: string, origin: Origin): Layer {
  const { tree, faults } = parseJson(text, () => origin);
  // Shells take quotes away.
  const hint = text.startsWith("[") ? "; a list may also be written without brackets and quotes: a,b" : "";
  const told = faults.map((fault) => ({
    ...fault,
    key: fault.key === "" ? key : `${key}.${fault.key}`,
    message: `${fault.message}${hint}`,
  }));
  return { tree, faults: told };
}
