import { comparePaths, compareTopics, ResourcePattern } from "./resource-pattern.ts";
import type { ResourceMatch, ResourceRule } from "./resource-rule.ts";

/**
 * The resources of an app: which URLs can be watched, and by which topic. Of several rules that fit a URL the most
 * specific one holds: from the left, a literal segment goes before a parameter. A slash at the end of a URL makes no
 * difference. Immutable; a reload brings a new one.
 */
export class ResourceTable {
  readonly rules: readonly ResourceRule[];
  readonly #byLength = new Map<number, ResourcePattern[]>();
  readonly #byTopic: readonly ResourcePattern[];

  constructor(rules: readonly ResourceRule[]) {
    this.rules = rules;
    const patterns = rules.map((rule) => new ResourcePattern(rule));
    for (const pattern of patterns) {
      const peers = this.#byLength.get(pattern.length);
      if (peers === undefined) this.#byLength.set(pattern.length, [pattern]);
      else peers.push(pattern);
    }
    // Sorting is stable: among equals the order of the configuration decides.
    for (const peers of this.#byLength.values()) peers.sort(comparePaths);
    this.#byTopic = patterns.toSorted(compareTopics);
  }

  /**
   * The resource at a request's target in origin form (`/orders/42?page=2`, as it came); `null` if there is none, or one
   * of its parameters can't be a segment of a topic.
   */
  match(target: string): ResourceMatch | null {
    if (this.#byLength.size === 0) return null;
    const mark = target.indexOf("?");
    const segments = segmentsOf(mark < 0 ? target : target.slice(0, mark));
    const pattern = segments && this.#byLength.get(segments.length)?.find((candidate) => candidate.fits(segments));
    if (segments === null || !pattern) return null;
    const topic = pattern.topicOf(segments, mark < 0 ? "" : target.slice(mark + 1));
    return topic === null ? null : { rule: pattern.rule, topic };
  }

  /**
   * The path of the app (with a query where the rule includes it) that a topic stands for: what one must be able to GET to
   * watch the topic. Each parameter is percent-encoded whole. `null` if there is none; never a path that stands for
   * another topic.
   */
  pathOf(topic: string): string | null {
    for (const pattern of this.#byTopic) {
      const path = pattern.pathOf(topic);
      if (path === null) continue;
      const found = this.match(path);
      if (found?.rule === pattern.rule && found.topic === topic) return path;
    }
    return null;
  }
}

/** The decoded segments of a path; none for `/`. `null` if it is no path, or not percent-encoded UTF-8. */
function segmentsOf(path: string): readonly string[] | null {
  if (!path.startsWith("/")) return null;
  const end = path.length > 1 && path.endsWith("/") ? -1 : undefined;
  const text = path.slice(1, end);
  if (text === "") return path.length === 1 ? [] : null;
  const segments = text.split("/");
  if (!text.includes("%")) return segments;
  try {
    return segments.map((segment) => decodeURIComponent(segment));
  } catch {
    return null;
  }
}
