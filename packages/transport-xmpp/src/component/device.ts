import { randomBytes } from "node:crypto";
import type { Filter } from "@sluice/core";
import { escapeXML } from "ltx";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import { bareOf } from "../xml/jid.ts";
import type { XmlNode } from "../xml/xml-node.ts";
import { DeviceReader, type ReaderDevice } from "./device-reader.ts";
import { Outstanding, type OutstandingLimits } from "./outstanding.ts";
import type { ComponentShared } from "./shared.ts";
import { shapeOf, verdictOf, type Verdict } from "./verdict.ts";

/**
 * Well below the 500 stanzas that Prosody keeps for a client that is cut off: of those beyond it neither delivers nor
 * gives back anything.
 */
const LIMITS: OutstandingLimits = {
  stanzas: 200,
  bytes: 512 * 1024,
  askStanzas: 100,
  askBytes: 256 * 1024,
  askMs: 1000,
};
/** A device that has never answered is given so long. */
const PATIENCE_MS = 30_000;

/**
 * One client of the user's server that is there, by its full JID. It is asked itself how far it has got, since servers
 * drop a headline silently that comes as the client goes. What it confirms moves the subscriptions' cursors.
 */
export class Device implements ReaderDevice {
  readonly jid: string;
  readonly bare: string;
  readonly messageHead: Buffer;
  /** Whether its presence says that it is there, and will say when it is not. */
  isPresent = false;
  readonly #shared: ComponentShared;
  readonly #onLost: (device: Device, verdict: Verdict) => void;
  readonly #readers = new Map<StoredSubscription, DeviceReader>();
  /** Those for which there is no room on this device. */
  readonly #behind = new Set<DeviceReader>();
  readonly #outstanding: Outstanding;
  #hasAnswered = false;
  /** It answers nothing: its server's word has to do. */
  #isSilent = false;
  #isClosed = false;
  #withdraw: (() => void) | null = null;
  #cancelPatience: (() => void) | null = null;

  /** @param onLost it has turned out not to be there */
  constructor(shared: ComponentShared, jid: string, onLost: (device: Device, verdict: Verdict) => void) {
    this.#shared = shared;
    this.#onLost = onLost;
    this.jid = jid;
    this.bare = bareOf(jid);
    this.messageHead = Buffer.from(`<message to="${escapeXML(jid)}"`);
    this.#outstanding = new Outstanding(LIMITS, shared.clock, () => this.#ask());
  }

  get hasRoom(): boolean {
    return this.hasRoomAfter(0, 0);
  }

  hasRoomAfter(stanzas: number, bytes: number): boolean {
    return this.#shared.outlet.hasRoomAfter(stanzas, bytes) && !this.#outstanding.isFullWith(stanzas, bytes);
  }

  get sent(): number {
    return this.#outstanding.sent;
  }

  /** Whether it has been sent something that it has not confirmed. */
  get isOwed(): boolean {
    return this.#outstanding.isOwed;
  }

  mayRead(filter: Filter): boolean {
    return this.#shared.grants.allows(this.bare, "read", filter);
  }

  /** Reads a subscription from behind its cursor, or from now on; nothing happens if it does already. */
  read(stored: StoredSubscription, filter: Filter, from: "cursor" | "now"): void {
    if (this.#readers.has(stored)) return;
    const reader = new DeviceReader(this.#shared, this, stored, filter);
    this.#readers.set(stored, reader);
    if (from === "now") reader.startLive();
    else reader.start();
  }

  stop(stored: StoredSubscription): void {
    const reader = this.#readers.get(stored);
    if (reader === undefined) return;
    this.#readers.delete(stored);
    this.#behind.delete(reader);
    reader.close();
  }

  hasConfirmed(stored: StoredSubscription, position: number): boolean {
    return this.#readers.get(stored)?.hasConfirmed(position) === true;
  }

  send(stanzas: readonly Buffer[]): void {
    const bytes = stanzas.reduce((sum, { length }) => sum + length, 0);
    this.#shared.outlet.send(stanzas);
    this.#outstanding.add(stanzas.length, bytes);
  }

  leftBehind(reader: DeviceReader): void {
    if (!this.#outstanding.isFull) return this.#shared.line.add(reader);
    this.#behind.add(reader);
    return this.#shared.line.done(reader);
  }

  /** Sends no more, and asks how far it has got. */
  rest(): void {
    for (const reader of this.#readers.values()) reader.rest();
    if (this.isOwed) this.#outstanding.ask();
  }

  close(): void {
    this.#isClosed = true;
    this.#withdraw?.();
    this.#cancelPatience?.();
    this.#outstanding.stop();
    for (const stored of this.#readers.keys()) this.stop(stored);
  }

  #ask(): void {
    const to = this.#isSilent ? this.#shared.outlet.serverJid : this.jid;
    this.#withdraw = this.#shared.outlet.ask(to, (answer) => this.#answered(answer));
    if (this.#hasAnswered || this.#isSilent) return;
    this.#cancelPatience = this.#shared.clock.after(PATIENCE_MS, () => {
      this.#withdraw?.();
      this.#isSilent = true;
      this.#ask();
    });
  }

  #answered(answer: XmlNode): void {
    this.#cancelPatience?.();
    if (this.#isSilent) return this.#confirm();
    const verdict = verdictOf(answer);
    if (verdict === "unclear" && this.bare !== this.jid) return this.#doubt(answer);
    if (verdict === "gone" || verdict === "unreachable") return this.#onLost(this, verdict);
    this.#hasAnswered = true;
    return this.#confirm();
  }

  /**
   * Is it the client that won't be pinged, or its server that has no such client? Somebody is asked who is certainly not
   * there. By the time of that answer the presence of one who has gone would have come too.
   */
  #doubt(answer: XmlNode): void {
    const nobody = `${this.bare}/${randomBytes(9).toString("base64url")}`;
    this.#withdraw = this.#shared.outlet.ask(nobody, (other) => {
      if (!this.isPresent && shapeOf(other) === shapeOf(answer)) return this.#onLost(this, "gone");
      this.#hasAnswered = true;
      return this.#confirm();
    });
  }

  #confirm(): void {
    if (this.#isClosed) return;
    const number = this.#outstanding.confirm();
    for (const reader of this.#readers.values()) reader.confirmed(number);
    if (this.#outstanding.isFull) return;
    const behind = [...this.#behind];
    this.#behind.clear();
    for (const reader of behind) this.#shared.line.add(reader);
  }
}
