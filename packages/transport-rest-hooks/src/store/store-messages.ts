import type { HookRecord } from "../hooks/hook.ts";

/** An event as the store keeps it: a copy, since the log may have trimmed it when its turn comes. */
export interface KeptEvent {
  readonly epoch: string;
  readonly position: number;
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly time: string;
  readonly data: string;
  readonly dataContentType: string | null;
  readonly traceParent?: string;
}

/** A lane that is held: its head failed and waits, or it is reading on from the log. */
export interface HeldLane {
  readonly hook: string;
  /** The topic; empty for a hook in strict order; `#` and the position for one without order. */
  readonly lane: string;
  /** Everything of the lane before this is settled; with an event, this is its position. */
  readonly position: number;
  /** The head; `null` if it is settled and the lane only has to read on. */
  readonly event: KeptEvent | null;
  /** Requests made for it. */
  readonly attempts: number;
  /** Those of them that count in the schedule. */
  readonly step: number;
  /** Unix milliseconds; `null`: only when somebody asks for it. */
  readonly dueAtMs: number | null;
}

/** One request and what came of it. */
export interface AttemptRecord {
  readonly eventId: string;
  readonly topic: string;
  readonly cursor: string;
  readonly attempt: number;
  /** Unix milliseconds at which it began. */
  readonly atMs: number;
  readonly durationMs: number;
  readonly outcome: string;
  readonly status: number | null;
  readonly error: string | null;
  /** The beginning of the answer's body. */
  readonly response: string | null;
}

/** An event that is not tried again. */
export interface DeadLetter {
  readonly event: KeptEvent;
  readonly attempts: number;
  readonly reason: string;
  readonly atMs: number;
}

/** One change of the store. Those that are handed over together are durable together. */
export type Change =
  | { readonly kind: "hook"; readonly record: HookRecord; readonly cursor: string | null }
  | { readonly kind: "cursor"; readonly hook: string; readonly cursor: string }
  /** `isStopped`: the hook may not be delivered to now. `isTaken`: who says so stays at it. */
  | { readonly kind: "hold"; readonly lane: HeldLane; readonly isStopped: boolean; readonly isTaken: boolean }
  | { readonly kind: "free"; readonly hook: string; readonly lane: string }
  /** Puts a lane's next try at another time; nobody is at it any more. */
  | { readonly kind: "defer"; readonly hook: string; readonly lane: string; readonly dueAtMs: number }
  /** Lanes of the hook are not handed out (`false`: are again). */
  | { readonly kind: "stop"; readonly hook: string; readonly isStopped: boolean }
  /** Every held lane of the hook is due now. */
  | { readonly kind: "hasten"; readonly hook: string; readonly nowMs: number }
  /** Everything queued for the hook is dropped. */
  | { readonly kind: "drop"; readonly hook: string }
  | {
      readonly kind: "attempt";
      readonly hook: string;
      readonly slot: number;
      readonly number: number;
      readonly attempt: AttemptRecord;
    }
  /** `number`: of the attempt that was the last. */
  | { readonly kind: "dead"; readonly hook: string; readonly number: number; readonly letter: DeadLetter }
  | { readonly kind: "undead"; readonly hook: string }
  | { readonly kind: "forget"; readonly hook: string };

/** A question to the store. */
export type Question =
  | { readonly kind: "due"; readonly nowMs: number; readonly limit: number }
  /** The lane of the hook whose head waits longest, due or not. */
  | { readonly kind: "oldest"; readonly hook: string }
  | { readonly kind: "attempts"; readonly hook: string; readonly before: number | null; readonly limit: number }
  | { readonly kind: "dead"; readonly hook: string };

/** What the store knows of a hook when it is opened. */
export interface StoredHook {
  readonly record: HookRecord;
  readonly cursor: string | null;
  /** Number of its latest attempt. */
  readonly attempts: number;
  /** Its held lanes, without their events. */
  readonly lanes: readonly { readonly lane: string; readonly position: number }[];
}

/** What the store's thread is asked. Asked twice, it comes to the same as once. */
export type StoreRequest =
  | { readonly kind: "commit"; readonly changes: readonly Change[] }
  | { readonly kind: "ask"; readonly question: Question };

/** To the store's thread. */
export type ToStore = (StoreRequest & { readonly ticket: number }) | { readonly kind: "close" };

/** From the store's thread. `nextDueAtMs`: when the next lane is due, of those that may be handed out. */
export type FromStore =
  | { readonly kind: "opened"; readonly hooks: readonly StoredHook[]; readonly nextDueAtMs: number | null }
  | { readonly kind: "refused"; readonly reason: string }
  /** `answer`: to changes there is none; they are durable. */
  | {
      readonly kind: "answered";
      readonly ticket: number;
      readonly answer: unknown;
      readonly nextDueAtMs: number | null;
    }
  | { readonly kind: "failed"; readonly ticket: number; readonly reason: string };

/** An attempt as it is read back; numbers rise. */
export interface NumberedAttempt extends AttemptRecord {
  readonly number: number;
}

/** What the thread is started with. */
export interface StoreInit {
  /** What SQLite opens. */
  readonly location: string;
  readonly isInMemory: boolean;
  /**
   * Tickets of what a thread before this one was asked and has not answered: whoever asked does not know what was taken
   * for it. `null`: there was none, and nobody is at anything.
   */
  readonly lost: readonly number[] | null;
}
