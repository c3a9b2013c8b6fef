export { longPolling, type LongPollingOptions } from "./long-polling.ts";
