import { hash } from "node:crypto";
import { Allowance } from "../session/allowance.ts";
import { boshBody, boshCondition, terminateBody, type BoshCondition } from "./bosh-body.ts";
import type { Channel } from "../session/channel.ts";
import { NS } from "../xml/namespaces.ts";
import { Session } from "../session/session.ts";
import type { Shared } from "../session/shared.ts";
import type { XmlNode } from "../xml/xml-node.ts";

/** A request that can be answered. */
export interface BoshReply {
  /** At most once. */
  answer(body: Buffer): void;
  /** Whether the client has gone away. */
  readonly isGone: boolean;
}

/** What a session was created with. */
export interface BoshTerms {
  readonly sid: string;
  readonly rid: number;
  /** Seconds. */
  readonly wait: number;
  readonly hold: number;
  readonly isSecure: boolean;
}

/** Who is told when a session comes to its end. */
export interface BoshLife {
  /** Nothing is sent or taken any more. */
  ended(): void;
  /** Nobody needs to be told why any more. */
  forgotten(): void;
}

/** Seconds without a request after which a session is given up, and how far a client may stretch that. */
export const INACTIVITY: number = 60;
export const MAX_PAUSE: number = 120;
/** Seconds between two empty requests of a client that polls. */
export const POLLING: number = 2;
const FULL_BYTES = 64 * 1024;
const RESTART = `${NS.xbosh} restart`;

interface Held {
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
  readonly declaration: string = ` xmlns="${NS.client}"`;
  readonly isSecure: boolean;
  readonly #shared: Shared;
  readonly #terms: BoshTerms;
  readonly #session: Session;
  readonly #allowance: Allowance;
  readonly #life: BoshLife;
  readonly #early = new Map<number, { readonly body: XmlNode; readonly reply: BoshReply }>();
  readonly #held: Held[] = [];
  /** Answers, by rid, with what had been sent by then. */
  readonly #answers = new Map<number, { readonly body: Buffer; readonly sent: number }>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #nextRid: number;
  #created: Readonly<Record<string, string | undefined>> | null;
  #key: string | null = null;
  /** What every request is answered with once the session has ended. */
  #final: Buffer | null = null;
  #inactivity = INACTIVITY;
  #cancelInactivity: (() => void) | null = null;
  #isFlushing = false;

  /** @param created what the answer to the first request says of the session */
  constructor(shared: Shared, terms: BoshTerms, created: Readonly<Record<string, string | undefined>>, life: BoshLife) {
    this.#shared = shared;
    this.#terms = terms;
    this.isSecure = terms.isSecure;
    this.#created = created;
    this.#nextRid = terms.rid;
    this.#life = life;
    this.#allowance = new Allowance(() => shared.limits().messagesPerSecond, shared.clock);
    this.#session = new Session(shared, this);
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
    if (this.#final !== null) return reply.answer(this.#final);
    const known = this.#answers.get(rid);
    if (known !== undefined) return reply.answer(known.body);
    const held = this.#held.find((one) => one.rid === rid);
    if (held !== undefined) {
      held.reply.answer(boshBody({}, []));
      held.reply = reply;
      this.#watch();
      return undefined;
    }
    if (rid < this.#nextRid || rid >= this.#nextRid + this.#requests) return this.#fail("item-not-found", reply);
    if (!this.#allowance.take()) return this.#fail("policy-violation", reply);
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

  /** The client of a request has gone away before it was answered. */
  lost(): void {
    this.#watch();
  }

  isOpening(): boolean {
    return true;
  }

  open(): void {
    // The answer to the first request says it all; a restart has no answer of its own.
  }

  write(elements: readonly Buffer[]): boolean {
    if (this.#final !== null) return false;
    for (const element of elements) {
      this.#pending.push(element);
      this.#pendingBytes += element.length;
    }
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
  }

  destroy(): void {
    this.#terminate("system-shutdown");
  }

  #work(body: XmlNode, rid: number, reply: BoshReply): void {
    if (this.#final !== null) return reply.answer(this.#final);
    if (!this.#hasKey(body)) return this.#fail("item-not-found", reply);
    this.#confirm(body, rid);
    this.#session.heard();
    const cancel = this.#shared.clock.after(this.#terms.wait * 1000, () => this.#answerThrough(rid));
    this.#held.push({ rid, reply, cancel });
    const isFirst = this.#answers.size === 0 && rid === this.#terms.rid;
    if (isFirst || body.attribute(RESTART) === "true") this.#session.opened(body);
    for (const child of body.children) this.#session.received(child);
    if (body.attribute("type") === "terminate") {
      this.#session.closed();
      return undefined;
    }
    const pause = Number(body.attribute("pause") ?? Number.NaN);
    this.#inactivity = pause >= 1 && pause <= MAX_PAUSE ? pause : INACTIVITY;
    if (this.#inactivity !== INACTIVITY || body.attribute("pause") !== undefined) this.#answerThrough(rid);
    else if (this.#terms.hold === 0) this.#flushSoon();
    while (this.#held.length > this.#terms.hold && this.#terms.hold > 0) this.#answerOldest();
    if (this.#pending.length > 0) this.#flushSoon();
    return undefined;
  }

  /** What a request says of answers that have arrived: its `ack`, or that it could be sent at all. */
  #confirm(body: XmlNode, rid: number): void {
    const ack = Number(body.attribute("ack") ?? Number.NaN);
    const through = Number.isSafeInteger(ack) && ack < rid ? Math.max(ack, rid - this.#requests) : rid - this.#requests;
    for (const [answered, { sent }] of this.#answers) {
      if (answered > through) break;
      this.#session.arrived(sent);
      if (answered < rid - this.#requests) this.#answers.delete(answered);
    }
  }

  /** Key sequencing (XEP-0124 §15): each request shows what the key of the one before was made of. */
  #hasKey(body: XmlNode): boolean {
    const [key, next] = [body.attribute("key"), body.attribute("newkey")];
    if (this.#key !== null && (key === undefined || hash("sha1", key) !== this.#key)) return false;
    if (next !== undefined) this.#key = next;
    else if (this.#key !== null && key !== undefined) this.#key = key;
    return true;
  }

  /** What is sent in the same turn goes in one body. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      if (this.#final !== null) return;
      if (this.#held.length > 0 && (this.#pending.length > 0 || this.#terms.hold === 0)) this.#answerOldest();
    });
  }

  #answerThrough(rid: number): void {
    while (this.#held[0] !== undefined && this.#held[0].rid <= rid) this.#answerOldest();
  }

  #answerOldest(): void {
    const held = this.#held.shift();
    if (held === undefined) return;
    held.cancel();
    const highest = this.#nextRid - 1;
    const ack = highest > held.rid ? String(highest) : undefined;
    const body = boshBody({ ack, ...this.#created }, this.#pending);
    this.#created = null;
    const wasFull = this.isBacklogged;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#answers.set(held.rid, { body, sent: this.#session.sent });
    held.reply.answer(body);
    this.#watch();
    if (wasFull) this.#session.drained();
  }

  /** A session that nobody asks for any more ends without a word. */
  #watch(): void {
    this.#cancelInactivity?.();
    this.#cancelInactivity = null;
    if (this.#final !== null || this.#held.some(({ reply }) => !reply.isGone)) return;
    this.#cancelInactivity = this.#shared.clock.after(this.#inactivity * 1000, () => this.#terminate(null));
  }

  #fail(condition: BoshCondition, reply: BoshReply): void {
    this.#shared.meter.refused("xmpp", condition);
    this.#terminate(condition);
    reply.answer(this.#final ?? terminateBody(condition));
  }

  #terminate(condition: BoshCondition | null): void {
    if (this.#final !== null) return;
    this.#final = terminateBody(condition, this.#pending);
    this.#cancelInactivity?.();
    for (const { reply, cancel } of this.#held.splice(0)) {
      cancel();
      reply.answer(this.#final);
    }
    for (const { reply } of this.#early.values()) reply.answer(this.#final);
    this.#early.clear();
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#session.gone();
    this.#life.ended();
    // Whoever comes late is told why.
    this.#shared.clock.after(INACTIVITY * 1000, () => this.#life.forgotten());
  }
}
