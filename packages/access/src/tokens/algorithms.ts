/** A signature of JWTs that the gateway can check (RFC 7518 §3, RFC 8037). `none` is not one. */
export type JwtAlgorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "EdDSA";

/** What proves a signature: one secret on both sides, or a public key. The two never stand in for each other. */
export type KeyKind = "secret" | "public";

const KINDS: Readonly<Record<JwtAlgorithm, KeyKind>> = {
  HS256: "secret",
  HS384: "secret",
  HS512: "secret",
  RS256: "public",
  RS384: "public",
  RS512: "public",
  PS256: "public",
  PS384: "public",
  PS512: "public",
  ES256: "public",
  ES384: "public",
  EdDSA: "public",
};

/** Every algorithm that may be listed. */
export const JWT_ALGORITHMS: readonly JwtAlgorithm[] = Object.keys(KINDS) as JwtAlgorithm[];

/** What is taken where the configuration lists no algorithms. */
export const DEFAULT_ALGORITHMS: Readonly<Record<KeyKind, readonly JwtAlgorithm[]>> = {
  secret: ["HS256"],
  public: ["RS256", "PS256", "ES256", "EdDSA"],
};

/** Whether the gateway can check this algorithm at all. */
export function isJwtAlgorithm(name: string): name is JwtAlgorithm {
  return Object.hasOwn(KINDS, name);
}

/** The kind of key that the algorithm goes with. */
export function keyKind(algorithm: JwtAlgorithm): KeyKind {
  return KINDS[algorithm];
}

/** The algorithm that a token's `alg` names; RFC 9864 calls EdDSA by its curve. */
export function namedAlgorithm(alg: unknown): JwtAlgorithm | undefined {
  if (alg === "Ed25519") return "EdDSA";
  return typeof alg === "string" && isJwtAlgorithm(alg) ? alg : undefined;
}
