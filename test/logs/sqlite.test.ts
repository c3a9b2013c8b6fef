import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { openSqliteLog, type SqliteLog } from "@sluice/log-sqlite";
import { describeLog } from "./describe-log.ts";
import type { LogUnderTest, OpenOptions } from "./log-under-test.ts";

/** Opens a log, and says by which threads it works: a crash ends them in the middle of whatever they do. */
async function openWithThreads(path: string, options: OpenOptions): Promise<{ log: SqliteLog; threads: Worker[] }> {
  const threads: Worker[] = [];
  const note = (worker: Worker): void => void threads.push(worker);
  process.on("worker", note);
  try {
    return { log: await openSqliteLog({ path, ...options }), threads };
  } finally {
    process.off("worker", note);
  }
}

async function open(options: OpenOptions): Promise<LogUnderTest> {
  const path = mkdtempSync(join(tmpdir(), "sluice-log-"));
  let opened = await openWithThreads(path, options);
  return {
    get log() {
      return opened.log;
    },
    restart: async (how) => {
      if (how === "crash") await Promise.all(opened.threads.map((thread) => thread.terminate()));
      await opened.log.close();
      opened = await openWithThreads(path, options);
      return opened.log;
    },
    dispose: async () => {
      await opened.log.close();
      rmSync(path, { recursive: true });
    },
  };
}

describeLog({ name: "SQLite log", isDurable: true, modelRuns: 25, open });
