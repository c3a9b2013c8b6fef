export type { Config } from "./config/config.ts";
export { formatFault, formatFaultLines, formatFaults, type Fault, type Origin } from "./config/fault.ts";
export { loadConfig, type LoadOptions, type LoadResult } from "./config/load-config.ts";
export { startGateway, type Gateway, type GatewayOptions } from "./gateway.ts";
export { ListenError } from "./listening.ts";
export { createLogger, type GatewayLogger } from "./logging/logger.ts";
export { silentLogger } from "./logging/silent-logger.ts";
export { GatewayMeter } from "./metrics/gateway-meter.ts";
export { version } from "./version.ts";
