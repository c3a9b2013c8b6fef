/** Where the token comes from: fixed, or asked for whenever the one before is no longer taken. */
export type TokenSource = string | (() => string | Promise<string>);

/** The token in use. */
export class Credentials {
  readonly #source: TokenSource | undefined;
  #token: string | null;

  constructor(source: TokenSource | undefined) {
    this.#source = source;
    this.#token = typeof source === "string" ? source : null;
  }

  /** The token; `null` if there is none. @throws whatever the source does */
  async current(): Promise<string | null> {
    if (this.#token === null) await this.renew();
    return this.#token;
  }

  /** Asks for another token. Whether there is one. @throws whatever the source does */
  async renew(): Promise<boolean> {
    if (typeof this.#source !== "function") return false;
    const before = this.#token;
    this.#token = await this.#source();
    return this.#token !== before;
  }
}
