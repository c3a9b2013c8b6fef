import type { StatementSync } from "node:sqlite";
import type { Clock } from "@sluice/core";
import type { CutStream } from "./cut-stream.ts";
import { BATCH, type Database, type Writer } from "../pubsub/database.ts";

interface Kept {
  readonly cut: CutStream;
  readonly endsAtMs: number;
}

/** Streams that wait at the most; beyond, the oldest have to log in again. */
const MAX_STREAMS = 20_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS cut_streams (
    id TEXT NOT NULL PRIMARY KEY, jid TEXT NOT NULL, ends_at INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS cut_streams_by_jid ON cut_streams (jid);
  CREATE INDEX IF NOT EXISTS cut_streams_by_end ON cut_streams (ends_at);
`;
const OLDEST = "SELECT id FROM cut_streams ORDER BY ends_at LIMIT max(0, (SELECT count(*) FROM cut_streams) - ?)";

/**
 * Streams that were cut and can be resumed. They are in the database alone: clients that are away cost no memory, and a
 * restart of the gateway makes no difference to them. A stream is here only as long as it is cut, so what is here is
 * what the client was last sent, whenever the process ends; one that was alive in a crash is not found, and its client
 * logs in again.
 */
export class CutStreams implements Writer {
  readonly #clock: Clock;
  readonly #database: Database;
  readonly #statements: Readonly<Record<"put" | "find" | "remove" | "removeJid" | "trim" | "crop", StatementSync>>;
  readonly #unwritten = new Map<string, Kept>();

  constructor(database: Database, clock: Clock) {
    this.#clock = clock;
    this.#database = database;
    database.exec(SCHEMA);
    this.#statements = {
      put: database.prepare("INSERT OR REPLACE INTO cut_streams VALUES (?, ?, ?, ?)"),
      find: database.prepare("SELECT state, ends_at FROM cut_streams WHERE id = ?"),
      remove: database.prepare("DELETE FROM cut_streams WHERE id = ?"),
      removeJid: database.prepare("DELETE FROM cut_streams WHERE jid = ?"),
      trim: database.prepare("DELETE FROM cut_streams WHERE ends_at <= ?"),
      crop: database.prepare(`DELETE FROM cut_streams WHERE id IN (${OLDEST})`),
    };
    database.register(this);
  }

  /** Keeps a stream for so long. It is written in a moment: after a crash nobody could say how far it had got. */
  add(cut: CutStream, forMs: number): void {
    this.#put({ cut, endsAtMs: Math.ceil(this.#clock.now() + forMs) });
  }

  /** Something was to be sent that was not ready before. */
  append(id: string, text: string): void {
    const kept = this.#find(id);
    if (kept === null) return;
    const sent = kept.cut.sent + 1;
    this.#put({ ...kept, cut: { ...kept.cut, sent, texts: [...kept.cut.texts, [sent, text]] } });
  }

  /** The stream that can be resumed by this id. */
  find(id: string): CutStream | null {
    return this.#find(id)?.cut ?? null;
  }

  /** Takes one out: it goes on, and what is kept of it is not true any more. Idempotent. */
  remove(id: string): void {
    this.#unwritten.delete(id);
    this.#statements.remove.run(id);
  }

  /** Takes out those of a full JID: somebody has come back under it as a new stream. */
  supersede(jid: string): void {
    for (const [id, { cut }] of this.#unwritten) if (cut.jid === jid) this.#unwritten.delete(id);
    this.#statements.removeJid.run(jid);
  }

  write(): void {
    if (this.#unwritten.size === 0) return;
    const { put, trim, crop } = this.#statements;
    for (const { cut, endsAtMs } of [...this.#unwritten.values()].slice(0, BATCH)) {
      put.run(cut.id, cut.jid, endsAtMs, JSON.stringify(cut));
    }
    trim.run(this.#clock.now());
    crop.run(MAX_STREAMS);
  }

  written(): boolean {
    for (const id of [...this.#unwritten.keys()].slice(0, BATCH)) this.#unwritten.delete(id);
    return this.#unwritten.size > 0;
  }

  #put(kept: Kept): void {
    this.#unwritten.set(kept.cut.id, kept);
    this.#database.changed(true);
  }

  #find(id: string): Kept | null {
    const kept = this.#unwritten.get(id) ?? this.#read(id);
    return kept !== null && kept.endsAtMs > this.#clock.now() ? kept : null;
  }

  #read(id: string): Kept | null {
    const row = this.#statements.find.get(id);
    if (row === undefined) return null;
    return { cut: JSON.parse(String(row["state"])) as CutStream, endsAtMs: Number(row["ends_at"]) };
  }
}
