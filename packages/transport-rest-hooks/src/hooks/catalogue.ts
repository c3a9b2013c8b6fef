import { interestIn, type Bus, type Filter } from "@sluice/core";
import type { HookFormat } from "./hook.ts";
import type { Hooks } from "./hooks.ts";
import type { Payloads } from "./payload.ts";

/** Of the newest events so many are looked at for types. */
const LOOKED_AT = 1000;
const SAMPLES = 3;

/** Types of events that were seen on these topics lately, or that hooks are registered for. */
export async function eventTypes(
  bus: Bus,
  hooks: Hooks,
  owner: string | null,
  topics: readonly Filter[],
): Promise<readonly string[]> {
  const types = new Set<string>();
  if (topics.length > 0) {
    const { events } = await bus.lastPage(interestIn(topics), LOOKED_AT, bus.head);
    for (const { type } of events) types.add(type);
  }
  for (const { record } of hooks.live()) {
    if (owner === null || record.owner === owner) for (const type of record.types) types.add(type);
  }
  return [...types].toSorted();
}

/** The newest events of a type, newest first, as deliveries of that format have them: JSON texts. */
export async function samplesOf(
  bus: Bus,
  payloads: Payloads,
  topics: readonly Filter[],
  asked: { readonly type: string; readonly format: HookFormat; readonly readUrl: string },
): Promise<readonly string[]> {
  const { type, format, readUrl } = asked;
  if (topics.length === 0) return [];
  const { events } = await bus.lastPage(interestIn(topics, [type]), SAMPLES, bus.head);
  return events.toReversed().map((event) => {
    const options = { format, hookId: "sample", event: type, target: "https://example.org/", readUrl };
    return Buffer.from(payloads.of(event, options).body).toString("utf8");
  });
}
