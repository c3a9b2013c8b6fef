import { type Action, type Clock, type Filter, type Logger, SluiceError, systemClock } from "@sluice/core";
import type { Asker, ForeignCredentials } from "../asker.ts";
import { Deadlines } from "../deadlines.ts";
import type { GrantSource, GrantVerdict, LiveGrants } from "../grant-source.ts";
import { AppClient } from "./app-client.ts";
import { type AppSourceOptions, checkAppSource } from "./app-source-options.ts";
import { isPlainPath } from "./asked-path.ts";
import { Question, type QuestionOwner, tell, type Verdict, verdictOf } from "./question.ts";
import { QuestionCache } from "./question-cache.ts";

/** What {@link appSource} takes. */
export interface AppSourceParts extends AppSourceOptions {
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
}

/** What an {@link AppSource} has counted since it began. */
export interface AppSourceFigures {
  /** Questions that were put to the app. */
  readonly asked: number;
  /** Checks that an answer at hand was enough for. */
  readonly hits: number;
  readonly granted: number;
  readonly refused: number;
  /** Questions that a 5xx was the answer to, or nothing. */
  readonly down: number;
}

/** How long a refusal holds at the most: who logs in, or makes what was not there, should not wait for long. */
const REFUSED_MS = 3_000;
/** How long it is believed that the app is down: enough to spare it a storm. */
const DOWN_MS = 1_000;
/** How many questions are remembered. */
const MAX_QUESTIONS = 50_000;
/** How many questions may wait for their answers. */
const MAX_WAITING = 10_000;
/**
 * A question of live readers falls due again at a moment drawn from this part of `recheckMs`, so that readers who came
 * together are not asked for together, and none later than it should.
 */
const DUE_FROM = 0.8;
const DUE_TO = 0.95;
const BUCKETS = 32;
/** The parts of `recheckMs` in which every reader is shown once, and after which one that was not is taken for gone. */
const SHOWN = 0.5;
const GONE = 0.75;

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * A source of grants to read: the app behind the gateway. A topic that stands for a path of the app is granted to whom
 * the app answers a GET of it with 2xx. Patterns stand for no path, and are never granted.
 */
export class AppSource implements GrantSource, LiveGrants {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #owner: QuestionOwner = { due: (question) => this.#askAgain(question) };
  readonly #questions = new QuestionCache(MAX_QUESTIONS, (question) => this.#unwatch(question));
  readonly #listeners = new Set<(credentials: string, topic: string) => void>();
  readonly #figures = { asked: 0, hits: 0, granted: 0, refused: 0, down: 0 };
  #options: AppSourceOptions;
  #client: AppClient;
  /** Those of former options that may still have questions under way. */
  #formerClients: readonly AppClient[] = [];
  #deadlines: Deadlines;
  #waiting = 0;
  #isDown = false;
  #isClosed = false;

  /** @throws {AccessOptionsError} */
  constructor({ clock = systemClock, logger = silent, ...options }: AppSourceParts) {
    this.#clock = clock;
    this.#logger = logger;
    this.#options = checkAppSource(options);
    this.#client = new AppClient(this.#options, clock);
    this.#deadlines = this.#newDeadlines();
  }

  get live(): LiveGrants {
    return this;
  }

  get figures(): AppSourceFigures {
    return this.#figures;
  }

  get showEveryMs(): number {
    return this.#options.recheckMs * SHOWN;
  }

  get endsWhenUnavailable(): boolean {
    return this.#options.whenAppIsDown === "end";
  }

  ask(asker: Asker, action: Action, filter: Filter): GrantVerdict | Promise<GrantVerdict> {
    const question = action === "read" ? this.#questionOf(asker, filter) : undefined;
    if (question === undefined) return "silent";
    if (!AppClient.canSend(asker.foreign)) return tell("unauthorized", asker);
    if (this.#isFresh(question)) {
      this.#figures.hits += 1;
      return orThrow(tell(question.verdict as Verdict, asker));
    }
    return this.#put(question, asker.foreign).then((verdict) => orThrow(tell(verdict, asker)));
  }

  show(asker: Asker, filter: Filter): GrantVerdict | undefined {
    const question = this.#questionOf(asker, filter);
    if (question === undefined) return "silent";
    if (!AppClient.canSend(asker.foreign)) return tell("unauthorized", asker);
    const nowMs = this.#clock.monotonic();
    question.shownAtMs = nowMs;
    if (question.watched === undefined) this.#watch(question, asker.foreign);
    const { verdict } = question;
    // What was heard of it before anybody relied on it may be old.
    if (verdict === undefined || nowMs - question.answeredAtMs > this.#options.recheckMs) return undefined;
    return verdict === "down" && !this.endsWhenUnavailable ? "granted" : tell(verdict, asker);
  }

  follow(listener: (credentials: string, topic: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Changes the options. Answers are kept unless another app, or another request, would give them.
   * @throws {AccessOptionsError} and the old options stay
   */
  reload(options: AppSourceOptions): void {
    const former = this.#options;
    this.#options = checkAppSource(options);
    const { url, host, method, timeoutMs } = this.#options;
    const isOther = url !== former.url || host !== former.host || method !== former.method;
    if (isOther || timeoutMs !== former.timeoutMs) {
      this.#formerClients = [...this.#formerClients, this.#client].filter(({ isIdle }) => !isIdle);
      this.#client = new AppClient(this.#options, this.#clock);
    }
    if (isOther) this.#questions.clear();
    this.#deadlines.close();
    this.#deadlines = this.#newDeadlines();
    for (const question of this.#questions.values()) if (question.watched !== undefined) this.#schedule(question);
  }

  /** Stops asking. */
  close(): void {
    this.#isClosed = true;
    this.#deadlines.close();
    for (const client of [...this.#formerClients, this.#client]) client.close();
    this.#questions.clear();
  }

  #newDeadlines(): Deadlines {
    const bucketMs = Math.max(1, Math.floor(this.#options.recheckMs / BUCKETS));
    return new Deadlines(this.#clock, { bucketMs, now: (clock) => clock.monotonic() });
  }

  #questionOf({ foreign }: Asker, filter: Filter): Question | undefined {
    if (filter.isPattern) return undefined;
    const path = this.#options.pathOf(filter.text);
    if (path === null) return undefined;
    if (!isPlainPath(path)) {
      this.#logger.debug({ topic: filter.text }, "the path of a topic is not one that the app can be asked for");
      return undefined;
    }
    // None of the parts before the path holds a space.
    const key = `${foreign.key} ${this.#client.toldSite(foreign.site)} ${path}`;
    let question = this.#questions.get(key);
    if (question === undefined) {
      question = new Question(this.#owner, { key, topic: filter.text, path });
      this.#questions.add(question);
    }
    return question;
  }

  #isFresh({ verdict, answeredAtMs }: Question): boolean {
    if (verdict === undefined) return false;
    const { ttlMs } = this.#options;
    const heldMs = verdict === "granted" ? ttlMs : Math.min(ttlMs, verdict === "down" ? DOWN_MS : REFUSED_MS);
    return this.#clock.monotonic() - answeredAtMs < heldMs;
  }

  /** Puts the question, if it is not on its way already. Never rejects. */
  #put(question: Question, credentials: ForeignCredentials): Promise<Verdict> {
    if (question.pending !== undefined) return question.pending;
    if (this.#waiting >= MAX_WAITING || this.#isClosed) return Promise.resolve("down");
    this.#waiting += 1;
    this.#figures.asked += 1;
    question.pending = this.#client.ask(question.path, credentials).then((answer) => {
      this.#waiting -= 1;
      question.pending = undefined;
      const verdict = verdictOf(answer);
      this.#count(verdict, "failure" in answer ? answer.failure : `status ${answer.status}`);
      this.#answered(question, verdict);
      return verdict;
    });
    return question.pending;
  }

  #count(verdict: Verdict, reason: string): void {
    const isDown = verdict === "down";
    this.#figures[isDown || verdict === "granted" ? verdict : "refused"] += 1;
    if (isDown === this.#isDown || this.#isClosed) return;
    this.#isDown = isDown;
    const app = this.#options.url;
    if (isDown) this.#logger.warn({ app, reason }, "the app that decides on access does not answer");
    else this.#logger.info({ app }, "the app that decides on access answers again");
  }

  #answered(question: Question, verdict: Verdict): void {
    question.verdict = verdict;
    question.answeredAtMs = this.#clock.monotonic();
    const { watched } = question;
    if (watched === undefined) return;
    this.#unwatch(question);
    const isKept = verdict === "granted" || (verdict === "down" && !this.endsWhenUnavailable);
    if (isKept) this.#watch(question, watched);
    else for (const listener of this.#listeners) listener(watched.key, question.topic);
  }

  #watch(question: Question, credentials: ForeignCredentials): void {
    question.watched = credentials;
    this.#schedule(question);
  }

  #unwatch(question: Question): void {
    if (question.watched === undefined) return;
    this.#deadlines.remove(question);
    question.watched = undefined;
  }

  #schedule(question: Question): void {
    if (this.#isClosed) return;
    const part = DUE_FROM + (DUE_TO - DUE_FROM) * this.#clock.random();
    const dueAtMs = question.answeredAtMs + part * this.#options.recheckMs;
    question.atMs = Math.max(dueAtMs, this.#clock.monotonic());
    this.#deadlines.add(question);
  }

  #askAgain(question: Question): void {
    const { watched, shownAtMs } = question;
    question.watched = undefined;
    const isGone = this.#clock.monotonic() - shownAtMs > GONE * this.#options.recheckMs;
    // One that there is no room for now is watched again when it is shown next.
    if (watched === undefined || isGone || this.#waiting >= MAX_WAITING) return;
    question.watched = watched;
    void this.#put(question, watched);
  }
}

/**
 * The app as a source of grants: who may GET it may watch it.
 * @throws {AccessOptionsError}
 */
export function appSource(parts: AppSourceParts): AppSource {
  return new AppSource(parts);
}

function orThrow(verdict: GrantVerdict): GrantVerdict {
  if (verdict instanceof SluiceError && verdict.code === "app-unavailable") throw verdict;
  return verdict;
}
