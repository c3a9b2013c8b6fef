import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Runs work in transactions that are durable when they are committed, or soon after that. */
export class Transactions {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
  }

  /** All of `work` or nothing; durable when this returns. */
  run<Result>(work: () => Result): Result {
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      // A full disk ends the transaction by itself.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /**
   * All of `work` or nothing, without waiting for the disk: durable with the next `run`. For housekeeping, of which a
   * power cut may take back the last.
   */
  runLazily<Result>(work: () => Result): Result {
    this.#db.exec("PRAGMA synchronous = NORMAL");
    try {
      return this.run(work);
    } finally {
      this.#db.exec("PRAGMA synchronous = FULL");
    }
  }
}
