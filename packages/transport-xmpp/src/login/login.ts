import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { NO_GRANTS, parseFilter, SluiceError, type Access, type Principal } from "@sluice/core";

/** An account of the configuration: a name, a password and grants. */
export interface XmppAccount {
  readonly name: string;
  readonly password: string;
  readonly read: readonly string[];
  readonly publish: readonly string[];
}

/** Who has logged in. */
export interface Identity {
  /** What the local part of the JID is made of; `null` for one that nobody can come back as. */
  readonly name: string | null;
  readonly principal: Principal;
  /** Whether `access` knows the principal and can judge it again. */
  readonly isWatched: boolean;
}

const comparing: Buffer = randomBytes(32);

/** Checks what clients bring to log in: tokens, passwords, nothing. */
export class Login {
  readonly #access: Access;
  readonly #accounts: ReadonlyMap<string, XmppAccount>;
  readonly #isAnonymousAllowed: () => boolean;

  constructor(access: Access, accounts: readonly XmppAccount[], isAnonymousAllowed: () => boolean) {
    this.#access = access;
    this.#accounts = new Map(accounts.map((account) => [account.name, account]));
    this.#isAnonymousAllowed = isAnonymousAllowed;
  }

  get hasAccounts(): boolean {
    return this.#accounts.size > 0;
  }

  get isAnonymousAllowed(): boolean {
    return this.#isAnonymousAllowed();
  }

  /** The password of an account. */
  passwordOf(name: string): string | undefined {
    return this.#accounts.get(name)?.password;
  }

  /** The account that has shown that it knows its password. */
  account(name: string): Identity | null {
    const account = this.#accounts.get(name);
    if (account === undefined) return null;
    const grants = { ...NO_GRANTS, read: account.read.map(parseFilter), publish: account.publish.map(parseFilter) };
    const principal: Principal = {
      subject: name,
      grants,
      expiresAtMs: null,
      hasCredentials: true,
      isByCookie: false,
      credentials: {},
    };
    return { name, principal, isWatched: false };
  }

  /** Whoever has this token; `null` if it is not good. */
  async token(token: string): Promise<Identity | null> {
    if (!/^[\x21-\x7e]+$/.test(token)) return null;
    try {
      const principal = await this.#access.identify({ authorization: `Bearer ${token}` });
      // A token that only the app behind could judge says nothing of who it is.
      if (principal.grants === NO_GRANTS && principal.subject === null) return null;
      return { name: principal.subject, principal, isWatched: true };
    } catch (error) {
      if (error instanceof SluiceError) return null;
      throw error;
    }
  }

  /** A password may be an account's own, or a token. */
  async password(name: string, password: string): Promise<Identity | null> {
    const expected = this.passwordOf(name);
    const isRight = timingSafeEqual(digest(password), digest(expected ?? comparing.toString("hex")));
    return isRight && expected !== undefined ? this.account(name) : this.token(password);
  }

  async anonymous(): Promise<Identity | null> {
    if (!this.isAnonymousAllowed) return null;
    return { name: null, principal: await this.#access.identify({}), isWatched: true };
  }
}

function digest(text: string): Buffer {
  return createHmac("sha256", comparing).update(text).digest();
}
