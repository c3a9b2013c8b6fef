import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import type { HookRecord } from "../hooks/hook.ts";
import type {
  Change,
  DeadLetter,
  HeldLane,
  KeptEvent,
  NumberedAttempt,
  Question,
  StoredHook,
} from "./store-messages.ts";

/** Dead letters kept of one hook; the oldest go. */
const MAX_DEAD = 1000;

/** Puts changes into the store's file and answers questions. Lives in a worker thread; all of it is synchronous. */
export class StoreWriter {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #numbers = new Map<string, number>();
  readonly #ids = new Map<number, string>();

  /** @param lost tickets of questions whose answers nobody got; `null`: whoever was at a lane is gone */
  constructor(db: DatabaseSync, lost: readonly number[] | null) {
    this.#db = db;
    if (lost === null) db.exec("UPDATE lanes SET is_taken = 0 WHERE is_taken <> 0");
    else for (const ticket of lost) this.#run("UPDATE lanes SET is_taken = 0 WHERE is_taken = ?", -ticket);
  }

  /** Everything that is kept in memory. */
  load(): readonly StoredHook[] {
    const lanes = new Map<number, { lane: string; position: number }[]>();
    for (const row of this.#all("SELECT hook, lane, position FROM lanes")) {
      const hook = Number(row["hook"]);
      const known = lanes.get(hook) ?? [];
      known.push({ lane: String(row["lane"]), position: Number(row["position"]) });
      lanes.set(hook, known);
    }
    const attempts = new Map<number, number>();
    for (const row of this.#all("SELECT hook, max(number) AS number FROM attempts GROUP BY hook")) {
      attempts.set(Number(row["hook"]), Number(row["number"]));
    }
    return this.#all("SELECT number, id, record, cursor FROM hooks ORDER BY number").map((row) => {
      const number = Number(row["number"]);
      this.#note(String(row["id"]), number);
      return {
        record: JSON.parse(String(row["record"])) as HookRecord,
        cursor: row["cursor"] === null ? null : String(row["cursor"]),
        attempts: attempts.get(number) ?? 0,
        lanes: lanes.get(number) ?? [],
      };
    });
  }

  /** All of the changes, durable when this returns; or none. */
  commit(changes: readonly Change[]): void {
    this.#run("BEGIN IMMEDIATE");
    try {
      for (const change of changes) this.#apply(change);
      this.#run("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      // Numbers that were given in it are not.
      this.#numbers.clear();
      throw error;
    }
  }

  answer({ ticket, question }: { readonly ticket: number; readonly question: Question }): unknown {
    switch (question.kind) {
      case "due":
        return this.#due(ticket, question.nowMs, question.limit);
      case "oldest":
        return this.#oldest(this.#number(question.hook));
      case "attempts":
        return this.#attempts(this.#number(question.hook), question.before, question.limit);
      case "dead":
      default:
        return this.#dead(this.#number(question.hook));
    }
  }

  /** When the next lane is due, of those that may be handed out. */
  nextDueAtMs(): number | null {
    const due = this.#get(
      "SELECT due_at FROM lanes WHERE due_at IS NOT NULL AND is_stopped = 0 AND is_taken = 0 ORDER BY due_at LIMIT 1",
    )?.["due_at"];
    return due === undefined ? null : Number(due);
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case "hook": {
        const { record, cursor } = change;
        this.#run(
          `INSERT INTO hooks (id, record, cursor) VALUES (?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET record = excluded.record, cursor = coalesce(excluded.cursor, cursor)`,
          record.id,
          JSON.stringify(record),
          cursor,
        );
        return;
      }
      case "cursor":
        this.#run("UPDATE hooks SET cursor = ? WHERE number = ?", change.cursor, this.#number(change.hook));
        return;
      case "hold":
        this.#hold(change.lane, change.isStopped, change.isTaken);
        return;
      case "free":
        this.#run("DELETE FROM lanes WHERE hook = ? AND lane = ?", this.#number(change.hook), change.lane);
        return;
      case "defer":
        this.#run(
          "UPDATE lanes SET due_at = ?, is_taken = 0 WHERE hook = ? AND lane = ?",
          change.dueAtMs,
          this.#number(change.hook),
          change.lane,
        );
        return;
      case "stop":
        this.#run(
          "UPDATE lanes SET is_stopped = ? WHERE hook = ?",
          change.isStopped ? 1 : 0,
          this.#number(change.hook),
        );
        return;
      case "hasten":
        this.#run("UPDATE lanes SET due_at = ? WHERE hook = ?", change.nowMs, this.#number(change.hook));
        return;
      case "drop":
        this.#run("DELETE FROM lanes WHERE hook = ?", this.#number(change.hook));
        return;
      case "attempt": {
        const { eventId, topic, cursor, attempt, atMs, durationMs, outcome, status, error, response } = change.attempt;
        this.#run(
          "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          this.#number(change.hook),
          change.slot,
          change.number,
          eventId,
          topic,
          cursor,
          attempt,
          atMs,
          durationMs,
          outcome,
          status,
          error,
          response,
        );
        return;
      }
      case "dead":
        this.#bury(this.#number(change.hook), change.number, change.letter);
        return;
      case "undead":
        this.#run("DELETE FROM dead WHERE hook = ?", this.#number(change.hook));
        return;
      case "forget": {
        const number = this.#number(change.hook);
        for (const table of ["lanes", "attempts", "dead"]) this.#run(`DELETE FROM ${table} WHERE hook = ?`, number);
        this.#run("DELETE FROM hooks WHERE number = ?", number);
        this.#numbers.delete(change.hook);
      }
    }
  }

  #hold(lane: HeldLane, isStopped: boolean, isTaken: boolean): void {
    this.#run(
      `INSERT INTO lanes (hook, lane, position, attempts, step, due_at, event, is_stopped, is_taken)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (hook, lane) DO UPDATE SET position = excluded.position, attempts = excluded.attempts,
         step = excluded.step, due_at = excluded.due_at, event = excluded.event,
         is_stopped = excluded.is_stopped, is_taken = excluded.is_taken`,
      this.#number(lane.hook),
      lane.lane,
      lane.position,
      lane.attempts,
      lane.step,
      lane.dueAtMs,
      lane.event === null ? null : JSON.stringify(lane.event),
      isStopped ? 1 : 0,
      isTaken ? 1 : 0,
    );
  }

  #bury(hook: number, number: number, { event, attempts, reason, atMs }: DeadLetter): void {
    this.#run(
      "INSERT OR REPLACE INTO dead (number, hook, event, attempts, reason, at) VALUES ((? << 32) | ?, ?, ?, ?, ?, ?)",
      hook,
      number,
      hook,
      JSON.stringify(event),
      attempts,
      reason,
      atMs,
    );
    this.#run(
      `DELETE FROM dead WHERE hook = ? AND number <=
         (SELECT number FROM dead WHERE hook = ? ORDER BY number DESC LIMIT 1 OFFSET ${MAX_DEAD})`,
      hook,
      hook,
    );
  }

  #due(ticket: number, nowMs: number, limit: number): readonly HeldLane[] {
    const rows = this.#all(
      `SELECT hook, lane, position, attempts, step, due_at, event FROM lanes
       WHERE due_at IS NOT NULL AND is_stopped = 0 AND is_taken = 0 AND due_at <= ? ORDER BY due_at LIMIT ?`,
      nowMs,
      limit,
    );
    if (rows.length === 0) return [];
    this.#run("BEGIN IMMEDIATE");
    for (const row of rows) {
      const { hook = null, lane = null } = row;
      this.#run("UPDATE lanes SET is_taken = ? WHERE hook = ? AND lane = ?", -ticket, hook, lane);
    }
    this.#run("COMMIT");
    return rows.map((row) => this.#laneOf(row));
  }

  #oldest(hook: number): HeldLane | null {
    const row = this.#get(
      `SELECT hook, lane, position, attempts, step, due_at, event FROM lanes
       WHERE hook = ? AND event IS NOT NULL ORDER BY position LIMIT 1`,
      hook,
    );
    return row === undefined ? null : this.#laneOf(row);
  }

  #attempts(hook: number, before: number | null, limit: number): readonly NumberedAttempt[] {
    const rows = this.#all(
      "SELECT * FROM attempts WHERE hook = ? AND number < ? ORDER BY number DESC LIMIT ?",
      hook,
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    );
    return rows.map((row) => ({
      number: Number(row["number"]),
      eventId: String(row["event_id"]),
      topic: String(row["topic"]),
      cursor: String(row["cursor"]),
      attempt: Number(row["attempt"]),
      atMs: Number(row["at"]),
      durationMs: Number(row["duration"]),
      outcome: String(row["outcome"]),
      status: row["status"] === null ? null : Number(row["status"]),
      error: row["error"] === null ? null : String(row["error"]),
      response: row["response"] === null ? null : String(row["response"]),
    }));
  }

  #dead(hook: number): readonly DeadLetter[] {
    return this.#all("SELECT event, attempts, reason, at FROM dead WHERE hook = ? ORDER BY number", hook).map(
      (row) => ({
        event: JSON.parse(String(row["event"])) as KeptEvent,
        attempts: Number(row["attempts"]),
        reason: String(row["reason"]),
        atMs: Number(row["at"]),
      }),
    );
  }

  #laneOf(row: Readonly<Record<string, SQLOutputValue>>): HeldLane {
    return {
      hook: this.#ids.get(Number(row["hook"])) ?? "",
      lane: String(row["lane"]),
      position: Number(row["position"]),
      event: row["event"] === null ? null : (JSON.parse(String(row["event"])) as KeptEvent),
      attempts: Number(row["attempts"]),
      step: Number(row["step"]),
      dueAtMs: row["due_at"] === null ? null : Number(row["due_at"]),
    };
  }

  /** A hook that is not there has the number -1, of which no table has anything. */
  #number(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    const number = this.#get("SELECT number FROM hooks WHERE id = ?", id)?.["number"];
    if (number === undefined) return -1;
    this.#note(id, Number(number));
    return Number(number);
  }

  #note(id: string, number: number): void {
    this.#numbers.set(id, number);
    this.#ids.set(number, id);
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }

  #get(sql: string, ...values: readonly SQLInputValue[]): Record<string, SQLOutputValue> | undefined {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: readonly SQLInputValue[]): readonly Record<string, SQLOutputValue>[] {
    return this.#statement(sql).all(...values);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
