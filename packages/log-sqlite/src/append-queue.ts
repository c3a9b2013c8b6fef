import type { Appended, EventDraft } from "@sluice/core";

/** An append that waits to be stored. */
export interface WaitingAppend {
  readonly drafts: readonly EventDraft[];
  readonly bytes: number;
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (reason: Error) => void;
}

/** Bounds of an {@link AppendQueue}. */
export interface AppendQueueLimits {
  readonly events: number;
  readonly bytes: number;
}

/** Bounds of a group: what is stored in one transaction, and waited for together. */
const GROUP_EVENTS = 5000;
const GROUP_BYTES = 8 * 1024 * 1024;

/** Appends on their way to the file, in order: bounded, with those handed out as a group still counted until they are done. */
export class AppendQueue {
  readonly #limits: AppendQueueLimits;
  #waiting: WaitingAppend[] = [];
  #events = 0;
  #bytes = 0;

  constructor(limits: AppendQueueLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Whether so much more may wait. An empty queue takes anything. */
  hasRoomFor(events: number, bytes: number): boolean {
    if (this.#events === 0) return true;
    return this.#events + events <= this.#limits.events && this.#bytes + bytes <= this.#limits.bytes;
  }

  add(append: WaitingAppend): void {
    this.#waiting.push(append);
    this.#events += append.drafts.length;
    this.#bytes += append.bytes;
  }

  /** The next appends that go together; at least one if any waits. */
  takeGroup(): readonly WaitingAppend[] {
    let events = 0;
    let bytes = 0;
    let count = 0;
    for (const append of this.#waiting) {
      events += append.drafts.length;
      bytes += append.bytes;
      if (count > 0 && (events > GROUP_EVENTS || bytes > GROUP_BYTES)) break;
      count += 1;
    }
    const group = count === this.#waiting.length ? this.#waiting : this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return group;
  }

  /** A group that was taken waits no more. */
  release(group: readonly WaitingAppend[]): void {
    for (const append of group) {
      this.#events -= append.drafts.length;
      this.#bytes -= append.bytes;
    }
  }
}

/** About how many bytes drafts take while they wait. */
export function waitingBytes(drafts: readonly EventDraft[]): number {
  let bytes = 0;
  for (const { topic, data } of drafts) bytes += 256 + topic.length + data.length;
  return bytes;
}
