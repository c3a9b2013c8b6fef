export type { HookFigures, HookGauges } from "./hook-figures.ts";
export { BUCKETS, type Histogram } from "./histogram.ts";
export type { HookFormat, HookOrdering, HookStatus, HookVerify } from "./hook.ts";
export { restHooks, type RestHooks, type RestHooksOptions } from "./rest-hooks.ts";
export { DEFAULT_SCHEDULE_MS } from "./schedule.ts";
export { StoreOpenError } from "./store-schema.ts";
export type { AllowedRange, Resolve } from "./target-guard.ts";
