import type { StatementSync } from "node:sqlite";
import { parseCursor, type Clock } from "@sluice/core";
import { BATCH, type Database, type Writer } from "./database.ts";

/** A subscription that is there whether its subscriber is or not. */
export interface StoredSubscription {
  readonly jid: string;
  readonly node: string;
  /** Whether it is there after a restart too. */
  readonly isLasting: boolean;
  /** Everything up to here has reached the subscriber. */
  cursor: string;
}

/** A subscriber that was not seen for so long is forgotten. */
const FORGET_MS = 90 * 86_400_000;
/** Resources of one user that may have subscriptions; of more those that were not seen for longest are forgotten. */
const MAX_RESOURCES = 50;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS subscriptions (
    jid TEXT NOT NULL, node TEXT NOT NULL, cursor TEXT NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY (jid, node)
  ) STRICT, WITHOUT ROWID;
`;
const SURPLUS = `
  SELECT jid FROM subscriptions WHERE jid >= ? AND jid < ? GROUP BY jid
  ORDER BY max(seen_at) DESC LIMIT -1 OFFSET ${MAX_RESOURCES}
`;

/** Subscriptions with their cursors. Comings and goings are written at once, cursors once a second. */
export class SubscriptionStore implements Writer {
  readonly #clock: Clock;
  readonly #database: Database;
  readonly #statements: Readonly<Record<"put" | "remove" | "surplus", StatementSync>>;
  readonly #byJid = new Map<string, Map<string, StoredSubscription>>();
  readonly #moved = new Set<StoredSubscription>();

  constructor(database: Database, clock: Clock) {
    this.#clock = clock;
    this.#database = database;
    database.exec(SCHEMA);
    database.prepare("DELETE FROM subscriptions WHERE seen_at < ?").run(clock.now() - FORGET_MS);
    const rows = database.prepare("SELECT jid, node, cursor FROM subscriptions").all();
    for (const { jid, node, cursor } of rows) {
      this.#hold({ jid: String(jid), node: String(node), cursor: String(cursor), isLasting: true });
    }
    this.#statements = {
      put: database.prepare("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?)"),
      remove: database.prepare("DELETE FROM subscriptions WHERE jid = ? AND node = ?"),
      surplus: database.prepare(SURPLUS),
    };
    database.register(this);
  }

  /** All under which there are subscriptions. */
  get jids(): Iterable<string> {
    return this.#byJid.keys();
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
    const isNew = !this.#byJid.has(subscription.jid);
    this.#hold(subscription);
    if (!subscription.isLasting) return;
    this.#put(subscription);
    if (isNew) this.#crop(subscription.jid);
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

  /** The subscriber has got as far as a cursor; another device of the same user may be further. */
  reached(subscription: StoredSubscription, cursor: string): void {
    const [known, reached] = [parseCursor(subscription.cursor), parseCursor(cursor)];
    if (known.epoch === reached.epoch && known.position >= reached.position) return;
    subscription.cursor = cursor;
    this.moved(subscription);
  }

  /** What comes after a cursor has not reached the subscriber after all. */
  rewind(subscription: StoredSubscription, cursor: string): void {
    const [known, lost] = [parseCursor(subscription.cursor), parseCursor(cursor)];
    if (known.epoch !== lost.epoch || known.position <= lost.position) return;
    subscription.cursor = cursor;
    this.moved(subscription);
  }

  /** The subscription is to be written again: its cursor is another, or its subscriber was seen. */
  moved(subscription: StoredSubscription): void {
    if (!subscription.isLasting || this.find(subscription.jid, subscription.node) !== subscription) return;
    this.#moved.add(subscription);
    this.#database.changed();
  }

  write(): void {
    for (const subscription of [...this.#moved].slice(0, BATCH)) this.#put(subscription);
  }

  written(): boolean {
    for (const subscription of [...this.#moved].slice(0, BATCH)) this.#moved.delete(subscription);
    return this.#moved.size > 0;
  }

  /** Clients that make up a name each time must not fill the disk. */
  #crop(jid: string): void {
    const bare = jid.split("/", 1)[0] ?? "";
    // "0" is what comes next after "/".
    for (const row of this.#statements.surplus.all(`${bare}/`, `${bare}0`)) {
      for (const subscription of this.of(String(row["jid"]))) this.remove(subscription);
    }
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
