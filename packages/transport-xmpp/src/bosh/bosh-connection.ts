import { Allowance } from "../session/allowance.ts";
import { Answers } from "./answers.ts";
import { boshBody, boshCondition, countOf, type BoshCondition } from "./bosh-body.ts";
import type { BoshReply } from "./bosh-reply.ts";
import { creationAttributes, INACTIVITY, MAX_PAUSE, type BoshTerms } from "./bosh-terms.ts";
import type { Channel } from "../session/channel.ts";
import { UNFRAMED, type Framing } from "../session/framing.ts";
import { KeyChain } from "./key-chain.ts";
import { LastWords } from "./last-words.ts";
import { NS } from "../xml/namespaces.ts";
import { Session } from "../session/session.ts";
import type { Shared } from "../session/shared.ts";
import { XmlNode } from "../xml/xml-node.ts";

/** Who is told when a session comes to its end. */
export interface BoshLife {
  /** Nothing is sent or taken any more. */
  ended(): void;
  /** Nobody needs to be told why any more. */
  forgotten(): void;
}

const FULL_BYTES = 64 * 1024;
const RESTART = `${NS.xbosh} restart`;

/** A request that waits for its answer. */
interface Waiting {
  readonly rid: number | null;
  readonly reply: BoshReply;
}

/** One whose turn has come. */
interface Held extends Waiting {
  readonly rid: number;
  reply: BoshReply;
  readonly cancel: () => void;
}

/**
 * One client by BOSH (XEP-0124, XEP-0206): a stream cut into bodies, each the answer to a request.
 *
 * Requests are worked off and answered in the order of their `rid`. An answer stays until it is known to have arrived:
 * the same request again gets the same bytes.
 */
export class BoshConnection implements Channel {
  readonly needsTls = false;
  readonly isConfirming = true;
  /** What is written waits for a request. */
  readonly isHolding = true;
  readonly declaration: string = ` xmlns="${NS.client}"`;
  readonly framing: Framing = UNFRAMED;
  readonly isSecure: boolean;
  readonly #shared: Shared;
  readonly #terms: BoshTerms;
  readonly #session: Session;
  readonly #allowance: Allowance;
  readonly #life: BoshLife;
  readonly #early = new Map<number, { readonly body: XmlNode; readonly reply: BoshReply }>();
  readonly #held: Held[] = [];
  readonly #answers: Answers;
  readonly #keys = new KeyChain();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** How much had been sent when the last answer with content went out. */
  #handedOver = 0;
  #nextRid: number;
  /** Until the first request is answered. */
  #created: Readonly<Record<string, string>> | null;
  /** Once the session has ended. */
  #lastWords: LastWords | null = null;
  #inactivity = INACTIVITY;
  #cancelInactivity: (() => void) | null = null;
  #isFlushing = false;

  constructor(shared: Shared, terms: BoshTerms, life: BoshLife) {
    this.#shared = shared;
    this.#terms = terms;
    this.isSecure = terms.isSecure;
    this.#created = creationAttributes(terms, shared.domain);
    this.#nextRid = terms.rid;
    this.#answers = new Answers(terms.hold + 1);
    this.#life = life;
    this.#allowance = new Allowance(() => shared.limits().messagesPerSecond, shared.clock);
    this.#session = new Session(shared, this);
  }

  get terms(): BoshTerms {
    return this.#terms;
  }

  get isLoggedIn(): boolean {
    return this.#session.isLoggedIn;
  }

  get isBacklogged(): boolean {
    return this.#pendingBytes > FULL_BYTES;
  }

  get #requests(): number {
    return this.#terms.hold + 1;
  }

  /** Takes a request of this session. */
  take(body: XmlNode, rid: number, reply: BoshReply): void {
    if (this.#lastWords !== null) return this.#tellLate(this.#lastWords, rid, reply);
    if (!this.#allowance.take()) return this.fail("policy-violation", rid, reply);
    if (rid < this.#nextRid) return this.#repeat(rid, reply);
    if (rid >= this.#nextRid + this.#requests) return this.fail("item-not-found", rid, reply);
    this.#early.get(rid)?.reply.answer(boshBody({}, []));
    this.#early.set(rid, { body, reply });
    for (let next = this.#early.get(this.#nextRid); next !== undefined; next = this.#early.get(this.#nextRid)) {
      this.#early.delete(this.#nextRid);
      this.#nextRid += 1;
      this.#work(next.body, this.#nextRid - 1, next.reply);
    }
    this.#watch();
    return undefined;
  }

  /** Ends the session for a fault of a request, and answers that. */
  fail(condition: BoshCondition, rid: number | null, reply: BoshReply): void {
    if (this.#lastWords !== null) return this.#tellLate(this.#lastWords, rid, reply);
    this.#shared.meter.refused("xmpp", condition);
    return this.#terminate(condition, [{ rid, reply }]);
  }

  /** The client of a request has gone away before it was answered. */
  lost(): void {
    this.#watch();
  }

  faultOf(): null {
    // The request has been taken as what it is, and old clients say no `xmpp:version` (XEP-0206 §3).
    return null;
  }

  open(): void {
    // The answer to the first request says it all; a restart has no answer of its own.
  }

  write(elements: Buffer): boolean {
    if (this.#lastWords !== null) return false;
    this.#pending.push(elements);
    this.#pendingBytes += elements.length;
    this.#flushSoon();
    return !this.isBacklogged;
  }

  restart(): void {
    // Each request is read by itself.
  }

  startTls(): void {
    // TLS is that of HTTP.
  }

  pause(): void {
    // A client that goes on without taking its answers runs into the window of rids.
  }

  end(condition: string | null): void {
    this.#terminate(condition === null ? null : boshCondition(condition));
    // XEP-0124 §10: whoever was silent is not told of the end.
    if (condition === "connection-timeout" && this.#lastWords?.areSaid === false) this.#life.forgotten();
  }

  destroy(): void {
    this.#terminate("system-shutdown");
  }

  /** A request that has been taken before: its answer was lost, or is too long in coming. */
  #repeat(rid: number, reply: BoshReply): void {
    const answer = this.#answers.get(rid);
    if (answer !== undefined) return reply.answer(answer.body);
    const held = this.#held.find((one) => one.rid === rid);
    if (held === undefined) return this.fail("item-not-found", rid, reply);
    held.reply.answer(boshBody({}, []));
    held.reply = reply;
    this.#watch();
    return undefined;
  }

  #work(body: XmlNode, rid: number, reply: BoshReply): void {
    if (this.#lastWords !== null) return reply.answer(this.#lastWords.for(rid));
    if (!this.#keys.follow(body)) return this.fail("item-not-found", rid, reply);
    const arrived = this.#answers.confirm(body, rid);
    if (arrived !== null) this.#session.arrived(arrived);
    this.#session.heard();
    const cancel = this.#shared.clock.after(this.#terms.wait * 1000, () => this.#answerThrough(rid));
    this.#held.push({ rid, reply, cancel });
    if (rid === this.#terms.rid || body.attribute(RESTART) === "true") this.#session.opened(this.#rootOf(body));
    for (const child of body.children) {
      // Old clients (Tsung) leave their stanzas in the namespace of `<body/>`, and mean the right one.
      this.#session.received(child.ns === NS.httpbind ? child.movedTo(NS.client) : child);
    }
    if (body.attribute("type") === "terminate") return this.#session.closed();
    this.#pauseFor(countOf(body, "pause"));
    if (this.#pending.length > 0 || this.#held.length > this.#terms.hold) this.#flushSoon();
    return undefined;
  }

  /** A stream's start. A client that restarts it need not say again whom it is for (XEP-0206 §5). */
  #rootOf(body: XmlNode): XmlNode {
    const { domain } = this.#shared;
    return new XmlNode(body.name, body.ns, new Map([["to", domain], ...body.attributes]));
  }

  /** XEP-0124 §10: all requests are answered at once, that for a pause with nothing in it. */
  #pauseFor(seconds: number | null): void {
    const isPause = seconds !== null && seconds >= 1 && seconds <= MAX_PAUSE;
    this.#inactivity = isPause ? seconds : INACTIVITY;
    if (seconds === null) return;
    while (this.#held.length > 1) this.#answerOldest();
    this.#answerOldest("empty");
  }

  /**
   * What is sent in the same turn goes in one body, the answer to the oldest request; then those are answered that are
   * too many. So the answer to an iq costs one request, and the one that brought the iq is held.
   */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      if (this.#lastWords !== null) return;
      if (this.#pending.length > 0) this.#answerOldest();
      while (this.#held.length > this.#terms.hold) this.#answerOldest();
    });
  }

  #answerThrough(rid: number): void {
    while (this.#held[0] !== undefined && this.#held[0].rid <= rid) this.#answerOldest();
  }

  #answerOldest(isEmpty?: "empty"): void {
    const held = this.#held.shift();
    if (held === undefined) return;
    held.cancel();
    const highest = this.#nextRid - 1;
    const ack = highest > held.rid ? String(highest) : undefined;
    const wasFull = this.isBacklogged;
    const content = isEmpty === undefined ? this.#takePending() : [];
    const body = boshBody({ ack, ...this.#created }, content);
    this.#created = null;
    // The more it is told, the more it has to ask: events at any rate cost it nothing.
    if (content.length > 0) this.#allowance.giveBack();
    this.#answers.add(held.rid, { body, sent: this.#handedOver });
    held.reply.answer(body);
    this.#watch();
    if (wasFull && !this.isBacklogged) this.#session.drained();
  }

  #takePending(): readonly Buffer[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#handedOver = this.#session.sent;
    return pending;
  }

  /** A session that nobody asks for any more ends without a word. */
  #watch(): void {
    this.#cancelInactivity?.();
    this.#cancelInactivity = null;
    if (this.#lastWords !== null || this.#held.some(({ reply }) => !reply.isGone)) return;
    this.#cancelInactivity = this.#shared.clock.after(this.#inactivity * 1000, () => {
      this.#terminate(null);
      this.#life.forgotten();
    });
  }

  #tellLate(lastWords: LastWords, rid: number | null, reply: BoshReply): void {
    const answer = rid === null ? undefined : this.#answers.get(rid);
    reply.answer(answer?.body ?? lastWords.forLate(rid));
  }

  /** @param last a request that is told too, behind those that wait */
  #terminate(condition: BoshCondition | null, last: readonly Waiting[] = []): void {
    if (this.#lastWords !== null) return;
    for (const { cancel } of this.#held) cancel();
    const early = Array.from(this.#early, ([rid, { reply }]) => ({ rid, reply }));
    const waiting: readonly Waiting[] = [...this.#held.splice(0), ...early, ...last];
    this.#early.clear();
    this.#cancelInactivity?.();
    this.#lastWords = new LastWords(condition, this.#takePending());
    for (const { rid, reply } of waiting) reply.answer(this.#lastWords.for(rid));
    this.#session.gone();
    this.#life.ended();
    this.#shared.clock.after(INACTIVITY * 1000, () => this.#life.forgotten());
  }
}
