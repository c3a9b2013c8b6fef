import type { Clock, Logger } from "@sluice/core";
import type { Element } from "ltx";
import type { XmlNode } from "../xml/xml-node.ts";
import { Backoff } from "./backoff.ts";
import { ComponentStream, type ComponentAddress, type StreamEnd, type StreamHandler } from "./component-stream.ts";
import { Outstanding, type OutstandingLimits } from "./outstanding.ts";
import { Questions } from "./questions.ts";

/** What comes of a link. */
export interface LinkHandler {
  joined(): void;
  received(stanza: XmlNode): void;
  /** There is room for items again. */
  drained(): void;
  parted(): void;
}

/** What a link is like, for operators. */
export interface LinkFigures {
  /** `refused`: the server is there and does not want us. */
  readonly state: "joined" | "connecting" | "refused" | "left";
  /** How the last stream ended: a condition of XMPP or of the system; `null` while joined, and before the first. */
  readonly detail: string | null;
  /** Streams so far, by what became of them. */
  readonly streams: Readonly<Record<StreamEnd["kind"] | "joined", number>>;
}

/** What may be on its way through the server at once, to all devices together. */
const LIMITS: OutstandingLimits = {
  stanzas: 2000,
  bytes: 1024 * 1024,
  askStanzas: 500,
  askBytes: 256 * 1024,
  askMs: 1000,
};
/** A link on which nothing was asked for so long is asked whether it is there; for as long again it may say nothing. */
const WATCH_MS = 30_000;
/** A link that has held for so long is a good one. */
const STEADY_MS = 10_000;

/** What can be done about a refusal. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  ["not-authorized", "the secret or the domain is not as in the server's configuration"],
  ["host-unknown", "the server's configuration has no component of that domain"],
  ["invalid-namespace", "it does not take components on that port"],
  ["conflict", "another one has joined as that component already"],
]);

/**
 * The link to the user's server: comes back by itself as long as it is wanted. While it is down there is no room, and what
 * is sent is lost.
 */
export class ComponentLink implements StreamHandler {
  /** Whom to ask how far the link itself has got. */
  readonly serverJid: string;
  readonly #address: ComponentAddress;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #handler: LinkHandler;
  readonly #backoff: Backoff;
  readonly #questions: Questions;
  readonly #streams: Record<StreamEnd["kind"] | "joined", number> = {
    joined: 0,
    unreachable: 0,
    refused: 0,
    broken: 0,
  };
  #outstanding: Outstanding;
  #stream: ComponentStream | null = null;
  #state: LinkFigures["state"] = "connecting";
  #end: StreamEnd | null = null;
  #joinedAtMs = 0;
  #cancelRetry: (() => void) | null = null;
  #stopWatch: (() => void) | null = null;
  #onLeft: (() => void) | null = null;

  /** @param host of the server; asked how far the link has got */
  constructor(
    address: ComponentAddress,
    host: string,
    parts: { readonly clock: Clock; readonly logger: Logger },
    handler: LinkHandler,
  ) {
    this.#address = address;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#handler = handler;
    // Where the component is not of that host, its own address does: the server sends the question back.
    this.serverJid = address.domain.endsWith(`.${host}`) ? host : address.domain;
    this.#backoff = new Backoff(parts.clock);
    this.#questions = new Questions(address.domain, (stanza) => this.#stream?.write([Buffer.from(stanza.toString())]));
    this.#outstanding = this.#createOutstanding();
  }

  get figures(): LinkFigures {
    return {
      state: this.#state,
      detail: this.#state === "joined" ? null : (this.#end?.detail ?? null),
      streams: { ...this.#streams },
    };
  }

  /** Whether more items may be sent now. */
  get hasRoom(): boolean {
    return this.hasRoomAfter(0, 0);
  }

  /** Whether more may be sent when so much has been. */
  hasRoomAfter(stanzas: number, bytes: number): boolean {
    const isFull = this.#outstanding.isFullWith(stanzas, bytes);
    return this.#state === "joined" && !isFull && this.#stream?.hasRoom === true;
  }

  connect(): void {
    this.#cancelRetry = null;
    this.#stream = new ComponentStream(this.#address, this.#clock, this);
  }

  /** Ends the link for good. Resolves when the connection is closed. */
  leave(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#cancelRetry?.();
    this.#state = "left";
    if (this.#stream === null) resolve();
    else {
      this.#onLeft = resolve;
      this.#stream.leave();
    }
    return promise;
  }

  /** Sends items. */
  send(stanzas: readonly Buffer[]): void {
    this.#stream?.write(stanzas);
    this.#outstanding.add(
      stanzas.length,
      stanzas.reduce((sum, { length }) => sum + length, 0),
    );
  }

  /** Sends another stanza. */
  put(stanza: Element): void {
    if (this.#state === "joined") this.send([Buffer.from(stanza.toString())]);
  }

  /** Pings somebody; any answer is told, and the question can be withdrawn. */
  ask(to: string, heard: (answer: XmlNode) => void): () => void {
    return this.#questions.ask(to, heard);
  }

  // What the stream tells.

  joined(): void {
    this.#state = "joined";
    this.#streams.joined += 1;
    this.#joinedAtMs = this.#clock.monotonic();
    this.#outstanding = this.#createOutstanding();
    this.#stopWatch = this.#clock.every(WATCH_MS, () => this.#watch());
    this.#logger.info(
      { service: this.#service, domain: this.#address.domain },
      "joined the XMPP server as a component",
    );
    this.#handler.joined();
  }

  received(stanza: XmlNode): void {
    const type = stanza.attribute("type");
    const isOwn = stanza.attribute("from") === this.#address.domain;
    // A question to our own address comes back as it is: that answers it.
    if (stanza.name === "iq" && (type === "result" || type === "error" || isOwn)) this.#questions.answered(stanza);
    else this.#handler.received(stanza);
  }

  drained(): void {
    this.#handler.drained();
  }

  ended(end: StreamEnd): void {
    const wasJoined = this.#stopWatch !== null;
    this.#stream = null;
    this.#stopWatch?.();
    this.#stopWatch = null;
    this.#outstanding.stop();
    this.#questions.clear();
    if (wasJoined) this.#handler.parted();
    if (this.#state === "left") return this.#onLeft?.();
    this.#streams[end.kind] += 1;
    // Once for each reason, not for each attempt.
    if (wasJoined || end.kind !== this.#end?.kind || end.detail !== this.#end.detail) this.#tell(end);
    this.#end = end;
    this.#state = end.kind === "refused" ? "refused" : "connecting";
    // One that lasted is followed by another soon; one that was let in and thrown out again is not.
    if (wasJoined && this.#clock.monotonic() - this.#joinedAtMs >= STEADY_MS) this.#backoff.reset();
    this.#cancelRetry = this.#clock.after(this.#backoff.next(), () => this.connect());
    return undefined;
  }

  get #service(): string {
    return `xmpp://${this.#address.host}:${this.#address.port}`;
  }

  #tell({ kind, detail }: StreamEnd): void {
    const fields = { service: this.#service, domain: this.#address.domain, reason: detail };
    const remedy = REMEDIES.get(detail);
    if (kind === "refused") {
      this.#logger.error(fields, `the XMPP server refuses the component${remedy === undefined ? "" : `: ${remedy}`}`);
    } else if (kind === "unreachable") {
      this.#logger.warn(fields, "the XMPP server can't be reached; it is tried again until it can");
    } else {
      this.#logger.warn(fields, "the link to the XMPP server broke; subscribers go on when it is back");
    }
  }

  #createOutstanding(): Outstanding {
    const outstanding: Outstanding = new Outstanding(LIMITS, this.#clock, () => {
      this.#questions.ask(this.serverJid, () => {
        outstanding.confirm();
        this.#handler.drained();
      });
    });
    return outstanding;
  }

  /** A server that has gone without a word is found out. */
  #watch(): void {
    if (this.#outstanding.isOverdue(WATCH_MS)) this.#stream?.fail("no-answer");
    else this.#outstanding.ask();
  }
}
