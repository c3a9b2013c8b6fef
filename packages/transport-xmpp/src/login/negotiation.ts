import { createElement, type Element } from "ltx";
import type { Identity, Login } from "./login.ts";
import { Sasl, type SaslStep } from "./sasl.ts";
import { NS } from "../xml/namespaces.ts";
import type { XmlNode } from "../xml/xml-node.ts";

const MAX_TRIES = 5;

/** What the way of a stream to its login needs to know of the connection. */
export interface Ground {
  /** Whether nobody between can read along. */
  readonly isSecure: boolean;
  /** Whether the client has to start TLS before anything else. */
  readonly needsTls: boolean;
}

/** What an element of a client that nobody knows yet comes to. */
export type NegotiationStep =
  | { readonly next: "wait" | "restart" | "startTls" | "refuse"; readonly answer: Element }
  | { readonly next: "end"; readonly answer: Element | null; readonly condition: string };

/** The way of one stream to its login: TLS (RFC 6120 §5), then SASL (§6). */
export class Negotiation {
  readonly #login: Login;
  readonly #ground: Ground;
  readonly #domain: string;
  #sasl: Sasl | null = null;
  #tries = 0;
  #identity: Identity | null = null;

  constructor(login: Login, ground: Ground, domain: string) {
    this.#login = login;
    this.#ground = ground;
    this.#domain = domain;
  }

  /** Who has logged in; `null` as long as nobody has. */
  get identity(): Identity | null {
    return this.#identity;
  }

  /** A stream begins: what it offers. */
  offer(): Element {
    if (this.#ground.needsTls) return createElement("starttls", { xmlns: NS.tls }, createElement("required"));
    this.#sasl = new Sasl(this.#login, this.#ground.isSecure, this.#domain);
    const offered = this.#sasl.mechanisms.map((name) => createElement("mechanism", {}, name));
    return createElement("mechanisms", { xmlns: NS.sasl }, ...offered);
  }

  /** Takes an element of the client's. */
  async take(node: XmlNode): Promise<NegotiationStep> {
    if (this.#ground.needsTls) {
      if (!node.is("starttls", NS.tls)) return ended("not-authorized");
      return { next: "startTls", answer: createElement("proceed", { xmlns: NS.tls }) };
    }
    if (node.ns !== NS.sasl || this.#sasl === null) return ended("not-authorized");
    const step = await this.#step(this.#sasl, node);
    if (step.kind === "challenge") {
      return { next: "wait", answer: createElement("challenge", { xmlns: NS.sasl }, base64(step.text)) };
    }
    if (step.kind === "success") {
      this.#identity = step.identity;
      return { next: "restart", answer: createElement("success", { xmlns: NS.sasl }, ...further(step.text)) };
    }
    const answer = createElement("failure", { xmlns: NS.sasl }, createElement(step.condition));
    this.#tries += 1;
    return this.#tries < MAX_TRIES ? { next: "refuse", answer } : ended("policy-violation", answer);
  }

  async #step(sasl: Sasl, node: XmlNode): Promise<SaslStep> {
    switch (node.name) {
      case "auth":
        return sasl.start(node.attribute("mechanism") ?? "", node.text);
      case "response":
        return sasl.respond(node.text);
      case "abort":
        return sasl.abort();
      default:
        return { kind: "failure", condition: "malformed-request" };
    }
  }
}

function ended(condition: string, answer: Element | null = null): NegotiationStep {
  return { next: "end", answer, condition };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** What goes along with success, where the mechanism has something to say. */
function further(text: string): readonly string[] {
  return text === "" ? [] : [base64(text)];
}
