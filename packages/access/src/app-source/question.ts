import { SluiceError } from "@sluice/core";
import type { Asker, ForeignCredentials } from "../asker.ts";
import type { Deadline } from "../deadlines.ts";
import type { GrantVerdict } from "../grant-source.ts";
import type { AppAnswer } from "./app-client.ts";

/** What the app's answer means. `other`: it is no yes, and no status that clients are told as it is. */
export type Verdict = "granted" | "unauthorized" | "forbidden" | "not-found" | "other" | "down";

/** Reads an answer: only 2xx is a yes; a 5xx, or none at all, means that the app is down. */
export function verdictOf(answer: AppAnswer): Verdict {
  if ("failure" in answer) return "down";
  const { status } = answer;
  if (status >= 200 && status < 300) return "granted";
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not-found";
  return status >= 300 && status < 500 ? "other" : "down";
}

/** Seconds after which a client should try again while the app is down. */
const RETRY_AFTER_SECONDS = 2;

/** The verdict as the asker is told it. */
export function tell(verdict: Verdict, asker: Asker): GrantVerdict {
  if (verdict === "granted") return verdict;
  if (verdict === "down") {
    const retryAfterSeconds = RETRY_AFTER_SECONDS;
    return new SluiceError("app-unavailable", "The app that decides on this does not answer.", { retryAfterSeconds });
  }
  if (verdict === "not-found") return new SluiceError(verdict, "The app knows nothing at this address.");
  const code = verdict === "other" ? (asker.hasCredentials ? "forbidden" : "unauthorized") : verdict;
  return new SluiceError(code, "The app does not let these credentials GET this.");
}

/** Who is told when a question falls due again. */
export interface QuestionOwner {
  due(question: Question): void;
}

/**
 * One question to the app, may these credentials GET that path, and its newest answer.
 *
 * ```
 *            ask          answer            ttl over, ask
 *   (none) ───────► asked ──────► answered ───────────────► asked …
 *                                   │  ▲ answer
 *      show: a live reader relies   ▼  │
 *      on it                     watched: asked again when due, until nobody was shown for a while
 * ```
 */
export class Question implements Deadline {
  readonly key: string;
  readonly topic: string;
  readonly path: string;
  verdict: Verdict | undefined;
  /** Monotonic time. */
  answeredAtMs: number = -Infinity;
  /** The answer that is on its way. */
  pending: Promise<Verdict> | undefined;
  /** Whose question it is, kept while live readers rely on the answer. */
  watched: ForeignCredentials | undefined;
  /** When a live reader that relies on it was last shown; monotonic. */
  shownAtMs: number = -Infinity;
  /** When it is to be asked again; monotonic. */
  atMs = 0;
  readonly #owner: QuestionOwner;

  constructor(owner: QuestionOwner, { key, topic, path }: { key: string; topic: string; path: string }) {
    this.#owner = owner;
    this.key = key;
    this.topic = topic;
    this.path = path;
  }

  reached(): void {
    this.#owner.due(this);
  }
}
