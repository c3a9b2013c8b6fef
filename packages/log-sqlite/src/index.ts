export { LogLostError } from "./log-lost-error.ts";
export { LogOpenError } from "./log-open-error.ts";
export { openSqliteLog } from "./open.ts";
export type { SqliteLogOptions } from "./options.ts";
export type { SqliteLog } from "./sqlite-log.ts";
