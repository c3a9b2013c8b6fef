import { randomBytes } from "node:crypto";
import type { XmlNode } from "../xml/xml-node.ts";
import type { Device } from "./device.ts";
import type { ComponentShared } from "./shared.ts";
import { shapeOf, verdictOf } from "./verdict.ts";

/** A client that has never answered is given so long. */
const PATIENCE_MS = 30_000;
/** A server that is busy may tell so much later that a client has gone than it answers in its place. */
const DOUBT_MS = 5000;

/**
 * Asks a client how far it has got. Who answers nothing is taken at its server's word: an answer of the server shows that
 * it took what was sent before, and what it can't hand on it gives back.
 */
export class Inquirer {
  readonly #shared: ComponentShared;
  readonly #client: Device;
  #hasAnswered = false;
  /** Whether the server is asked instead. */
  #isSilent = false;
  #withdraw: (() => void) | null = null;
  /** Of the question to which a silent client still owes the answer. */
  #withdrawOwed: (() => void) | null = null;
  #cancelPatience: (() => void) | null = null;

  constructor(shared: ComponentShared, client: Device) {
    this.#shared = shared;
    this.#client = client;
  }

  /** Asks; not while a question is open. */
  ask(): void {
    if (this.#isSilent) return this.#askServer();
    this.#withdraw = this.#shared.link.ask(this.#client.jid, (answer) => this.#answered(answer));
    if (!this.#hasAnswered) this.#cancelPatience = this.#shared.clock.after(PATIENCE_MS, () => this.#giveUp());
    return undefined;
  }

  close(): void {
    this.#withdraw?.();
    this.#withdrawOwed?.();
    this.#cancelPatience?.();
  }

  #giveUp(): void {
    this.#withdrawOwed = this.#withdraw;
    this.#isSilent = true;
    this.#askServer();
  }

  #askServer(): void {
    this.#withdraw = this.#shared.link.ask(this.#shared.link.serverJid, () => this.#client.confirmed());
  }

  #answered(answer: XmlNode): void {
    const { jid, bare } = this.#client;
    this.#cancelPatience?.();
    const verdict = verdictOf(answer);
    if (verdict === "gone" || verdict === "unreachable") return this.#client.lost(verdict);
    if (this.#isSilent) {
      // Too late to confirm what came after it; the next question is its own again.
      this.#isSilent = false;
      this.#hasAnswered = true;
      return undefined;
    }
    return verdict === "unclear" && bare !== jid ? this.#doubt(answer) : this.#confirm();
  }

  /**
   * Is it the client that won't be pinged, or its server that has no such client? Somebody is asked who is certainly not
   * there. If both answers are alike, presence decides: that of one who has gone will have come in a few seconds.
   */
  #doubt(answer: XmlNode): void {
    const nobody = `${this.#client.bare}/${randomBytes(9).toString("base64url")}`;
    this.#withdraw = this.#shared.link.ask(nobody, (other) => {
      if (shapeOf(other) !== shapeOf(answer)) this.#confirm();
      else if (!this.#client.isPresent) this.#client.lost("gone");
      else this.#cancelPatience = this.#shared.clock.after(DOUBT_MS, () => this.#confirm());
    });
  }

  #confirm(): void {
    this.#hasAnswered = true;
    this.#client.confirmed();
  }
}
