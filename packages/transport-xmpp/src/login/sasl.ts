import { isSameJid, localPart } from "../xml/jid.ts";
import type { Identity, Login } from "./login.ts";
import { Scram } from "./scram.ts";

/** What a step of a login comes to. Texts are not yet base64. */
export type SaslStep =
  | { readonly kind: "challenge"; readonly text: string }
  | { readonly kind: "success"; readonly identity: Identity; readonly text: string }
  | { readonly kind: "failure"; readonly condition: string };

type Exchange = (text: string) => Promise<SaslStep>;

const NOT_AUTHORIZED: SaslStep = { kind: "failure", condition: "not-authorized" };
const INVALID_AUTHZID: SaslStep = { kind: "failure", condition: "invalid-authzid" };
const MALFORMED: SaslStep = { kind: "failure", condition: "malformed-request" };
/** What RFC 7628 puts between its pairs. */
const KVSEP = "\u0001";
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** One stream's logins (RFC 6120 §6): PLAIN, OAUTHBEARER, SCRAM, ANONYMOUS. */
export class Sasl {
  readonly #login: Login;
  readonly #isSecure: boolean;
  readonly #domain: string;
  #next: Exchange | null = null;

  /** `isSecure`: nobody between can read along, so that passwords and tokens may be sent as they are. */
  constructor(login: Login, isSecure: boolean, domain: string) {
    this.#login = login;
    this.#isSecure = isSecure;
    this.#domain = domain;
  }

  /** Those on offer, best first. */
  get mechanisms(): readonly string[] {
    return [
      ...(this.#login.hasAccounts ? ["SCRAM-SHA-256", "SCRAM-SHA-1"] : []),
      ...(this.#isSecure ? ["OAUTHBEARER", "PLAIN"] : []),
      ...(this.#login.isAnonymousAllowed ? ["ANONYMOUS"] : []),
    ];
  }

  /** `<auth/>`. */
  async start(mechanism: string, encoded: string): Promise<SaslStep> {
    this.#next = null;
    if (!this.mechanisms.includes(mechanism)) return { kind: "failure", condition: "invalid-mechanism" };
    const exchange = this.#exchange(mechanism);
    if (encoded === "" && mechanism !== "ANONYMOUS") {
      this.#next = exchange;
      return { kind: "challenge", text: "" };
    }
    return this.#take(exchange, encoded);
  }

  /** `<response/>`. */
  async respond(encoded: string): Promise<SaslStep> {
    const exchange = this.#next;
    this.#next = null;
    return exchange === null ? MALFORMED : this.#take(exchange, encoded);
  }

  /** `<abort/>`. */
  abort(): SaslStep {
    this.#next = null;
    return { kind: "failure", condition: "aborted" };
  }

  async #take(exchange: Exchange, encoded: string): Promise<SaslStep> {
    const text = encoded.trim();
    if (text === "=") return exchange("");
    if (!BASE64.test(text)) return { kind: "failure", condition: "incorrect-encoding" };
    return exchange(Buffer.from(text, "base64").toString());
  }

  #exchange(mechanism: string): Exchange {
    switch (mechanism) {
      case "PLAIN":
        return (text) => this.#plain(text);
      case "OAUTHBEARER":
        return (text) => this.#bearer(text);
      case "ANONYMOUS":
        return async () => success(await this.#login.anonymous());
      default:
        return this.#scram(mechanism === "SCRAM-SHA-1" ? "sha1" : "sha256");
    }
  }

  /** RFC 4616: authzid, authcid, password. Who it is the token says, whatever name is given. */
  async #plain(text: string): Promise<SaslStep> {
    const parts = text.split("\0");
    const [actsFor = "", name, password] = parts;
    if (parts.length !== 3 || name === undefined || password === undefined) return MALFORMED;
    return this.#asItself(await this.#login.password(name, password), actsFor, name);
  }

  /** Nobody acts for another: an authzid (RFC 6120 §6.3.8) is the name that was given, or whoever that is. */
  #asItself(identity: Identity | null, authzid: string, given: string, text: string = ""): SaslStep {
    if (identity === null || authzid === "" || authzid === given) return success(identity, text);
    const isOwn = [given, identity.name ?? ""].some((name) => isSameJid(authzid, `${localPart(name)}@${this.#domain}`));
    return isOwn ? success(identity, text) : INVALID_AUTHZID;
  }

  /** RFC 7628; the token says who it is, and an authzid nothing. A fault is told in a challenge first, which the client answers with anything. */
  async #bearer(text: string): Promise<SaslStep> {
    const [gs2 = "", ...pairs] = text.split(KVSEP);
    const bearer = pairs.map((pair) => /^auth=Bearer +(\S+)$/i.exec(pair)?.[1]).find((token) => token !== undefined);
    const isOurs = /^(?:n|y),(?:a=[^,]*)?,$/.test(gs2) && bearer !== undefined;
    const identity = isOurs ? await this.#login.token(bearer) : null;
    if (identity !== null) return success(identity);
    this.#next = async () => NOT_AUTHORIZED;
    return { kind: "challenge", text: '{"status":"invalid_token"}' };
  }

  #scram(hash: "sha1" | "sha256"): Exchange {
    const scram = new Scram(hash, (name) => this.#login.passwordOf(name));
    return async (first) => {
      const answer = scram.first(first);
      if (answer === null) return MALFORMED;
      this.#next = async (final) => {
        const proven = await scram.final(final);
        const identity = proven && this.#login.account(proven.name);
        return this.#asItself(identity, scram.authzid, identity?.name ?? "", proven?.signature);
      };
      return { kind: "challenge", text: answer };
    };
  }
}

function success(identity: Identity | null, text: string = ""): SaslStep {
  return identity === null ? NOT_AUTHORIZED : { kind: "success", identity, text };
}
