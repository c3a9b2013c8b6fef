import type { Fault, Origin } from "./fault.ts";
import { keyText } from "./tree.ts";
import type { Layer, Scalar, Tree } from "./tree.ts";

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// A whole string: no raw control character, and only the escapes of RFC 8259.
const STRING = /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const LITERALS: readonly (readonly [string, boolean | null])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];
const MAX_DEPTH = 100;

/**
 * Reads JSON (RFC 8259) into a tree whose nodes know their lines; no tree if it isn't JSON. `JSON.parse` knows no lines, keeps the last of two
 * equal keys in silence, and shows the text around a fault, secrets included.
 */
export function parseJson(text: string, originAt: (line: number) => Origin): Layer {
  return new JsonReader(text.replace(/^\ufeff/, ""), originAt).read();
}

/** Ends the reading at the first fault. Never leaves this file. */
class Unreadable extends Error {}

class JsonReader {
  readonly #text: string;
  readonly #originAt: (line: number) => Origin;
  readonly #faults: Fault[] = [];
  #at = 0;
  #line = 1;

  constructor(text: string, originAt: (line: number) => Origin) {
    this.#text = text;
    this.#originAt = originAt;
  }

  read(): Layer {
    try {
      const tree = this.#value([]);
      this.#space();
      if (this.#at < this.#text.length) throw new Unreadable("expected nothing more after the value");
      return { tree, faults: this.#faults };
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#fault("", `not valid JSON: ${error.message}`);
      return { tree: undefined, faults: this.#faults };
    }
  }

  #fault(key: string, message: string): void {
    this.#faults.push({ origin: this.#originAt(this.#line), key, message });
  }

  #space(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === "\n") this.#line++;
      else if (character !== " " && character !== "\t" && character !== "\r") return;
    }
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #value(path: readonly string[]): Tree {
    if (path.length > MAX_DEPTH) throw new Unreadable(`nested deeper than ${MAX_DEPTH}`);
    this.#space();
    const origin = this.#originAt(this.#line);
    if (this.#take("{")) return this.#branch(path, origin);
    if (this.#take("[")) return this.#list(path, origin);
    return { kind: "scalar", origin, value: this.#scalar() };
  }

  #scalar(): Scalar["value"] {
    const string = this.#string();
    if (string !== undefined) return string;
    const number = this.#match(NUMBER);
    if (number !== undefined) return Number(number);
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    throw new Unreadable(this.#at < this.#text.length ? "expected a value" : "expected a value, found the end");
  }

  #string(): string | undefined {
    if (this.#text[this.#at] !== '"') return undefined;
    const raw = this.#match(STRING);
    if (raw === undefined) throw new Unreadable("a string without an end, or with a character that JSON wants escaped");
    return JSON.parse(raw) as string;
  }

  #branch(path: readonly string[], origin: Origin): Tree {
    const entries = new Map<string, Tree>();
    const lines = new Map<string, number>();
    if (this.#take("}")) return { kind: "branch", origin, entries };
    do {
      this.#space();
      const line = this.#line;
      const key = this.#string();
      if (key === undefined) throw new Unreadable("expected a key in double quotes");
      if (!this.#take(":")) throw new Unreadable('expected ":" after the key');
      const before = lines.get(key);
      if (before !== undefined) this.#fault(keyText([...path, key]), duplicate(before));
      const tree = { ...this.#value([...path, key]), origin: this.#originAt(line) };
      if (before !== undefined) continue;
      lines.set(key, line);
      entries.set(key, tree);
    } while (this.#take(","));
    if (!this.#take("}")) throw new Unreadable('expected "," or "}"');
    return { kind: "branch", origin, entries };
  }

  #list(path: readonly string[], origin: Origin): Tree {
    const items: Tree[] = [];
    if (this.#take("]")) return { kind: "list", origin, items };
    do items.push(this.#value([...path, `[${items.length}]`]));
    while (this.#take(","));
    if (!this.#take("]")) throw new Unreadable('expected "," or "]"');
    return { kind: "list", origin, items };
  }
}

/** The message about a key that stands twice. */
export function duplicate(line: number): string {
  return `duplicate key, first in line ${line}`;
}
