import { randomBytes } from "node:crypto";
import {
  isGranted,
  parseFilter,
  type CloseCode,
  type CloseReason,
  type Filter,
  type Guard,
  type HeartbeatMember,
  type Principal,
} from "@sluice/core";
import { createElement, escapeXML, type Element } from "ltx";
import { Allowance } from "./allowance.ts";
import { Binding, readerKey } from "./binding.ts";
import type { Channel } from "./channel.ts";
import { answerHost } from "./host-queries.ts";
import { Inquiry } from "./inquiry.ts";
import { isSameJid, localPart, parseJid } from "../xml/jid.ts";
import type { Identity } from "../login/login.ts";
import { NS } from "../xml/namespaces.ts";
import { NodeReader, type ReaderHost } from "../pubsub/node-reader.ts";
import type { PubSubClient } from "../pubsub/pubsub.ts";
import { Sasl, type SaslStep } from "../login/sasl.ts";
import type { Shared } from "./shared.ts";
import { errorOf, resultOf, StanzaError, toStanzaError } from "../xml/stanza.ts";
import { parseH, StreamManagement } from "./stream-management.ts";
import type { StoredSubscription } from "../pubsub/subscription-store.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** A client has so long to log in. */
const LOGIN_MS = 30_000;
const MAX_TRIES = 5;
/** Stanzas that may wait before the client is no longer read from. */
const MAX_WAITING = 16;
/** Times that a client may be asked and not answer before its connection is given up. */
const MAX_UNANSWERED = 2;
const STANZAS: ReadonlySet<string> = new Set(["iq", "message", "presence"]);

const CONDITIONS: Readonly<Record<CloseCode, string>> = {
  draining: "system-shutdown",
  "token-expired": "not-authorized",
  "grant-revoked": "not-authorized",
  "too-slow": "policy-violation",
  policy: "policy-violation",
  "app-unavailable": "remote-connection-failed",
  internal: "internal-server-error",
};

/**
 * One stream of one client: login, resource, stanzas, and what it has been sent.
 *
 * ```
 *   opened ── <auth/> ──► logged in ── bind ──────► bound ──── end() ───────────────────► ended
 *                             └────── <resume/> ──────▲ └───── connection lost ──► hibernating ─┐
 *                                                     └─────────────── <resume/> ◄──────────────┘
 * ```
 */
export class Session implements ReaderHost, PubSubClient, HeartbeatMember {
  readonly shared: Shared;
  readonly #channel: Channel;
  readonly #allowance: Allowance;
  readonly #waiting: XmlNode[] = [];
  #sasl: Sasl | null = null;
  #tries = 0;
  #identity: Identity | null = null;
  #binding: Binding | null = null;
  #guard: Guard | null = null;
  #head: Buffer | null = null;
  #isOpen = false;
  #isEnded = false;
  #isGone = false;
  /** Whether what is bound may be resumed after this connection. */
  #mayHibernate = true;
  #isWorking = false;
  #hasHeard = true;
  #unanswered = 0;
  #inquiry: Inquiry | null = null;
  #cancelLogin: (() => void) | null;

  constructor(shared: Shared, channel: Channel) {
    this.shared = shared;
    this.#channel = channel;
    this.#allowance = new Allowance(() => shared.limits().messagesPerSecond, shared.clock);
    this.#cancelLogin = shared.clock.after(LOGIN_MS, () => this.end("connection-timeout"));
    shared.sessions.add(this);
    shared.meter.connections("xmpp", 1);
  }

  // What readers and the service see.

  get bus(): Shared["bus"] {
    return this.shared.bus;
  }

  get codecs(): Shared["codecs"] {
    return this.shared.codecs;
  }

  get store(): Shared["store"] {
    return this.shared.store;
  }

  get service(): string {
    return this.shared.service;
  }

  get binding(): Binding | null {
    return this.#binding;
  }

  get ledger(): Binding["ledger"] {
    return this.#bound.ledger;
  }

  get messageHead(): Buffer {
    this.#head ??= Buffer.from(`<message${this.#channel.declaration} to="${escapeXML(this.#bound.jid)}"`);
    return this.#head;
  }

  get principal(): Principal {
    if (this.#identity === null) throw new Error("Nobody has logged in.");
    return this.#identity.principal;
  }

  get subscriptions(): readonly StoredSubscription[] {
    const { bare, jid } = this.#bound;
    return [...this.store.of(bare), ...this.store.of(jid)];
  }

  /** Whether more than a login's worth may be sent by the client in one stanza. */
  get isLoggedIn(): boolean {
    return this.#identity !== null;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  async check(action: "read" | "publish", filters: readonly Filter[]): Promise<void> {
    const { principal } = this;
    // `access` knows nothing of accounts: what theirs grants is said here.
    const isOwn = this.#identity?.isWatched === false;
    const open = isOwn ? filters.filter((filter) => !isGranted(principal.grants[action], filter)) : filters;
    if (open.length > 0) await this.shared.access.check(principal, action, open);
  }

  subscriberOf(jid: string | undefined): string {
    const { bare, jid: full } = this.#bound;
    if (jid !== undefined && isSameJid(jid, bare)) return bare;
    if (jid !== undefined && isSameJid(jid, full)) return full;
    throw new StanzaError("modify", "bad-request", "invalid-jid", "Only one's own JID can be subscribed.");
  }

  subscribe(jid: string, filter: Filter): void {
    const known = this.store.find(jid, filter.text);
    if (known !== undefined) return this.#read(known, filter);
    if (this.subscriptions.length >= this.shared.limits().subscriptions) {
      throw new StanzaError("wait", "policy-violation", "too-many-subscriptions");
    }
    const { bare, isAnonymous, isPassing } = this.#bound;
    const isLasting = jid === bare ? !isAnonymous : !isPassing;
    const stored = { jid, node: filter.text, cursor: this.bus.cursor, isLasting };
    this.store.add(stored);
    const all = jid === bare ? this.shared.sessions.of(bare) : [this];
    for (const session of all) if (session === this || session.isAvailable) session.#read(stored, filter, "latest");
  }

  get isAvailable(): boolean {
    return this.#binding?.isAvailable === true;
  }

  unsubscribe(jid: string, node: string): boolean {
    const stored = this.store.find(jid, node);
    if (stored === undefined) return false;
    this.store.remove(stored);
    const key = readerKey(jid, node);
    for (const session of this.shared.sessions.of(this.#bound.bare)) {
      session.#binding?.readers.get(key)?.close();
      session.#binding?.readers.delete(key);
    }
    return true;
  }

  deliver(stanzas: readonly Buffer[]): boolean {
    if (this.#isEnded) return false;
    const isReady = this.#channel.write(stanzas);
    if (!this.#channel.isConfirming) this.#inquiry?.owe();
    return isReady;
  }

  close(reason: CloseReason): void {
    this.end(CONDITIONS[reason.code]);
  }

  // What the channel tells.

  /** The client has started a stream. */
  opened(root: XmlNode): void {
    if (this.#isEnded) return;
    const { domain } = this.shared;
    if (this.#isOpen) return this.end("bad-format");
    this.#isOpen = true;
    this.#channel.open(domain, randomBytes(12).toString("base64url"));
    if (!this.#channel.isOpening(root)) return this.end("invalid-namespace");
    if (root.attribute("to")?.toLowerCase() !== domain) return this.end("host-unknown");
    this.#sasl ??= new Sasl(this.shared.login, this.#channel.isSecure);
    this.#put(this.#features());
  }

  /** The client has sent a whole element. */
  received(node: XmlNode): void {
    if (this.#isEnded) return;
    this.#hasHeard = true;
    if (!this.#isOpen) return this.end("not-authorized");
    if (!this.#allowance.take() && !node.is("a", NS.sm)) {
      this.shared.meter.refused("xmpp", "rate-limited");
      return this.end("policy-violation");
    }
    this.#waiting.push(node);
    if (!this.#isWorking) void this.#work();
    this.#regulate();
  }

  /** Something came that is not a whole element: white space that keeps the connection alive. */
  heard(): void {
    this.#hasHeard = true;
  }

  /** The client has ended its stream. */
  closed(): void {
    this.#mayHibernate = false;
    this.#finish();
    this.#channel.end(null);
  }

  /** How much has been sent: what {@link arrived} takes. */
  get sent(): number {
    return this.#binding?.ledger.sent ?? 0;
  }

  /** The client is known to have the first so many stanzas. */
  arrived(sent: number): void {
    this.#binding?.ledger.acknowledge(sent);
  }

  /** There is room again. */
  drained(): void {
    if (this.#isEnded) return;
    this.#regulate();
    if (!this.#isWorking) void this.#work();
    for (const reader of this.#binding?.readers.values() ?? []) reader.resume();
  }

  /** The connection is gone. */
  gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#finish();
    this.shared.sessions.remove(this);
    this.shared.meter.connections("xmpp", -1);
  }

  /** Ends the stream with an error (RFC 6120 §4.9). */
  end(condition: string): void {
    if (this.#isEnded) return;
    if (!this.#isOpen) this.#channel.open(this.shared.domain, randomBytes(12).toString("base64url"));
    this.#put(
      createElement("stream:error", { "xmlns:stream": NS.stream }, createElement(condition, { xmlns: NS.streams })),
    );
    this.#mayHibernate &&= condition === "connection-timeout" || condition === "system-shutdown";
    this.#finish();
    this.#channel.end(condition);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#channel.destroy();
  }

  beat(): void {
    if (this.#hasHeard) this.#unanswered = 0;
    else this.#unanswered += 1;
    this.#hasHeard = false;
    if (this.#unanswered >= MAX_UNANSWERED) return this.end("connection-timeout");
    if (this.#unanswered > 0) this.#inquiry?.ask();
  }

  // The rest is the session's own.

  get #bound(): Binding {
    if (this.#binding === null) throw new Error("No resource is bound.");
    return this.#binding;
  }

  #features(): Element {
    const features: Element[] = [];
    if (this.#channel.needsTls) {
      features.push(createElement("starttls", { xmlns: NS.tls }, createElement("required")));
    } else if (this.#identity === null) {
      const mechanisms = this.#sasl?.mechanisms ?? [];
      const offered = mechanisms.map((name) => createElement("mechanism", {}, name));
      features.push(createElement("mechanisms", { xmlns: NS.sasl }, ...offered));
    } else {
      features.push(
        createElement("bind", { xmlns: NS.bind }),
        createElement("session", { xmlns: NS.session }, createElement("optional")),
        ...(this.#channel.isConfirming ? [] : [createElement("sm", { xmlns: NS.sm })]),
      );
    }
    return createElement("stream:features", { "xmlns:stream": NS.stream }, ...features);
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    while (!this.#isEnded && !this.#channel.isBacklogged) {
      const node = this.#waiting.shift();
      if (node === undefined) break;
      try {
        // In the order in which they came.
        // oxlint-disable-next-line no-await-in-loop
        await this.#handle(node);
      } catch (error) {
        this.shared.logger.error({ err: error }, "an XMPP stanza could not be handled");
        this.end("internal-server-error");
      }
      this.#regulate();
    }
    this.#isWorking = false;
  }

  #regulate(): void {
    if (!this.#isEnded) this.#channel.pause(this.#waiting.length >= MAX_WAITING || this.#channel.isBacklogged);
  }

  async #handle(node: XmlNode): Promise<void> {
    if (this.#channel.needsTls) return this.#beforeTls(node);
    if (node.ns === NS.sasl) return this.#authenticate(node);
    if (this.#identity === null) return this.end("not-authorized");
    if (node.ns === NS.sm) return this.#manage(node);
    if (node.ns === NS.csi) return undefined;
    if (node.ns !== NS.client || !STANZAS.has(node.name)) return this.end("unsupported-stanza-type");
    if (this.#binding === null) return this.#bind(node);
    this.#binding.received += 1;
    if (node.name === "iq") return this.#iq(node);
    if (node.name === "presence") return this.#presence(node);
    if (node.attribute("type") !== "error") {
      this.#send(errorOf(node, new StanzaError("cancel", "service-unavailable"), this.#binding.jid));
    }
    return undefined;
  }

  #beforeTls(node: XmlNode): void {
    if (!node.is("starttls", NS.tls)) return this.end("not-authorized");
    this.#put(createElement("proceed", { xmlns: NS.tls }));
    this.#restart();
    this.#channel.startTls();
    return undefined;
  }

  #restart(): void {
    this.#isOpen = false;
    this.#sasl = null;
    this.#waiting.length = 0;
    this.#channel.restart();
  }

  async #authenticate(node: XmlNode): Promise<void> {
    if (this.#identity !== null || this.#sasl === null) return this.end("policy-violation");
    const step = await this.#step(this.#sasl, node);
    if (this.#isEnded) return undefined;
    const text = (decoded: string): string => Buffer.from(decoded).toString("base64");
    if (step.kind === "challenge") {
      this.#put(createElement("challenge", { xmlns: NS.sasl }, text(step.text)));
    } else if (step.kind === "success") {
      this.#identity = step.identity;
      this.#put(createElement("success", { xmlns: NS.sasl }, ...(step.text === "" ? [] : [text(step.text)])));
      this.#restart();
    } else {
      this.#put(createElement("failure", { xmlns: NS.sasl }, createElement(step.condition)));
      this.shared.meter.refused("xmpp", "unauthorized");
      this.#tries += 1;
      if (this.#tries >= MAX_TRIES) this.end("policy-violation");
    }
    return undefined;
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

  #bind(iq: XmlNode): void {
    const bind = iq.child("bind", NS.bind);
    if (iq.name !== "iq" || iq.attribute("type") !== "set" || bind === undefined) return this.end("not-authorized");
    const { name } = this.#identity as Identity;
    const local = name === null ? null : localPart(name);
    const asked = bind.child("resource")?.text.trim() ?? "";
    const bare = `${local ?? `anonymous-${randomBytes(9).toString("hex")}`}@${this.shared.domain}`;
    const isFit = asked !== "" && parseJid(`${bare}/${asked}`) !== null;
    const binding = new Binding(bare, isFit ? asked : null, local === null);
    for (const other of this.shared.sessions.of(bare)) {
      if (other.binding?.jid === binding.jid) other.end("conflict");
    }
    this.shared.sessions.supersede(binding.jid);
    this.#take(binding);
    const jid = createElement("jid", {}, binding.jid);
    this.#send(
      createElement("iq", { type: "result", id: iq.attribute("id") }, createElement("bind", { xmlns: NS.bind }, jid)),
    );
    return undefined;
  }

  #take(binding: Binding): void {
    const { access, sessions, wheel, idleMs } = this.shared;
    this.#cancelLogin?.();
    this.#cancelLogin = null;
    this.#binding = binding;
    this.#inquiry = new Inquiry(binding.ledger, this.shared.clock, () => this.#ask());
    sessions.bound(this, binding.bare);
    // A channel that confirms has an end of its own for those who are silent.
    if (!this.#channel.isConfirming) wheel.add(this, idleMs);
    if (this.#identity?.isWatched !== true) return;
    const filters = (): readonly Filter[] => [...binding.readers.values()].map(({ filter }) => filter);
    this.#guard = access.guard(this.principal, filters, (reason) => this.close(reason));
  }

  async #iq(iq: XmlNode): Promise<void> {
    const type = iq.attribute("type");
    const id = iq.attribute("id");
    const { jid, bare } = this.#bound;
    if (type === "result" || type === "error") return this.#answered(id ?? "");
    try {
      if (id === undefined || (type !== "get" && type !== "set")) throw new StanzaError("modify", "bad-request");
      this.#send(resultOf(iq, jid, ...(await this.#answer(iq, bare, jid))));
    } catch (error) {
      const told = toStanzaError(error);
      if (told === null) throw error;
      this.shared.meter.refused("xmpp", told.condition);
      if (!this.#isEnded) this.#send(errorOf(iq, told, jid));
    }
    return undefined;
  }

  async #answer(iq: XmlNode, bare: string, jid: string): Promise<readonly Element[]> {
    const to = iq.attribute("to");
    if (to?.toLowerCase() === this.service) return this.shared.pubsub.answer(iq, this);
    const isHost = to === undefined || to.toLowerCase() === this.shared.domain;
    if (isHost || isSameJid(to, bare) || isSameJid(to, jid)) return answerHost(iq, this.service);
    throw new StanzaError("cancel", "service-unavailable");
  }

  async #presence(presence: XmlNode): Promise<void> {
    if (presence.attribute("to") !== undefined) return;
    const type = presence.attribute("type");
    const binding = this.#bound;
    if (type === "unavailable") binding.isAvailable = false;
    if (type !== undefined) return;
    this.#send(createElement("presence", { from: binding.jid, to: binding.jid }));
    if (binding.isAvailable) return;
    binding.isAvailable = true;
    for (const stored of this.subscriptions) {
      const filter = parseFilter(stored.node);
      // Seen again, wherever its cursor is.
      this.store.moved(stored);
      // oxlint-disable-next-line no-await-in-loop
      if (await this.#mayRead(filter)) this.#read(stored, filter);
    }
  }

  /** Whether a subscription of before is still granted; one that isn't stays, and is silent. */
  async #mayRead(filter: Filter): Promise<boolean> {
    try {
      await this.check("read", [filter]);
      return !this.#isEnded;
    } catch (error) {
      if (toStanzaError(error) === null) throw error;
      return false;
    }
  }

  #read(stored: StoredSubscription, filter: Filter, from?: "latest"): void {
    if (this.#isEnded) return;
    const { readers } = this.#bound;
    const key = readerKey(stored.jid, stored.node);
    if (readers.has(key)) return;
    const reader = new NodeReader(this, stored, filter);
    readers.set(key, reader);
    reader.start(from ?? { cursor: reader.cursor });
  }

  // Stream management (XEP-0198), and pings where there is none.

  #manage(node: XmlNode): void | Promise<void> {
    const binding = this.#binding;
    if (this.#channel.isConfirming) return this.#put(StreamManagement.failed("feature-not-implemented"));
    if (node.name === "resume") return this.#resume(node);
    if (binding === null) return this.#put(StreamManagement.failed("unexpected-request"));
    if (node.name === "enable") {
      if (binding.isManaged) return this.#put(StreamManagement.failed("unexpected-request"));
      binding.isManaged = true;
      binding.base = binding.ledger.sent;
      binding.received = 0;
      if (/^(?:true|1)$/.test(node.attribute("resume") ?? "")) {
        binding.resumption = randomBytes(18).toString("base64url");
      }
      this.#inquiry?.reset();
      return this.#put(StreamManagement.enabled(binding.resumption, this.shared.hibernateMs));
    }
    if (!binding.isManaged) return this.end("policy-violation");
    if (node.name === "r") return this.#put(StreamManagement.answer(binding.received));
    const h = node.name === "a" ? parseH(node) : null;
    if (h === null) return this.end("bad-format");
    // One that can't be is passed over: of too many, nothing is known to have arrived.
    this.#inquiry?.answered(binding.numberOf(h));
    return undefined;
  }

  async #resume(node: XmlNode): Promise<void> {
    const { sessions } = this.shared;
    const found = this.#binding === null ? sessions.find(node.attribute("previd") ?? "") : null;
    const h = parseH(node);
    const { name } = this.#identity as Identity;
    const local = name === null ? null : localPart(name);
    const isSame =
      local === null ? found?.binding.isAnonymous : found?.binding.bare === `${local}@${this.shared.domain}`;
    const number = h === null ? -1 : (found?.binding.numberOf(h) ?? -1);
    const isPossible =
      number >= (found?.binding.ledger.acknowledged ?? 0) && number <= (found?.binding.ledger.sent ?? -1);
    if (found === null || isSame !== true || !isPossible) {
      this.#put(StreamManagement.failed("item-not-found"));
      return;
    }
    const { binding, session } = found;
    session?.surrender();
    sessions.wake(binding.resumption ?? "");
    binding.ledger.acknowledge(number);
    const former = [...binding.readers.values()];
    for (const reader of former) reader.close();
    binding.readers.clear();
    this.#take(binding);
    this.#put(StreamManagement.resumed(binding.resumption ?? "", binding.received));
    for (const text of binding.ledger.rewind()) this.#sendText(text);
    for (const { stored, filter, cursor } of former) {
      if (this.store.find(stored.jid, stored.node) !== stored) continue;
      // oxlint-disable-next-line no-await-in-loop
      if (!(await this.#mayRead(filter))) continue;
      const reader = new NodeReader(this, stored, filter, cursor);
      binding.readers.set(readerKey(stored.jid, stored.node), reader);
      reader.start({ cursor });
    }
  }

  /** Gives what is bound to another connection, and ends. */
  surrender(): void {
    const binding = this.#binding;
    if (binding === null) return;
    this.#letGo(binding);
    this.#binding = null;
    this.end("conflict");
  }

  #ask(): void {
    if (this.#isEnded) return;
    const { isManaged, ledger, jid } = this.#bound;
    if (isManaged) return this.#put(StreamManagement.request());
    const ping = { type: "get", id: `ack-${ledger.sent}`, from: this.shared.domain, to: jid };
    ledger.addPassing();
    this.#write(createElement("iq", ping, createElement("ping", { xmlns: NS.ping })).toString());
    return undefined;
  }

  /** An answer to a ping is as good as an acknowledgement of all that was sent before it, whatever it says. */
  #answered(id: string): void {
    const match = /^ack-(\d{1,15})$/.exec(id);
    if (match !== null && !this.#bound.isManaged) this.#inquiry?.answered(Number(match[1]));
  }

  #finish(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#waiting.length = 0;
    this.#cancelLogin?.();
    const binding = this.#binding;
    if (binding === null) return;
    this.#letGo(binding);
    const forget = (): void => {
      for (const stored of [...this.store.of(binding.bare), ...this.store.of(binding.jid)]) {
        if (!stored.isLasting) this.store.remove(stored);
      }
    };
    if (this.#mayHibernate) this.shared.sessions.hibernate(binding, this.shared.hibernateMs, forget);
    else forget();
  }

  #letGo(binding: Binding): void {
    this.#inquiry?.stop();
    for (const reader of binding.readers.values()) reader.close();
    this.#guard?.release();
    this.shared.wheel.remove(this);
    this.shared.sessions.unbound(this, binding.bare);
  }

  /** Sends a stanza. It is kept until the client has it. */
  #send(stanza: Element): void {
    this.#sendText(stanza.toString());
  }

  #sendText(text: string): void {
    if (this.#isEnded) return;
    this.#bound.ledger.addText(text);
    this.#write(text);
  }

  #write(text: string): void {
    const declared = text.replace(/^<(?:iq|message|presence)(?=[\s/>])/, `$&${this.#channel.declaration}`);
    this.#channel.write([Buffer.from(declared)]);
  }

  /** Sends what is no stanza. */
  #put(element: Element): void {
    if (!this.#isEnded) this.#channel.write([Buffer.from(element.toString())]);
  }
}
