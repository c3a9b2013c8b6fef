export type { AppOptions } from "./forwarding/app.ts";
export { createAppProxy, type AppProxy, type AppProxyOptions } from "./app-proxy.ts";
export type { ChangeMethod, ResourceMatch, ResourceRule } from "./resources/resource-rule.ts";
export { ResourceTable } from "./resources/resource-table.ts";
