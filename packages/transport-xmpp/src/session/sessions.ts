import type { Clock } from "@sluice/core";
import type { Binding } from "./binding.ts";
import type { Session } from "./session.ts";

/** Streams that wait at the most; beyond, the oldest has to log in again. */
const MAX_HIBERNATING = 10_000;

interface Hibernating {
  readonly binding: Binding;
  readonly cancel: () => void;
  readonly onEnd: () => void;
}

/** The streams that there are, and those that were cut and can be resumed. */
export class Sessions {
  readonly #clock: Clock;
  readonly #all = new Set<Session>();
  readonly #byBare = new Map<string, Set<Session>>();
  readonly #hibernating = new Map<string, Hibernating>();
  #onEmpty: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get all(): ReadonlySet<Session> {
    return this.#all;
  }

  /** How many streams wait to be resumed. */
  get hibernating(): number {
    return this.#hibernating.size;
  }

  add(session: Session): void {
    this.#all.add(session);
  }

  remove(session: Session): void {
    this.#all.delete(session);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** Resolves when the last one is gone. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      if (this.#all.size === 0) resolve();
    });
  }

  bound(session: Session, bare: string): void {
    const sessions = this.#byBare.get(bare) ?? new Set<Session>();
    sessions.add(session);
    this.#byBare.set(bare, sessions);
  }

  unbound(session: Session, bare: string): void {
    const sessions = this.#byBare.get(bare);
    if (sessions?.delete(session) === true && sessions.size === 0) this.#byBare.delete(bare);
  }

  /** The streams of one user. */
  of(bare: string): readonly Session[] {
    return [...(this.#byBare.get(bare) ?? [])];
  }

  /** Keeps a stream that was cut; `onEnd` if nobody resumes it in time. */
  hibernate(binding: Binding, forMs: number, onEnd: () => void): void {
    const id = binding.resumption;
    if (id === null) return onEnd();
    const cancel = this.#clock.after(forMs, () => {
      this.#hibernating.delete(id);
      onEnd();
    });
    this.#hibernating.set(id, { binding, cancel, onEnd });
    if (this.#hibernating.size <= MAX_HIBERNATING) return;
    const [oldest] = this.#hibernating.keys();
    const forgotten = this.#hibernating.get(oldest ?? "");
    this.wake(oldest ?? "");
    forgotten?.onEnd();
  }

  /** What can be resumed by this id, live or not. */
  find(id: string): { readonly binding: Binding; readonly session: Session | null } | null {
    const kept = this.#hibernating.get(id);
    if (kept !== undefined) return { binding: kept.binding, session: null };
    for (const session of this.#all) {
      if (session.binding?.resumption === id) return { binding: session.binding, session };
    }
    return null;
  }

  /** Takes a stream out of those that wait. */
  wake(id: string): void {
    this.#hibernating.get(id)?.cancel();
    this.#hibernating.delete(id);
  }

  /** Takes out those that wait under a JID: somebody has come back as a new stream. */
  supersede(jid: string): void {
    for (const [id, { binding }] of this.#hibernating) if (binding.jid === jid) this.wake(id);
  }

  close(): void {
    for (const id of this.#hibernating.keys()) this.wake(id);
  }
}
