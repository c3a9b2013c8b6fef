export type { AppOptions } from "./app.ts";
export { createAppProxy, type AppProxy, type AppProxyOptions } from "./app-proxy.ts";
export type { ChangeMethod, ResourceMatch, ResourceRule } from "./resource-rule.ts";
export { ResourceTable } from "./resource-table.ts";
