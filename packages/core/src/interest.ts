import type { StoredEvent } from "./event.ts";
import { matches, type Filter } from "./topic.ts";

/** One part of what a reader wants: the events of a filter, of some types or of all. */
export interface Clause {
  readonly filter: Filter;
  /** `null`: of every type. */
  readonly types: ReadonlySet<string> | null;
}

/** What a reader wants: events that match any of its clauses. Equal interests have equal keys. */
export interface Interest {
  readonly clauses: readonly Clause[];
  readonly key: string;
}

function clauseKey(clause: Clause): string {
  // A topic holds no white space and a type no comma, so the key is unambiguous.
  return clause.types === null ? clause.filter.text : `${clause.filter.text} ${[...clause.types].sort().join(",")}`;
}

/** An interest of these clauses, without doubles, in an order of its own. */
export function interestOf(clauses: readonly Clause[]): Interest {
  const byKey = new Map<string, Clause>();
  for (const clause of clauses) byKey.set(clauseKey(clause), clause);
  const keys = [...byKey.keys()].sort();
  return { clauses: keys.map((key) => byKey.get(key) as Clause), key: keys.join("\n") };
}

/** An interest in all `filters`, limited to `types` unless that is empty. */
export function interestIn(filters: readonly Filter[], types: readonly string[] = []): Interest {
  const set = types.length === 0 ? null : new Set(types);
  return interestOf(filters.map((filter) => ({ filter, types: set })));
}

/** Whether the clause matches an event of that topic and type. */
export function clauseMatches(clause: Clause, topic: string, type: string): boolean {
  return (clause.types === null || clause.types.has(type)) && matches(clause.filter, topic);
}

/** Whether any clause matches the event. */
export function isInterested(interest: Interest, event: Pick<StoredEvent, "topic" | "type">): boolean {
  for (const clause of interest.clauses) if (clauseMatches(clause, event.topic, event.type)) return true;
  return false;
}

/** The topics of an interest that names nothing but topics; `null` if a pattern is among them. */
export function exactTopics(interest: Interest): readonly string[] | null {
  const topics = new Set<string>();
  for (const { filter } of interest.clauses) {
    if (filter.isPattern) return null;
    topics.add(filter.text);
  }
  return [...topics];
}
