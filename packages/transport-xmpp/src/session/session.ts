import { randomBytes } from "node:crypto";
import type { CloseCode, CloseReason, Guard, HeartbeatMember } from "@sluice/core";
import { createElement, type Element } from "ltx";
import { Allowance } from "./allowance.ts";
import type { Channel } from "./channel.ts";
import { framed } from "./framing.ts";
import { Inbox } from "./inbox.ts";
import type { Identity } from "../login/login.ts";
import { Negotiation } from "../login/negotiation.ts";
import { Resource, type Carrier } from "./resource.ts";
import type { Shared } from "./shared.ts";
import { answerElement, enabledElement, failedElement, parseH, resumedElement } from "./stream-management.ts";
import type { ResourceName } from "./subscriber.ts";
import { localPart, parseJid } from "../xml/jid.ts";
import { NS } from "../xml/namespaces.ts";
import { streamError } from "../xml/stanza.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** A client has so long to log in. */
const LOGIN_MS = 30_000;
/** Half of what lies between two questions to a client for what it has got. */
const ASK_MS = 2500;
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
 * One stream of one client: it opens, the client logs in and gets a resource, and it ends.
 *
 * ```
 *   opened ── <auth/> ──► logged in ── bind ────► bound ──── end() ────────► ended
 *                             └────── <resume/> ────▲ └── connection lost ──► cut ─┐
 *                                                   └──────────── <resume/> ◄──────┘
 * ```
 */
export class Session implements HeartbeatMember {
  readonly #shared: Shared;
  readonly #channel: Channel;
  readonly #allowance: Allowance;
  readonly #inbox: Inbox;
  readonly #negotiation: Negotiation;
  readonly #cancelLogin: () => void;
  #resource: Resource | null = null;
  #guard: Guard | null = null;
  #isOpen = false;
  #isEnded = false;
  #isGone = false;
  /** Whether the client has ended the stream itself. */
  #hasClosed = false;
  #hasHeard = true;
  #silentMs = 0;

  constructor(shared: Shared, channel: Channel) {
    this.#shared = shared;
    this.#channel = channel;
    this.#allowance = new Allowance(() => shared.limits().messagesPerSecond, shared.clock);
    this.#inbox = new Inbox(channel, (node) => this.#handle(node));
    this.#negotiation = new Negotiation(shared.login, channel, shared.domain);
    this.#cancelLogin = shared.clock.after(LOGIN_MS, () => this.end("connection-timeout"));
    shared.sessions.add(this);
    shared.meter.connections("xmpp", 1);
  }

  /** What the client has got at bind; `null` before. */
  get resource(): Resource | null {
    return this.#resource;
  }

  /** Whether more than a login's worth may be sent by the client in one stanza. */
  get isLoggedIn(): boolean {
    return this.#negotiation.identity !== null;
  }

  // What the channel tells.

  /** The client has started a stream. */
  opened(root: XmlNode): void {
    if (this.#isEnded) return;
    if (this.#isOpen) return this.end("bad-format");
    this.#open();
    const fault = this.#channel.faultOf(root);
    if (fault !== null) return this.end(fault);
    if (root.attribute("to")?.toLowerCase() !== this.#shared.domain) return this.end("host-unknown");
    if (this.#shared.sessions.isDraining) return this.end("system-shutdown", true);
    const features = this.isLoggedIn ? this.#features : [this.#negotiation.offer()];
    this.#put(createElement("stream:features", { "xmlns:stream": NS.stream }, ...features));
  }

  /** The client has sent a whole element. */
  received(node: XmlNode): void {
    if (this.#isEnded || this.#hasClosed) return;
    this.#hasHeard = true;
    if (!this.#isOpen) return this.end("not-authorized");
    if (node.is("error", NS.stream)) return this.closed();
    if (!this.#allowance.take() && !node.is("a", NS.sm)) {
      this.#shared.meter.refused("xmpp", "rate-limited");
      return this.end("policy-violation");
    }
    this.#inbox.push(node);
  }

  /** Something came that is not a whole element: white space that keeps the connection alive. */
  heard(): void {
    this.#hasHeard = true;
  }

  /** The client has ended its stream. What it has sent before is still handled (RFC 6120 §4.4, XEP-0124 §13). */
  closed(): void {
    this.#hasClosed = true;
    this.#inbox.last(() => {
      this.#finish(false);
      this.#channel.end(null);
    });
  }

  /** How much has been sent: what {@link arrived} takes. */
  get sent(): number {
    return this.#resource?.ledger.sent ?? 0;
  }

  /** The client is known to have the first so many stanzas. */
  arrived(sent: number): void {
    this.#resource?.ledger.acknowledge(sent);
  }

  /** There is room again. */
  drained(): void {
    if (this.#isEnded) return;
    this.#inbox.work();
    this.#resource?.drained();
  }

  /** The connection is gone. */
  gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#finish(!this.#hasClosed);
    this.#shared.sessions.remove(this);
    this.#shared.meter.connections("xmpp", -1);
  }

  /** Ends the stream with an error (RFC 6120 §4.9); `mayResume`: it is no fault of the client's. */
  end(condition: string, mayResume: boolean = condition === "connection-timeout"): void {
    if (this.#isEnded) return;
    if (!this.#isOpen) this.#open();
    this.#put(streamError(condition));
    this.#finish(mayResume);
    this.#channel.end(condition);
  }

  /** Ends the stream for a reason of the gateway's. With a new token, say, its client can go on. */
  close(reason: CloseReason): void {
    this.end(CONDITIONS[reason.code], reason.code !== "policy");
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#channel.destroy();
  }

  beat(): void {
    const { idleMs } = this.#shared;
    const silentMs = this.#hasHeard ? 0 : this.#silentMs + this.#beatMs;
    const isLongSilent = this.#silentMs < idleMs && silentMs >= idleMs;
    this.#hasHeard = false;
    this.#silentMs = silentMs;
    if (silentMs >= 2 * idleMs) this.end("connection-timeout");
    else this.#resource?.ask(isLongSilent);
  }

  // The rest is the session's own.

  get #beatMs(): number {
    return Math.min(ASK_MS, this.#shared.idleMs);
  }

  #open(): void {
    this.#isOpen = true;
    this.#channel.open(this.#shared.domain, randomBytes(12).toString("base64url"));
  }

  get #features(): readonly Element[] {
    return [
      createElement("bind", { xmlns: NS.bind }),
      createElement("session", { xmlns: NS.session }, createElement("optional")),
      ...(this.#channel.isConfirming ? [] : [createElement("sm", { xmlns: NS.sm })]),
    ];
  }

  async #handle(node: XmlNode): Promise<void> {
    try {
      const { identity } = this.#negotiation;
      await (identity === null ? this.#negotiate(node) : this.#serve(node, identity));
    } catch (error) {
      this.#shared.logger.error({ err: error }, "an XMPP stanza could not be handled");
      this.end("internal-server-error");
    }
  }

  async #negotiate(node: XmlNode): Promise<void> {
    const step = await this.#negotiation.take(node);
    if (step.answer !== null) this.#put(step.answer);
    if (step.next === "refuse" || step.next === "end") this.#shared.meter.refused("xmpp", "unauthorized");
    if (step.next === "end") this.end(step.condition);
    if (this.#isEnded || (step.next !== "restart" && step.next !== "startTls")) return;
    this.#isOpen = false;
    this.#inbox.clear();
    this.#channel.restart();
    if (step.next === "startTls") this.#channel.startTls();
  }

  async #serve(node: XmlNode, identity: Identity): Promise<void> {
    if (node.ns === NS.sm) return this.#manage(node, identity);
    if (node.ns === NS.csi) return undefined;
    if (node.ns !== NS.client || !STANZAS.has(node.name)) return this.end("unsupported-stanza-type");
    if (this.#resource === null) return this.#bind(node, identity);
    return this.#resource.take(node);
  }

  #bind(iq: XmlNode, identity: Identity): void {
    const bind = iq.child("bind", NS.bind);
    if (iq.name !== "iq" || iq.attribute("type") !== "set" || bind === undefined) return this.end("not-authorized");
    const name = nameOf(identity, bind.child("resource")?.text.trim() ?? "", this.#shared.domain);
    this.#shared.sessions.withJid(name.bare, name.jid)?.end("conflict");
    if (!name.isPassing) this.#shared.cutStreams.supersede(name.jid);
    const resource = new Resource(this.#carrier(identity), name);
    this.#take(resource, identity);
    const jid = createElement("jid", {}, name.jid);
    resource.send(
      createElement("iq", { type: "result", id: iq.attribute("id") }, createElement("bind", { xmlns: NS.bind }, jid)),
    );
    return undefined;
  }

  #carrier(identity: Identity): Carrier {
    return {
      shared: this.#shared,
      channel: this.#channel,
      identity,
      close: (reason) => this.close(reason),
    };
  }

  #take(resource: Resource, { principal, isWatched }: Identity): void {
    const { access, sessions, wheel } = this.#shared;
    this.#cancelLogin();
    this.#resource = resource;
    sessions.bound(this, resource);
    // A channel that confirms has an end of its own for those who are silent.
    if (!this.#channel.isConfirming) wheel.add(this, this.#beatMs);
    if (!isWatched) return;
    const filters = () => resource.subscriber.readers.map(({ filter }) => filter);
    this.#guard = access.guard(principal, filters, (reason) => this.close(reason));
  }

  // Stream management (XEP-0198).

  #manage(node: XmlNode, identity: Identity): void | Promise<void> {
    const resource = this.#resource;
    if (this.#channel.isConfirming) return this.#put(failedElement("feature-not-implemented"));
    if (node.name === "resume" && resource === null) return this.#resume(node, identity);
    if (resource === null || node.name === "resume") return this.#put(failedElement("unexpected-request"));
    const { management } = resource;
    if (node.name === "enable") {
      if (management.isOn) return this.#put(failedElement("unexpected-request"));
      resource.enable(/^(?:true|1)$/.test(node.attribute("resume") ?? ""));
      this.#shared.sessions.resumable(this, resource);
      return this.#put(enabledElement(management.resumption, this.#shared.hibernateMs));
    }
    if (!management.isOn) return this.end("policy-violation");
    if (node.name === "r") return this.#put(answerElement(management.received));
    const h = node.name === "a" ? parseH(node) : null;
    if (h === null) return this.end("bad-format");
    return resource.acknowledged(h);
  }

  async #resume(node: XmlNode, identity: Identity): Promise<void> {
    const { sessions, cutStreams, domain } = this.#shared;
    const previd = node.attribute("previd") ?? "";
    const h = parseH(node);
    // Its connection may look open still.
    const former = sessions.withResumption(previd);
    const cut = former === null ? cutStreams.find(previd) : (former.resource?.cut() ?? null);
    const isSame = cut !== null && isOf(identity, cut, domain);
    const isPossible = isSame && h !== null;
    const resource = isPossible ? Resource.resumed(this.#carrier(identity), cut, h) : null;
    if (resource === null || cut === null) return this.#put(failedElement("item-not-found"));
    former?.end("conflict");
    cutStreams.remove(previd);
    this.#take(resource, identity);
    sessions.resumable(this, resource);
    this.#put(resumedElement(previd, cut.received));
    return resource.goOn(cut);
  }

  #finish(mayResume: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#inbox.close();
    this.#cancelLogin();
    const resource = this.#resource;
    if (resource === null) return;
    const cut = mayResume && !this.#hasClosed ? resource.cut() : null;
    resource.stop();
    if (cut !== null) this.#shared.cutStreams.add(cut, this.#shared.hibernateMs);
    this.#guard?.release();
    this.#shared.wheel.remove(this);
    this.#shared.sessions.unbound(this, resource);
  }

  /** Sends what is no stanza. */
  #put(element: Element): void {
    if (!this.#isEnded) this.#channel.write(framed(this.#channel.framing, Buffer.from(element.toString())));
  }
}

/** The name of whoever logged in, with the resource that was asked for if it is fit to be one. */
function nameOf(identity: Identity, asked: string, domain: string): ResourceName {
  const local = localOf(identity);
  const bare = `${local ?? `anonymous-${randomBytes(9).toString("hex")}`}@${domain}`;
  const isFit = asked !== "" && parseJid(`${bare}/${asked}`) !== null;
  const resource = isFit ? asked : randomBytes(9).toString("base64url");
  return { bare, jid: `${bare}/${resource}`, isAnonymous: local === null, isPassing: local === null || !isFit };
}

/** Whether a stream is of the one who has logged in. Whom nobody can come back as is known by the stream's id alone. */
function isOf(identity: Identity, { bare, isAnonymous }: ResourceName, domain: string): boolean {
  const local = localOf(identity);
  return local === null ? isAnonymous : bare === `${local}@${domain}`;
}

function localOf({ name }: Identity): string | null {
  return name === null ? null : localPart(name);
}
