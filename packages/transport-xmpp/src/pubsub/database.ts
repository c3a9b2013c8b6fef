import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Clock, Logger } from "@sluice/core";

/** How long changes wait to be written together. */
const FLUSH_MS = 1000;
/** The same for what is not seen again, and between two parts of what is too much for one transaction. */
const SOON_MS = 20;
/** Rows that a writer writes in one transaction: what ten thousand clients do at once must not hold up the event loop. */
export const BATCH = 500;

/** Somebody whose changes are written later. */
export interface Writer {
  /** Writes what has changed, {@link BATCH} rows at the most. Called in a transaction; again if that fails. */
  write(): void;
  /** What was written is kept. Answers whether there is more. */
  written(): boolean;
}

/**
 * The file beside the log in which subscriptions and cut streams outlive the process. Few and small rows, written together,
 * so that it needs no thread of its own; what a crash costs is seen again, not lost.
 */
export class Database {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #sqlite: DatabaseSync;
  readonly #writers: Writer[] = [];
  /** The next one, by the clock's monotonic time. */
  #flush: { readonly atMs: number; readonly cancel: () => void } | null = null;

  /** @param path `null` keeps nothing beyond this process */
  constructor(path: string | null, clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#sqlite = new DatabaseSync(path ?? ":memory:");
    this.#sqlite.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  }

  /** Runs statements that answer nothing: a schema, say. */
  exec(sql: string): void {
    this.#sqlite.exec(sql);
  }

  prepare(sql: string): StatementSync {
    return this.#sqlite.prepare(sql);
  }

  /** From now on the writer is asked for its changes. */
  register(writer: Writer): void {
    this.#writers.push(writer);
  }

  /** Something has changed that is to be written within a second, or at once with what comes in the same moment. */
  changed(isUrgent: boolean = false): void {
    this.#schedule(isUrgent ? SOON_MS : FLUSH_MS);
  }

  /** Writes what is left, and lets go of the file. Idempotent. */
  close(): void {
    if (!this.#sqlite.isOpen) return;
    while (this.#write() === "more");
    this.#flush?.cancel();
    this.#sqlite.close();
  }

  #schedule(delayMs: number): void {
    const atMs = this.#clock.monotonic() + delayMs;
    if (this.#flush !== null && this.#flush.atMs <= atMs) return;
    this.#flush?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#flush = null;
      const outcome = this.#write();
      if (outcome !== "all") this.#schedule(outcome === "more" ? SOON_MS : FLUSH_MS);
    });
    this.#flush = { atMs, cancel };
  }

  /** If the disk doesn't take it, it is tried again in a second. */
  #write(): "all" | "more" | "nothing" {
    try {
      this.#sqlite.exec("BEGIN");
      for (const writer of this.#writers) writer.write();
      this.#sqlite.exec("COMMIT");
    } catch (error) {
      this.#logger.error({ err: error }, "XMPP subscriptions could not be written");
      if (this.#sqlite.isTransaction) this.#sqlite.exec("ROLLBACK");
      return "nothing";
    }
    const isMore = this.#writers.map((writer) => writer.written());
    return isMore.includes(true) ? "more" : "all";
  }
}
