// Preloaded into every thread of a process (NODE_OPTIONS=--import=…): those of the log end where DYING_THREADS says,
// at once and without a word, as by a crash.
import { appendFileSync, readFileSync } from "node:fs";
import { StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

/** What `DYING_THREADS` holds, as JSON. */
export interface DyingThreads {
  /** The writer ends right before or after so many commits of events. */
  readonly writer?: { readonly when: "before" | "after"; readonly commits: number };
  /** The reader ends right before it gives so many answers. */
  readonly reader?: { readonly answers: number };
  /** Threads that take the place of another end before they are there. */
  readonly isStillborn?: boolean;
  /** So many threads end; what comes after them lives. */
  readonly deaths: number;
  /** A file that gets a byte for each that has ended. */
  readonly ledger: string;
}

const plan = JSON.parse(process.env["DYING_THREADS"] ?? "null") as DyingThreads | null;
const { role, former } = (workerData ?? {}) as { readonly role?: string; readonly former?: unknown };

function die(): void {
  const { ledger, deaths } = plan as DyingThreads;
  if (readFileSync(ledger).length >= deaths) return;
  appendFileSync(ledger, "x");
  process.exit(70);
}

if (plan?.isStillborn === true && role === "writer" && former !== null) die();

if (plan?.writer !== undefined && role === "writer") {
  const { when, commits } = plan.writer;
  // oxlint-disable-next-line typescript/unbound-method -- bound to each statement below
  const run = StatementSync.prototype.run;
  let left = commits;
  let hasEvents = false;
  StatementSync.prototype.run = function (this: StatementSync, ...values: Parameters<typeof run>) {
    if (this.sourceSQL.startsWith("INSERT INTO events")) hasEvents = true;
    const isLast = this.sourceSQL === "COMMIT" && hasEvents && (left -= 1) <= 0;
    if (isLast && when === "before") die();
    const result = run.apply(this, values);
    if (isLast && when === "after") die();
    if (this.sourceSQL === "COMMIT") hasEvents = false;
    return result;
  } as typeof run;
}

if (plan?.reader !== undefined && role === "reader" && parentPort !== null) {
  const post = parentPort.postMessage.bind(parentPort);
  let left = plan.reader.answers;
  parentPort.postMessage = (message: { readonly kind: string }): void => {
    if (message.kind === "walked" && (left -= 1) <= 0) die();
    post(message);
  };
}
