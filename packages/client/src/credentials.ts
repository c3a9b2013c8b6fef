/** Where the token comes from: fixed, or asked for whenever the one before is no longer taken. */
export type TokenSource = string | (() => string | Promise<string>);

/** The token in use. */
export interface Credentials {
  /** The token; `null` if there is none. @throws whatever the source does */
  current(): Promise<string | null>;
  /** Asks for another token. Whether there is one, or may be later. */
  renew(): Promise<boolean>;
}

/** The token that the source gives, kept until it is renewed. */
export function credentialsFrom(source: TokenSource | undefined): Credentials {
  let token: string | null = null;
  const ask = async (): Promise<string | null> => (typeof source === "function" ? source() : (source ?? null));
  return {
    current: async () => (token ??= await ask()),
    async renew() {
      const before = token;
      token = null;
      // Whoever gives the tokens may be back later.
      const next = await ask().catch(() => null);
      token = next;
      return next !== before;
    },
  };
}
