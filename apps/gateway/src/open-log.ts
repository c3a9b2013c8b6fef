import { MemoryLog, type Clock, type EventLog, type Logger } from "@sluice/core";
import { openSqliteLog } from "@sluice/log-sqlite";
import type { Config } from "./config/config.ts";

/**
 * Opens the log that the configuration names. A kind of log is added with a folder of its own, and a line here.
 * @throws {LogOpenError} if its folder can't be used
 */
export async function openLog(config: Config, clock: Clock, logger: Logger): Promise<EventLog> {
  const { log, retention, deduplicationMs } = config;
  if (log.kind === "memory") return new MemoryLog({ retention, deduplicationMs, clock });
  return openSqliteLog({ path: log.path, retention, deduplicationMs, clock, logger });
}
