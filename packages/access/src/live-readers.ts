import {
  type Clock,
  CLOSE_REASONS,
  type CloseReason,
  type Filter,
  type Guard,
  type Logger,
  type Principal,
} from "@sluice/core";
import { toAsker } from "./asker.ts";
import { type Deadline, Deadlines } from "./deadlines.ts";

/** What becomes of a live reader by the rules of now: it goes on as `principal`, or it ends for a reason. */
export type Judgement = { readonly principal: Principal } | { readonly reason: CloseReason };

/** Judges a reader; at once where nobody needs to be asked. Never rejects. */
export type Judge = (principal: Principal, filters: readonly Filter[]) => Judgement | Promise<Judgement>;

/** How many readers are judged side by side. */
const BATCH = 64;

const NONE: ReadonlySet<LiveReader> = new Set();

/** The readers whose connections are open: ends each when its token does, or when the rules no longer let it be. */
export class LiveReaders {
  readonly #deadlines: Deadlines;
  readonly #readers = new Set<LiveReader>();
  /** Those who brought something that is not ours, by what that is. */
  readonly #byForeign = new Map<string, Set<LiveReader>>();
  readonly #logger: Logger;
  readonly #judge: Judge;

  constructor(clock: Clock, logger: Logger, judge: Judge) {
    this.#deadlines = new Deadlines(clock);
    this.#logger = logger;
    this.#judge = judge;
  }

  /** How many readers there are. */
  get size(): number {
    return this.#readers.size;
  }

  /** Those of now, as they come and go. */
  get all(): ReadonlySet<LiveReader> {
    return this.#readers;
  }

  /** Those with these foreign credentials; for the key of none that is everybody, with or without. */
  withForeign(key: string): ReadonlySet<LiveReader> {
    return key === "" ? this.#readers : (this.#byForeign.get(key) ?? NONE);
  }

  add(principal: Principal, filters: () => readonly Filter[], onEnd: (reason: CloseReason) => void): LiveReader {
    const reader = new LiveReader(this, principal, filters, onEnd);
    this.#readers.add(reader);
    this.#file(reader);
    return reader;
  }

  /** Judges all readers of now again; resolves when all are. */
  async judgeAll(): Promise<void> {
    const pending: Promise<void>[] = [];
    const readers = [...this.#readers];
    for (const reader of readers) {
      const judging = this.judge(reader);
      if (judging === undefined) continue;
      pending.push(judging);
      if (pending.length === BATCH) await Promise.all(pending.splice(0));
    }
    await Promise.all(pending);
  }

  /** Judges one reader again. */
  judge(reader: LiveReader): Promise<void> | undefined {
    if (!this.#readers.has(reader)) return undefined;
    const judged = reader.principal;
    const judgement = this.#judge(judged, reader.filters());
    if (!(judgement instanceof Promise)) {
      this.#carryOut(reader, judged, judgement);
      return undefined;
    }
    return judgement.then((late) => this.#carryOut(reader, judged, late));
  }

  /** Lets the reader go on as somebody else. */
  adopt(reader: LiveReader, principal: Principal): void {
    if (!this.#readers.has(reader)) return;
    this.#unfile(reader);
    reader.principal = principal;
    this.#file(reader);
  }

  /** Forgets the reader; whether it was there. */
  remove(reader: LiveReader): boolean {
    this.#unfile(reader);
    return this.#readers.delete(reader);
  }

  /** Ends the reader, unless it has ended. */
  end(reader: LiveReader, reason: CloseReason): void {
    if (!this.remove(reader)) return;
    try {
      reader.onEnd(reason);
    } catch (error) {
      this.#logger.error({ reason: String(error) }, "a reader could not be ended");
    }
  }

  /** Forgets all readers without ending them. */
  close(): void {
    this.#readers.clear();
    this.#byForeign.clear();
    this.#deadlines.close();
  }

  #file(reader: LiveReader): void {
    const { principal } = reader;
    if (principal.expiresAtMs !== null) this.#deadlines.add(reader);
    const { key } = toAsker(principal).foreign;
    if (key === "") return;
    const peers = this.#byForeign.get(key);
    if (peers === undefined) this.#byForeign.set(key, new Set([reader]));
    else peers.add(reader);
  }

  #unfile(reader: LiveReader): void {
    const { principal } = reader;
    if (principal.expiresAtMs !== null) this.#deadlines.remove(reader);
    const { key } = toAsker(principal).foreign;
    const peers = this.#byForeign.get(key);
    if (peers?.delete(reader) === true && peers.size === 0) this.#byForeign.delete(key);
  }

  #carryOut(reader: LiveReader, judged: Principal, judgement: Judgement): void {
    // Gone, or somebody else by now: then that one is judged, or was.
    if (!this.#readers.has(reader) || reader.principal !== judged) return;
    if ("reason" in judgement) this.end(reader, judgement.reason);
    else if (judgement.principal !== judged) this.adopt(reader, judgement.principal);
  }
}

/** One reader: what the transport holds as its guard, and a deadline without an object of its own. */
export class LiveReader implements Guard, Deadline {
  principal: Principal;
  readonly filters: () => readonly Filter[];
  readonly onEnd: (reason: CloseReason) => void;
  readonly #readers: LiveReaders;

  constructor(
    readers: LiveReaders,
    principal: Principal,
    filters: () => readonly Filter[],
    onEnd: (reason: CloseReason) => void,
  ) {
    this.#readers = readers;
    this.principal = principal;
    this.filters = filters;
    this.onEnd = onEnd;
  }

  get atMs(): number {
    return this.principal.expiresAtMs ?? Infinity;
  }

  reached(): void {
    this.#readers.end(this, CLOSE_REASONS["token-expired"]);
  }

  replace(principal: Principal): void {
    this.#readers.adopt(this, principal);
    void this.#readers.judge(this);
  }

  release(): void {
    this.#readers.remove(this);
  }
}
