import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Clock } from "@sluice/core";

/** A subscription that is there whether its subscriber is or not. */
export interface StoredSubscription {
  readonly jid: string;
  readonly node: string;
  /** Whether it is there after a restart too. */
  readonly isLasting: boolean;
  /** Everything up to here has reached the subscriber. */
  cursor: string;
}

/** How long cursors wait to be written together: what a crash costs is seen again, not lost. */
const FLUSH_MS = 1000;
/** A subscriber that was not seen for so long is forgotten. */
const FORGET_MS = 90 * 86_400_000;

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS subscriptions (
    jid TEXT NOT NULL, node TEXT NOT NULL, cursor TEXT NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY (jid, node)
  ) STRICT, WITHOUT ROWID;
`;

/**
 * Subscriptions with their cursors. Comings and goings are written at once, cursors once a second: few and small rows, so
 * that it needs no thread of its own.
 */
export class SubscriptionStore {
  readonly #clock: Clock;
  readonly #database: DatabaseSync;
  readonly #statements: { readonly put: StatementSync; readonly remove: StatementSync };
  readonly #byJid = new Map<string, Map<string, StoredSubscription>>();
  readonly #moved = new Set<StoredSubscription>();
  #cancelFlush: (() => void) | null = null;

  /** @param path of the file; `null` keeps nothing beyond this process */
  constructor(path: string | null, clock: Clock) {
    this.#clock = clock;
    this.#database = new DatabaseSync(path ?? ":memory:");
    this.#database.exec(SCHEMA);
    this.#database.prepare("DELETE FROM subscriptions WHERE seen_at < ?").run(clock.now() - FORGET_MS);
    const rows = this.#database.prepare("SELECT jid, node, cursor FROM subscriptions").all();
    for (const { jid, node, cursor } of rows) {
      this.#hold({ jid: String(jid), node: String(node), cursor: String(cursor), isLasting: true });
    }
    this.#statements = {
      put: this.#database.prepare("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?)"),
      remove: this.#database.prepare("DELETE FROM subscriptions WHERE jid = ? AND node = ?"),
    };
  }

  /** Those of a JID, full or bare. */
  of(jid: string): readonly StoredSubscription[] {
    return [...(this.#byJid.get(jid)?.values() ?? [])];
  }

  find(jid: string, node: string): StoredSubscription | undefined {
    return this.#byJid.get(jid)?.get(node);
  }

  /** Keeps a new one. */
  add(subscription: StoredSubscription): void {
    this.#hold(subscription);
    if (subscription.isLasting) this.#put(subscription);
  }

  /** Idempotent. */
  remove({ jid, node }: StoredSubscription): void {
    const nodes = this.#byJid.get(jid);
    const found = nodes?.get(node);
    if (nodes === undefined || found === undefined) return;
    nodes.delete(node);
    if (nodes.size === 0) this.#byJid.delete(jid);
    this.#moved.delete(found);
    this.#statements.remove.run(jid, node);
  }

  /** The subscriber has got further. */
  moved(subscription: StoredSubscription): void {
    if (!subscription.isLasting || this.find(subscription.jid, subscription.node) !== subscription) return;
    this.#moved.add(subscription);
    this.#cancelFlush ??= this.#clock.after(FLUSH_MS, () => this.flush());
  }

  /** Writes the cursors that have moved. */
  flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = null;
    if (this.#moved.size === 0) return;
    this.#database.exec("BEGIN");
    for (const subscription of this.#moved) this.#put(subscription);
    this.#database.exec("COMMIT");
    this.#moved.clear();
  }

  close(): void {
    if (!this.#database.isOpen) return;
    this.flush();
    this.#database.close();
  }

  #hold(subscription: StoredSubscription): void {
    const nodes = this.#byJid.get(subscription.jid) ?? new Map<string, StoredSubscription>();
    nodes.set(subscription.node, subscription);
    this.#byJid.set(subscription.jid, nodes);
  }

  #put({ jid, node, cursor }: StoredSubscription): void {
    this.#statements.put.run(jid, node, cursor, this.#clock.now());
  }
}
