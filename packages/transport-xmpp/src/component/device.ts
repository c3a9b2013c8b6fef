import type { Filter } from "@sluice/core";
import { escapeXML } from "ltx";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import { bareOf } from "../xml/jid.ts";
import { Ledger } from "../session/ledger.ts";
import { DeviceReader } from "./device-reader.ts";
import { Inquirer } from "./inquirer.ts";
import { Outstanding, type OutstandingLimits } from "./outstanding.ts";
import type { ComponentShared } from "./shared.ts";
import type { Verdict } from "./verdict.ts";

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

/**
 * One client of the user's server that is there, by its full JID. It is asked itself how far it has got, since servers
 * drop a headline silently that comes as the client goes. What it confirms moves the subscriptions' cursors.
 */
export class Device {
  readonly jid: string;
  readonly bare: string;
  /** `<message to="…"`. */
  readonly messageHead: Buffer;
  /** What it has been sent and has not confirmed. */
  readonly ledger: Ledger = new Ledger();
  /** Whether its presence says that it is there, and will say when it is not. */
  isPresent = false;
  readonly #shared: ComponentShared;
  readonly #onLost: (device: Device, verdict: Verdict) => void;
  readonly #readers = new Map<StoredSubscription, DeviceReader>();
  /** Those for which there is no room on this device. */
  readonly #behind = new Set<DeviceReader>();
  readonly #outstanding: Outstanding;
  readonly #inquirer: Inquirer;

  /** @param onLost it has turned out not to be there */
  constructor(shared: ComponentShared, jid: string, onLost: (device: Device, verdict: Verdict) => void) {
    this.#shared = shared;
    this.#onLost = onLost;
    this.jid = jid;
    this.bare = bareOf(jid);
    this.messageHead = Buffer.from(`<message to="${escapeXML(jid)}"`);
    this.#inquirer = new Inquirer(shared, this);
    this.#outstanding = new Outstanding(LIMITS, shared.clock, () => this.#inquirer.ask());
  }

  /** Whether the link and the device take more now. */
  get hasRoom(): boolean {
    return this.hasRoomAfter(0, 0);
  }

  /** Whether they do after so much more. */
  hasRoomAfter(stanzas: number, bytes: number): boolean {
    return this.#shared.link.hasRoomAfter(stanzas, bytes) && !this.#outstanding.isFullWith(stanzas, bytes);
  }

  mayRead(filter: Filter): boolean {
    return this.#shared.grants.allows(this.bare, "read", filter);
  }

  /** Reads a subscription from behind its cursor, or from now on; nothing happens if it does already. */
  read(stored: StoredSubscription, filter: Filter, from: "cursor" | "now"): void {
    if (this.#readers.get(stored)?.isSilent === false) return;
    this.stop(stored);
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
    this.#shared.link.send(stanzas);
    this.#outstanding.add(stanzas.length, bytes);
  }

  /** Takes a reader back into the line as soon as there may be room. */
  leftBehind(reader: DeviceReader): void {
    if (!this.#outstanding.isFull) return this.#shared.line.add(reader);
    this.#behind.add(reader);
    return this.#shared.line.done(reader);
  }

  /** Sends no more, and asks how far it has got. */
  rest(): void {
    for (const reader of this.#readers.values()) reader.rest();
    if (this.ledger.isOwed) this.#outstanding.ask();
  }

  close(): void {
    this.#inquirer.close();
    this.#outstanding.stop();
    for (const stored of this.#readers.keys()) this.stop(stored);
  }

  /** It has turned out not to be there. */
  lost(verdict: Verdict): void {
    this.#onLost(this, verdict);
  }

  /** What was sent before the last question has arrived. */
  confirmed(): void {
    this.ledger.acknowledge(this.#outstanding.confirm());
    if (this.#outstanding.isFull) return;
    const behind = [...this.#behind];
    this.#behind.clear();
    for (const reader of behind) this.#shared.line.add(reader);
  }
}
