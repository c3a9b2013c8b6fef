import { parseCursor, parseFilter, type Filter } from "@sluice/core";
import { createElement } from "ltx";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import { bareOf } from "../xml/jid.ts";
import { StanzaError } from "../xml/stanza.ts";
import { Device } from "./device.ts";
import type { ComponentShared } from "./shared.ts";
import { verdictOf, type Verdict } from "./verdict.ts";
import type { Waiting } from "../pubsub/waiting-line.ts";

/** Somebody with subscriptions, by the bare JID. */
interface User {
  /** Under which there are subscriptions: the bare one, full ones. */
  readonly jids: Set<string>;
  readonly devices: Map<string, Device>;
}

/** Anybody who can reach the user's server may subscribe to what is public: this bounds what they can have kept. */
const MAX_USERS = 100_000;
/** Of more devices of a user those that came first are left. */
const MAX_DEVICES = 32;
const MAX_RETRIED = 10_000;
/** A server that could not be reached is tried again after that, then after twice that, and so on. */
const RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;
/** Questions for presence that go out at once after the link has come up. */
const PROBES = 100;

/** All who have subscribed by the component link, there or not, and their devices that are there. */
export class Subscribers {
  readonly #shared: ComponentShared;
  readonly #users = new Map<string, User>();
  /** Full JIDs whose server is going to be asked again. */
  readonly #retried = new Map<string, () => void>();
  #search: Search | null = null;
  #isJoined = false;

  constructor(shared: ComponentShared) {
    this.#shared = shared;
    for (const jid of shared.store.jids) this.#hold(jid);
  }

  /** How many users have subscriptions. */
  get size(): number {
    return this.#users.size;
  }

  /** The devices that are there. */
  get devices(): readonly Device[] {
    return [...this.#users.values()].flatMap(({ devices }) => [...devices.values()]);
  }

  /** The link is up: who is there? Their server tells of those who share their presence, and full JIDs can be asked. */
  joined(): void {
    this.#isJoined = true;
    const jids = [...this.#users].flatMap(([bare, user]) => [bare, ...[...user.jids].filter((jid) => jid !== bare)]);
    this.#search = new Search(jids, this.#shared.line, (jid) => this.#look(jid));
    this.#shared.line.add(this.#search);
  }

  /** The link is down: nobody can be reached. Their cursors stay where they have confirmed. */
  parted(): void {
    this.#isJoined = false;
    if (this.#search !== null) this.#shared.line.done(this.#search);
    for (const cancel of this.#retried.values()) cancel();
    this.#retried.clear();
    for (const device of this.devices) this.#drop(device);
    this.#shared.line.clear();
  }

  /** Nobody is sent anything more; what was sent can still be confirmed. */
  rest(): void {
    this.#isJoined = false;
    for (const device of this.devices) device.rest();
  }

  /** A client is there; by its presence, or since it has said something. */
  arrived(jid: string, isPresent: boolean): void {
    const user = this.#users.get(bareOf(jid));
    if (user === undefined || !this.#isJoined) return;
    const known = user.devices.get(jid);
    // One that was only taken to be there may have gone and come back: what it has not confirmed comes again.
    if (known?.isPresent === false && isPresent && known.ledger.isOwed) this.#drop(known);
    const device = user.devices.get(jid) ?? this.#welcome(user, jid);
    device.isPresent ||= isPresent;
    for (const stored of this.subscriptionsOf(jid)) {
      // Seen again, wherever its cursor is.
      this.#shared.store.moved(stored);
      device.read(stored, parseFilter(stored.node), "cursor");
    }
  }

  /**
   * A client is not there any more. That a bare JID is not says nothing of its clients: Prosody says so of everybody who
   * has not yet agreed to share presence.
   */
  left(jid: string): void {
    const device = this.#users.get(bareOf(jid))?.devices.get(jid);
    if (device !== undefined) this.#drop(device);
  }

  lost(device: Device, verdict: Verdict): void {
    this.#drop(device);
    if (verdict === "unreachable") this.#retry(device.jid, RETRY_MS);
  }

  /** An item has come back: who was to get it gets it again, when it is there again. */
  bounced(jid: string, itemId: string, verdict: Verdict): void {
    const user = this.#users.get(bareOf(jid));
    if (user === undefined) return;
    const position = this.#positionOf(itemId);
    if (position !== null) this.#rewind(user, jid, position);
    const device = user.devices.get(jid);
    if (device !== undefined) this.lost(device, verdict);
  }

  subscribe(jid: string, filter: Filter, sender: string): void {
    const known = this.#shared.store.find(jid, filter.text);
    if (known === undefined) this.#add(jid, filter, sender);
    else this.#restart(known, sender);
    this.arrived(sender, false);
  }

  /** Whether there was such a subscription. */
  unsubscribe(jid: string, node: string): boolean {
    const stored = this.#shared.store.find(jid, node);
    if (stored === undefined) return false;
    this.#shared.store.remove(stored);
    for (const device of this.#users.get(bareOf(jid))?.devices.values() ?? []) device.stop(stored);
    this.#release(jid);
    return true;
  }

  /** What a client may see as its own: subscriptions of its bare JID and of its full one. */
  subscriptionsOf(jid: string): readonly StoredSubscription[] {
    const bare = bareOf(jid);
    return [...this.#shared.store.of(bare), ...(bare === jid ? [] : this.#shared.store.of(jid))];
  }

  #rewind(user: User, jid: string, position: number): void {
    const others = [...user.devices.values()].filter((device) => device.jid !== jid);
    for (const stored of this.subscriptionsOf(jid)) {
      // What is for the bare JID has arrived as soon as one device has it.
      if (others.some((device) => device.hasConfirmed(stored, position))) continue;
      this.#shared.store.rewind(stored, this.#shared.bus.cursorAt(position - 1));
    }
  }

  #add(jid: string, filter: Filter, sender: string): void {
    const bare = bareOf(jid);
    this.#makeRoom(bare);
    const stored = { jid, node: filter.text, cursor: this.#shared.bus.cursor, isLasting: true };
    this.#shared.store.add(stored);
    const user = this.#hold(jid);
    if (!user.devices.has(sender)) this.#welcome(user, sender);
    for (const device of user.devices.values()) {
      if (jid === bare || device.jid === jid) device.read(stored, filter, "now");
    }
    // So that the user's server tells when its clients come and go; whoever does not want that sends us presence.
    if (bare.includes("@"))
      this.#shared.link.put(createElement("presence", { type: "subscribe", from: this.#shared.service, to: bare }));
  }

  /** Somebody subscribes anew to what it has: perhaps it has lost what it was sent, and nobody told of its going. */
  #restart(stored: StoredSubscription, sender: string): void {
    const device = this.#users.get(bareOf(sender))?.devices.get(sender);
    if (device?.isPresent === false) device.stop(stored);
  }

  #makeRoom(bare: string): void {
    const user = this.#users.get(bare);
    if (user === undefined) {
      if (this.#users.size >= MAX_USERS) throw new StanzaError("wait", "resource-constraint");
      return;
    }
    const count = [...user.jids].reduce((sum, jid) => sum + this.#shared.store.of(jid).length, 0);
    if (count < this.#shared.limits().subscriptions) return;
    // A client that takes a new resource each time leaves subscriptions behind that nobody comes back to.
    const abandoned = [...user.jids].find((jid) => jid !== bare && !user.devices.has(jid));
    if (abandoned === undefined) throw new StanzaError("wait", "policy-violation", "too-many-subscriptions");
    for (const stored of this.#shared.store.of(abandoned)) this.#shared.store.remove(stored);
    user.jids.delete(abandoned);
  }

  #hold(jid: string): User {
    const bare = bareOf(jid);
    const user = this.#users.get(bare) ?? { jids: new Set<string>(), devices: new Map<string, Device>() };
    user.jids.add(jid);
    this.#users.set(bare, user);
    return user;
  }

  #release(jid: string): void {
    const bare = bareOf(jid);
    const user = this.#users.get(bare);
    if (user === undefined || this.#shared.store.of(jid).length > 0) return;
    user.jids.delete(jid);
    if (user.jids.size > 0) return;
    for (const device of user.devices.values()) this.#drop(device);
    this.#users.delete(bare);
    if (bare.includes("@"))
      this.#shared.link.put(createElement("presence", { type: "unsubscribe", from: this.#shared.service, to: bare }));
  }

  #welcome(user: User, jid: string): Device {
    const [first] = user.devices.values();
    if (first !== undefined && user.devices.size >= MAX_DEVICES) this.#drop(first);
    const device = new Device(this.#shared, jid, (lost, verdict) => this.lost(lost, verdict));
    user.devices.set(jid, device);
    this.#shared.meter.connections("xmpp", 1);
    return device;
  }

  #drop(device: Device): void {
    if (this.#users.get(device.bare)?.devices.delete(device.jid) !== true) return;
    device.close();
    this.#shared.meter.connections("xmpp", -1);
  }

  #look(jid: string): void {
    const isBare = bareOf(jid) === jid;
    if (isBare && jid.includes("@"))
      this.#shared.link.put(createElement("presence", { type: "probe", from: this.#shared.service, to: jid }));
    else this.#askIfThere(jid, RETRY_MS);
  }

  #retry(jid: string, delayMs: number): void {
    if (this.#retried.has(jid) || this.#retried.size >= MAX_RETRIED) return;
    const cancel = this.#shared.clock.after(delayMs, () => {
      this.#retried.delete(jid);
      this.#askIfThere(jid, Math.min(delayMs * 2, LONGEST_RETRY_MS));
    });
    this.#retried.set(jid, cancel);
  }

  #askIfThere(jid: string, retryMs: number): void {
    this.#shared.link.ask(jid, (answer) => {
      const verdict = verdictOf(answer);
      if (verdict === "unreachable") this.#retry(jid, retryMs);
      // If it is unclear, what the device says to its first items will show it.
      else if (verdict !== "gone") this.arrived(jid, false);
    });
  }

  #positionOf(itemId: string): number | null {
    try {
      const { position } = parseCursor(itemId);
      return this.#shared.bus.cursorAt(position) === itemId && position > 0 ? position : null;
    } catch {
      return null;
    }
  }
}

/** Goes through all who have subscribed, a hundred at a time, as there is room. */
class Search implements Waiting {
  readonly #jids: readonly string[];
  readonly #line: ComponentShared["line"];
  readonly #look: (jid: string) => void;
  #next = 0;

  constructor(jids: readonly string[], line: ComponentShared["line"], look: (jid: string) => void) {
    this.#jids = jids;
    this.#line = line;
    this.#look = look;
  }

  turn(): void {
    const batch = this.#jids.slice(this.#next, this.#next + PROBES);
    this.#next += batch.length;
    for (const jid of batch) this.#look(jid);
    if (this.#next < this.#jids.length) this.#line.add(this);
    else this.#line.done(this);
  }
}
