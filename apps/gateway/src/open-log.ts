import { MemoryLog, type Clock, type EventLog, type Logger } from "@sluice/core";
import { openSqliteLog, type LogLostError } from "@sluice/log-sqlite";
import type { Config } from "./config/config.ts";

/** What a log is opened with beside its configuration. */
export interface LogSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The log can't be kept going. */
  readonly onLost: (error: LogLostError) => void;
}

/**
 * Opens the log that the configuration names. A kind of log is added with a folder of its own, and a line here.
 * @throws {LogOpenError} if its folder can't be used
 */
export async function openLog(config: Config, { clock, logger, onLost }: LogSurroundings): Promise<EventLog> {
  const { log, retention, deduplicationMs } = config;
  if (log.kind === "memory") return new MemoryLog({ retention, deduplicationMs, clock });
  return openSqliteLog({ path: log.path, retention, deduplicationMs, clock, logger, onLost });
}
