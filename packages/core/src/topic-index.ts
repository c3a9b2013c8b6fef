import type { Interest } from "./interest.ts";
import { SYSTEM_SEGMENT, type Filter } from "./topic.ts";

interface Entry<Value> {
  readonly value: Value;
  readonly types: ReadonlySet<string> | null;
}

/** A node of the pattern trie: one segment deep. */
class Node<Value> {
  readonly children = new Map<string, Node<Value>>();
  /** Patterns that end here. */
  readonly ends: Entry<Value>[] = [];
  /** Patterns whose next and last segment is `**`. */
  readonly rest: Entry<Value>[] = [];

  get isEmpty(): boolean {
    return this.children.size === 0 && this.ends.length === 0 && this.rest.length === 0;
  }
}

/**
 * Which values want an event. Exact topics are looked up in a map, patterns in a trie by segment, so that neither
 * a million topics nor ten thousand patterns are gone through one by one.
 */
export class TopicIndex<Value> {
  readonly #exact = new Map<string, Entry<Value>[]>();
  readonly #root = new Node<Value>();

  /** Puts the value in under each clause of the interest. */
  add(interest: Interest, value: Value): void {
    for (const { filter, types } of interest.clauses) {
      const entry: Entry<Value> = { value, types };
      if (filter.isPattern) {
        this.#place(filter).push(entry);
        continue;
      }
      const entries = this.#exact.get(filter.text);
      if (entries === undefined) this.#exact.set(filter.text, [entry]);
      else entries.push(entry);
    }
  }

  /** Takes the value out again; the interest must be the one it was put in with. */
  remove(interest: Interest, value: Value): void {
    for (const { filter } of interest.clauses) {
      if (filter.isPattern) {
        this.#prune(this.#root, filter.segments, 0, value);
        continue;
      }
      const entries = this.#exact.get(filter.text);
      if (entries === undefined) continue;
      removeEntry(entries, value);
      if (entries.length === 0) this.#exact.delete(filter.text);
    }
  }

  /** Calls `visit` for every value that wants an event of this topic and type; perhaps more than once for a value. */
  match(topic: string, type: string, visit: (value: Value) => void): void {
    const exact = this.#exact.get(topic);
    if (exact !== undefined) visitEntries(exact, type, visit);
    if (!this.#root.isEmpty) this.#descend(this.#root, topic.split("/"), 0, type, visit);
  }

  #descend(
    node: Node<Value>,
    segments: readonly string[],
    depth: number,
    type: string,
    visit: (value: Value) => void,
  ): void {
    const segment = segments[depth];
    if (segment === undefined) {
      visitEntries(node.ends, type, visit);
      return;
    }
    const isHidden = depth === 0 && segment === SYSTEM_SEGMENT;
    if (!isHidden) visitEntries(node.rest, type, visit);
    const named = node.children.get(segment);
    if (named !== undefined) this.#descend(named, segments, depth + 1, type, visit);
    const any = isHidden ? undefined : node.children.get("*");
    if (any !== undefined) this.#descend(any, segments, depth + 1, type, visit);
  }

  #place(filter: Filter): Entry<Value>[] {
    let node = this.#root;
    for (const segment of filter.segments) {
      if (segment === "**") return node.rest;
      let next = node.children.get(segment);
      if (next === undefined) {
        next = new Node();
        node.children.set(segment, next);
      }
      node = next;
    }
    return node.ends;
  }

  #prune(node: Node<Value>, segments: readonly string[], depth: number, value: Value): void {
    const segment = segments[depth];
    if (segment === undefined) {
      removeEntry(node.ends, value);
    } else if (segment === "**") {
      removeEntry(node.rest, value);
    } else {
      const child = node.children.get(segment);
      if (child === undefined) return;
      this.#prune(child, segments, depth + 1, value);
      if (child.isEmpty) node.children.delete(segment);
    }
  }
}

function visitEntries<Value>(entries: readonly Entry<Value>[], type: string, visit: (value: Value) => void): void {
  for (const entry of entries) if (entry.types === null || entry.types.has(type)) visit(entry.value);
}

function removeEntry<Value>(entries: Entry<Value>[], value: Value): void {
  const index = entries.findIndex((entry) => entry.value === value);
  if (index < 0) return;
  const last = entries.pop();
  if (index < entries.length && last !== undefined) entries[index] = last;
}
