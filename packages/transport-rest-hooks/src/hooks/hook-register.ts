import { targetKey } from "../sending/target-guard.ts";
import type { HookRecord, HookStatus } from "./hook.ts";
import type { LiveHook } from "./live-hook.ts";

/** What makes two hooks the same one. */
export type HookContent = Pick<HookRecord, "owner" | "target" | "topics" | "types">;

/** A page of hooks; `next` is the id behind which the next one begins. */
export interface HookPage {
  readonly hooks: readonly LiveHook[];
  readonly next: string | null;
}

/** All hooks in memory, oldest first, those that are gone too. */
export class HookRegister {
  readonly #hooks = new Map<string, LiveHook>();
  /** Ids of those that are not gone. */
  readonly #byContent = new Map<string, string>();
  /** How many each owner has that are not gone. */
  readonly #owned = new Map<string, number>();

  add(hook: LiveHook): void {
    this.#hooks.set(hook.id, hook);
    if (hook.record.status === "gone") return;
    this.#byContent.set(keyOf(hook.record), hook.id);
    this.#count(hook.record.owner, 1);
  }

  /** The hook with this record has ended, and is a tombstone from now on. */
  ended(record: HookRecord): void {
    this.#drop(record, record.id);
    this.#count(record.owner, -1);
  }

  /** What makes the hook has changed. */
  changed(before: HookContent, hook: LiveHook, after: HookContent): void {
    this.#drop(before, hook.id);
    this.#byContent.set(keyOf(after), hook.id);
  }

  forget(id: string): void {
    this.#hooks.delete(id);
  }

  get(id: string): LiveHook | undefined {
    return this.#hooks.get(id);
  }

  /** The hook that is the same, unless it is gone. */
  same(content: HookContent): LiveHook | undefined {
    return this.#hooks.get(this.#byContent.get(keyOf(content)) ?? "");
  }

  /** How many hooks of an owner are not gone. */
  ownedBy(owner: string): number {
    return this.#owned.get(owner) ?? 0;
  }

  all(): Iterable<LiveHook> {
    return this.#hooks.values();
  }

  /** Those that are not gone. */
  *live(): Generator<LiveHook> {
    for (const hook of this.#hooks.values()) if (hook.record.status !== "gone") yield hook;
  }

  /** By status. */
  counts(): Readonly<Record<HookStatus, number>> {
    const counts = { pending: 0, active: 0, paused: 0, failing: 0, disabled: 0, gone: 0 };
    for (const { record } of this.#hooks.values()) counts[record.status] += 1;
    return counts;
  }

  /** A page of an owner's hooks (`null`: of all) that are not gone, behind the one of that id, which may be. */
  page(owner: string | null, after: string | null, limit: number): HookPage {
    const hooks: LiveHook[] = [];
    let isBehind = after === null;
    for (const hook of this.#hooks.values()) {
      if (!isBehind) {
        isBehind = hook.id === after;
        continue;
      }
      if (hook.record.status === "gone" || (owner !== null && hook.record.owner !== owner)) continue;
      if (hooks.length === limit) return { hooks, next: hooks.at(-1)?.id ?? null };
      hooks.push(hook);
    }
    return { hooks, next: null };
  }

  /** Two that count as the same today may both be there since a time when they did not. */
  #drop(content: HookContent, id: string): void {
    const key = keyOf(content);
    if (this.#byContent.get(key) === id) this.#byContent.delete(key);
  }

  #count(owner: string, change: 1 | -1): void {
    const count = this.ownedBy(owner) + change;
    if (count === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, count);
  }
}

function keyOf({ owner, target, topics, types }: HookContent): string {
  return JSON.stringify([owner, targetKey(target), topics.toSorted(), types.toSorted()]);
}
