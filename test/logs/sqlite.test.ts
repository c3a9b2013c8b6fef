import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteLog } from "@sluice/log-sqlite";
import { describeLog } from "./describe-log.ts";
import type { LogUnderTest, OpenOptions } from "./log-under-test.ts";

/** What a crash would leave of a log: its files as they are now. */
function copyOf(folder: string): string {
  const copy = mkdtempSync(join(tmpdir(), "sluice-log-"));
  for (const name of ["log.db", "log.db-wal"]) {
    if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(copy, name));
  }
  return copy;
}

async function open(options: OpenOptions): Promise<LogUnderTest> {
  let path = mkdtempSync(join(tmpdir(), "sluice-log-"));
  let log = await openSqliteLog({ path, ...options });
  return {
    get log() {
      return log;
    },
    restart: async (how) => {
      const left = how === "crash" ? copyOf(path) : path;
      await log.close();
      if (left !== path) rmSync(path, { recursive: true });
      path = left;
      log = await openSqliteLog({ path, ...options });
      return log;
    },
    dispose: async () => {
      await log.close();
      rmSync(path, { recursive: true });
    },
  };
}

describeLog({ name: "SQLite log", isDurable: true, modelRuns: 25, open });
