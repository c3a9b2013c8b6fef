export {
  type AccessOptionFault,
  type AccessOptions,
  AccessOptionsError,
  type AccessRules,
  type JwtOptions,
} from "./access-options.ts";
export { AppSource, appSource, type AppSourceFigures, type AppSourceParts } from "./app-source/app-source.ts";
export type { AppSourceOptions } from "./app-source/app-source-options.ts";
export type { Asker, ForeignCredentials } from "./asker.ts";
export type { JwtAlgorithm } from "./tokens/algorithms.ts";
export { createAccess, type GatewayAccess } from "./gateway-access.ts";
export type { GrantSource, GrantVerdict, LiveGrants } from "./grant-source.ts";
export { readPublicKey, type PublicKey } from "./tokens/public-key.ts";
export { mintToken, type MintOptions } from "./tokens/mint-token.ts";
