import { type Clock, parseFilter, systemClock } from "@sluice/core";
import { type JWTPayload, SignJWT } from "jose";

/** What {@link mintToken} takes. Filters are given as text. */
export interface MintOptions {
  readonly secret: string;
  /** Default `HS256`. */
  readonly algorithm?: "HS256" | "HS384" | "HS512" | undefined;
  readonly subject?: string | undefined;
  readonly read?: readonly string[] | undefined;
  readonly publish?: readonly string[] | undefined;
  readonly hooks?: readonly string[] | undefined;
  /** Rounded up to whole seconds; the token never expires without it. */
  readonly expiresInMs?: number | undefined;
  readonly audience?: string | readonly string[] | undefined;
  readonly issuer?: string | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Signs a token that a gateway with the same secret takes.
 * @throws {SluiceError} `invalid-filter`
 * @throws {RangeError} for an empty secret, or a life that is not positive
 */
export async function mintToken(options: MintOptions): Promise<string> {
  const { secret, algorithm = "HS256", subject, expiresInMs, audience, issuer, clock = systemClock } = options;
  if (secret.length === 0) throw new RangeError("The secret is empty.");
  if (expiresInMs !== undefined && !(expiresInMs > 0)) throw new RangeError("The token's life must be positive.");
  const claims: JWTPayload = {
    iat: Math.floor(clock.now() / 1_000),
    ...(expiresInMs !== undefined && { exp: Math.ceil((clock.now() + expiresInMs) / 1_000) }),
    ...(subject !== undefined && { sub: subject }),
    ...(audience !== undefined && { aud: typeof audience === "string" ? audience : [...audience] }),
    ...(issuer !== undefined && { iss: issuer }),
    sluice: {
      ...filters("read", options.read),
      ...filters("publish", options.publish),
      ...filters("hooks", options.hooks),
    },
  };
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: "JWT" }).sign(new TextEncoder().encode(secret));
}

function filters(action: string, texts: readonly string[] = []): Record<string, readonly string[]> {
  for (const text of texts) parseFilter(text);
  return texts.length === 0 ? {} : { [action]: texts };
}
