export type { HookFigures, HookGauges } from "./engine/hook-figures.ts";
export { BUCKETS, type Histogram } from "./engine/histogram.ts";
export type { HookFormat, HookOrdering, HookStatus, HookVerify } from "./hooks/hook.ts";
export { restHooks, type RestHooks, type RestHooksOptions } from "./rest-hooks.ts";
export { DEFAULT_SCHEDULE_MS } from "./engine/schedule.ts";
export { StoreOpenError } from "./store/store-schema.ts";
export type { AllowedRange, Resolve } from "./sending/target-guard.ts";
