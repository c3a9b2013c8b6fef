import type { Resource } from "./resource.ts";
import type { Session } from "./session.ts";
import type { Subscriber } from "./subscriber.ts";

/** The streams that there are. */
export class Sessions {
  readonly #all = new Set<Session>();
  readonly #byBare = new Map<string, Map<string, Session>>();
  readonly #byResumption = new Map<string, Session>();
  #onEmpty: (() => void) | null = null;

  get all(): ReadonlySet<Session> {
    return this.#all;
  }

  add(session: Session): void {
    this.#all.add(session);
  }

  remove(session: Session): void {
    this.#all.delete(session);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** Whether the gateway stops: who comes now is sent away at once. */
  get isDraining(): boolean {
    return this.#onEmpty !== null;
  }

  /** From now on nobody is taken any more. Resolves when the last one is gone. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      if (this.#all.size === 0) resolve();
    });
  }

  /** A stream has a resource now. */
  bound(session: Session, { name: { bare, jid } }: Resource): void {
    const resources = this.#byBare.get(bare) ?? new Map<string, Session>();
    resources.set(jid, session);
    this.#byBare.set(bare, resources);
  }

  /** A stream can be resumed, if its client wants that. */
  resumable(session: Session, { management: { resumption } }: Resource): void {
    if (resumption !== null) this.#byResumption.set(resumption, session);
  }

  /** What was bound is so no more. */
  unbound(session: Session, { name: { bare, jid }, management: { resumption } }: Resource): void {
    const resources = this.#byBare.get(bare);
    if (resources?.get(jid) === session) resources.delete(jid);
    if (resources?.size === 0) this.#byBare.delete(bare);
    if (resumption !== null && this.#byResumption.get(resumption) === session) this.#byResumption.delete(resumption);
  }

  /** The streams of one user, as subscribers. */
  of(bare: string): readonly Subscriber[] {
    const sessions = [...(this.#byBare.get(bare)?.values() ?? [])];
    return sessions.flatMap(({ resource }) => (resource === null ? [] : [resource.subscriber]));
  }

  /** The stream that has a full JID. */
  withJid(bare: string, jid: string): Session | null {
    return this.#byBare.get(bare)?.get(jid) ?? null;
  }

  /** The stream that can be resumed by an id. */
  withResumption(id: string): Session | null {
    return this.#byResumption.get(id) ?? null;
  }
}
