import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Document, ParsedNode, YAMLMap } from "yaml";
import type { Fault, Origin } from "./fault.ts";
import { duplicate } from "./json-text.ts";
import { keyText } from "./tree.ts";
import type { Layer, Tree } from "./tree.ts";

// Aliases of aliases grow without bound: ten lines of YAML can stand for billions of nodes.
const MAX_NODES = 100_000;

// Where the parser's own words would show a piece of the text, which may be a secret.
const MESSAGES: Readonly<Record<string, string>> = {
  BAD_DIRECTIVE: "a directive (%) that YAML does not know",
  BAD_DQ_ESCAPE: 'an escape (\\) that a text in double quotes does not know; expected single quotes or "\\\\"',
  MULTIPLE_DOCS: "more than one document; expected one",
  TAG_RESOLVE_FAILED: "a tag (!) that is not known; expected quotes around a text that begins with !",
};

/** Reads YAML 1.2 (core schema) into a tree whose nodes know their lines; no tree if it isn't YAML. */
export function parseYaml(text: string, originAt: (line: number) => Origin): Layer {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: false } as const;
  const document = parseDocument(text, options);
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const byLine = new Map<number, Fault>();
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const line = lineAt(pos[0]);
    // One slip makes the parser complain again and again: the first complaint of a line says it.
    if (byLine.has(line)) continue;
    const words = MESSAGES[code] ?? lowerFirst(message.replace(/: ".*$/s, ""));
    byLine.set(line, { origin: originAt(line), key: "", message: `not valid YAML: ${words}` });
  }
  if (byLine.size > 0) return { tree: undefined, faults: [...byLine.values()] };
  return new TreeBuilder(document, lineAt, originAt).build();
}

class TreeBuilder {
  readonly #document: Document.Parsed;
  readonly #lineAt: (offset: number) => number;
  readonly #originAt: (line: number) => Origin;
  readonly #faults: Fault[] = [];
  /** The nodes on the way down: an alias to one of them would never end. */
  readonly #open = new Set<unknown>();
  #count = 0;

  constructor(document: Document.Parsed, lineAt: (offset: number) => number, originAt: (line: number) => Origin) {
    this.#document = document;
    this.#lineAt = lineAt;
    this.#originAt = originAt;
  }

  build(): Layer {
    const tree = this.#tree(this.#document.contents, this.#originAt(1), []);
    return { tree, faults: this.#faults };
  }

  #fault(origin: Origin, path: readonly string[], message: string): void {
    this.#faults.push({ origin, key: keyText(path), message });
  }

  #tree(node: unknown, origin: Origin, path: readonly string[]): Tree {
    const nothing: Tree = { kind: "scalar", origin, value: null };
    this.#count++;
    if (this.#count === MAX_NODES) this.#fault(origin, path, "aliases make the file too large");
    if (this.#count >= MAX_NODES) return nothing;
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    if (isAlias(node) && (target === undefined || this.#open.has(target))) {
      this.#fault(
        origin,
        path,
        "an alias (*) without an anchor (&) before it; expected quotes around a text that begins with *",
      );
      return nothing;
    }
    if (isScalar(target)) return this.#scalar(target.value, origin, path);
    this.#open.add(target);
    let tree: Tree = nothing;
    if (isMap(target)) tree = this.#branch(target, origin, path);
    else if (isSeq(target)) {
      const items = target.items.map((item, index) =>
        this.#tree(item, this.#originOf(item, origin), [...path, `[${index}]`]),
      );
      tree = { kind: "list", origin, items };
    }
    this.#open.delete(target);
    return tree;
  }

  #scalar(value: unknown, origin: Origin, path: readonly string[]): Tree {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null) {
      return { kind: "scalar", origin, value };
    }
    this.#fault(origin, path, "neither a text nor a number");
    return { kind: "scalar", origin, value: null };
  }

  #branch(map: YAMLMap, origin: Origin, path: readonly string[]): Tree {
    const entries = new Map<string, Tree>();
    const lines = new Map<string, number>();
    for (const { key: keyNode, value } of map.items) {
      const keyOrigin = this.#originOf(keyNode, origin);
      if (!isScalar(keyNode)) {
        this.#fault(keyOrigin, path, "a key that is no text");
        continue;
      }
      const key = String(keyNode.value);
      const before = lines.get(key);
      if (before !== undefined) {
        this.#fault(keyOrigin, [...path, key], duplicate(before));
        continue;
      }
      if (keyOrigin.kind === "file") lines.set(key, keyOrigin.line ?? 1);
      entries.set(key, this.#tree(value, keyOrigin, [...path, key]));
    }
    return { kind: "branch", origin, entries };
  }

  #originOf(node: unknown, otherwise: Origin): Origin {
    const range = (node as ParsedNode | null)?.range;
    return range === undefined || range === null ? otherwise : this.#originAt(this.#lineAt(range[0]));
  }
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
