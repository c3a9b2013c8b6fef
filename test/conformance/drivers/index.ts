import { longPolling } from "./long-polling.ts";
import { polling } from "./polling.ts";
import type { ReaderDriver } from "./reader-driver.ts";
import { sse } from "./sse.ts";
import { websocket } from "./websocket.ts";

/** All drivers. */
export const drivers: readonly ReaderDriver[] = [polling, longPolling, sse, websocket];
