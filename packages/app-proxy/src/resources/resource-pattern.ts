import { isSystemTopic, isTopic } from "@sluice/core";
import { canCarrySuffix, querySuffix, splitSuffix } from "./query-suffix.ts";
import type { ResourceRule } from "./resource-rule.ts";
import { isTopicPart } from "./topic-part.ts";

/** A segment of a path or topic template: a text, or the place of the parameter that fills it. */
export type Part = { readonly literal: string } | { readonly parameter: string };

/** One rule, taken apart: from a path's segments to its topic, and from a topic back to its path. */
export class ResourcePattern {
  readonly rule: ResourceRule;
  readonly path: readonly Part[];
  readonly topic: readonly Part[];
  readonly #hasSlashAtEnd: boolean;

  constructor(rule: ResourceRule) {
    this.rule = rule;
    this.path = partsOf(rule.path);
    this.topic = partsOf(rule.topic);
    this.#hasSlashAtEnd = rule.path.length > 1 && rule.path.endsWith("/");
  }

  /** How many segments a path has that fits. */
  get length(): number {
    return this.path.length;
  }

  /** Whether a path of these (decoded) segments fits. */
  fits(segments: readonly string[]): boolean {
    if (segments.length !== this.path.length) return false;
    for (const [index, part] of this.path.entries()) {
      if ("literal" in part && part.literal !== segments[index]) return false;
    }
    return true;
  }

  /** The topic of a path that fits; `null` if one of its parameters, or the query, can't be part of a topic. */
  topicOf(segments: readonly string[], query: string): string | null {
    const values = new Map<string, string>();
    for (const [index, part] of this.path.entries()) {
      if ("literal" in part) continue;
      const value = segments[index] as string;
      if (!isTopicPart(value)) return null;
      values.set(part.parameter, value);
    }
    const texts = this.topic.map((part) => ("literal" in part ? part.literal : values.get(part.parameter)));
    if (texts.includes(undefined)) return null;
    if (this.rule.query === "include") {
      const last = texts.at(-1) as string;
      const suffix = canCarrySuffix(last) ? querySuffix(query) : null;
      if (suffix === null) return null;
      texts[texts.length - 1] = last + suffix;
    }
    const topic = texts.join("/");
    return isTopic(topic) && !isSystemTopic(topic) ? topic : null;
  }

  /** The path (and query) whose topic this may be, each parameter percent-encoded whole; `null` if none. */
  pathOf(topic: string): string | null {
    const texts = topic.split("/");
    if (texts.length !== this.topic.length) return null;
    let query = "";
    if (this.rule.query === "include") {
      const split = splitSuffix(texts.at(-1) as string);
      texts[texts.length - 1] = split.segment;
      ({ query } = split);
    }
    const values = new Map<string, string>();
    for (const [index, part] of this.topic.entries()) {
      const text = texts[index] as string;
      if ("parameter" in part) values.set(part.parameter, text);
      else if (part.literal !== text) return null;
    }
    const path: string[] = [];
    for (const part of this.path) {
      const text = "literal" in part ? part.literal : values.get(part.parameter);
      if (text === undefined) return null;
      path.push("literal" in part ? encodeLiteral(text) : encodeURIComponent(text.toWellFormed()));
    }
    return `/${path.join("/")}${this.#hasSlashAtEnd ? "/" : ""}${query}`;
  }
}

/** The segments of a template; none for `/`. */
function partsOf(template: string): readonly Part[] {
  const text = template.replace(/^\//, "").replace(/\/$/, "");
  if (text === "") return [];
  return text
    .split("/")
    .map((segment) => (segment.startsWith(":") ? { parameter: segment.slice(1) } : { literal: segment }));
}

/** Orders rules of one length by their paths: the more specific first, a literal before a parameter from the left. */
export function comparePaths(one: ResourcePattern, other: ResourcePattern): number {
  return compareParts(one.path, other.path);
}

/** The same by their topics. */
export function compareTopics(one: ResourcePattern, other: ResourcePattern): number {
  return compareParts(one.topic, other.topic);
}

function compareParts(one: readonly Part[], other: readonly Part[]): number {
  for (const [index, part] of one.entries()) {
    const against = other[index];
    if (against === undefined) break;
    const difference = Number("parameter" in part) - Number("parameter" in against);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What an app's router reads as it stands is left as it stands. */
function encodeLiteral(text: string): string {
  return /^[A-Za-z0-9\-._~!$&'()+,;=:@]+$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}
