import type { JwtAlgorithm } from "@sluice/access";
import type { ResourceRule } from "@sluice/app-proxy";
import type { AccessConfig, Config, JwtConfig, LogConfig } from "./config.ts";
import { topicOfPath } from "./resource-path.ts";

/** The configuration as the schema alone resolves it: what depends on other keys is still open. */
export interface Draft extends Omit<Config, "access" | "drain" | "log" | "resources"> {
  readonly access: Omit<AccessConfig, "jwt"> & { readonly jwt: DraftJwt | null };
  readonly drain: { readonly spreadMs: number | undefined; readonly timeoutMs: number };
  readonly log: { readonly kind: LogConfig["kind"]; readonly path: string };
  /** Undefined where a rule has a fault. */
  readonly resources: readonly (DraftResource | undefined)[];
}

type DraftJwt = Omit<JwtConfig, "algorithms"> & {
  /** An item is undefined where it has a fault. */
  readonly algorithms: readonly (JwtAlgorithm | undefined)[] | undefined;
};
type DraftResource = Omit<ResourceRule, "topic"> & { readonly topic: string | undefined };

const DEFAULT_SPREAD_MS = 10_000;

/** Fills in the defaults that depend on other keys. `publicKeyPem` takes the place of `access.jwt.public_key`. */
export function complete(draft: Draft, publicKeyPem: string | undefined): Config {
  const { access, drain, log, resources } = draft;
  const { timeoutMs, spreadMs = Math.min(DEFAULT_SPREAD_MS, timeoutMs) } = drain;
  return {
    ...draft,
    access: { ...access, jwt: access.jwt === null ? null : completeJwt(access.jwt, publicKeyPem) },
    drain: { spreadMs, timeoutMs },
    log: log.kind === "memory" ? { kind: "memory" } : { kind: "sqlite", path: log.path },
    resources: resources.flatMap((rule) =>
      rule === undefined ? [] : [{ ...rule, topic: rule.topic ?? topicOfPath(rule.path) }],
    ),
  };
}

function completeJwt(jwt: DraftJwt, publicKeyPem: string | undefined): JwtConfig {
  const publicKey = publicKeyPem ?? jwt.publicKey;
  const listed = jwt.algorithms?.filter((algorithm) => algorithm !== undefined);
  return { ...jwt, publicKey, algorithms: listed ?? defaultAlgorithms(jwt) };
}

// HS384, HS512 and the longer RSA and EC hashes only where listed: fewer doors by default.
function defaultAlgorithms(jwt: DraftJwt): readonly JwtAlgorithm[] {
  const algorithms: JwtAlgorithm[] = [];
  if (jwt.secret !== null) algorithms.push("HS256");
  if (jwt.publicKey !== null || jwt.jwks !== null) algorithms.push("RS256", "PS256", "ES256", "EdDSA");
  return algorithms;
}

/** Freezes a value and all that is in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
