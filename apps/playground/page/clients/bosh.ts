import { $iq, $pres, Strophe } from "strophe.js";
import { Backoff } from "./backoff.ts";
import type { OrderEvent, Reader, ReaderListener, ReaderOptions } from "./reader.ts";

const PUBSUB = "http://jabber.org/protocol/pubsub";
const RSM = "http://jabber.org/protocol/rsm";
const NODES = ["orders", "orders/**"] as const;
/** How long the gateway may hold a request: after that an empty body comes, and the next request goes. */
const WAIT_SECONDS = 10;
/** What an HTTP request in vain ends with; 0 is none at all. */
const BROKEN = [0, 502, 503, 504] as const;
/** A request that broke is sent again at once, which BOSH makes harmless. Then a new login is quicker than Strophe is. */
const BROKEN_MAX = 1;
/** Longer than any answer takes: the session is dead, though nobody has said so. */
const SILENCE_MS = (WAIT_SECONDS + 10) * 1_000;
/** Items in one answer; the gateway gives no more than these. */
const PAGE = 100;
/** Items that are remembered to tell those that come twice. */
const REMEMBERED = 2_000;
/** Live items that may wait until what was missed before them has come. */
const HELD_MAX = 2_000;

/** Strophe's types can't be found as modules are resolved here: this is as much of them as is used. */
interface StropheConnection {
  readonly jid: string;
  /** Is called with every answer. */
  rawInput: (xml: string) => void;
  addProtocolErrorHandler(protocol: "HTTP", status: number, handler: () => void): void;
  addHandler(handler: (stanza: Element) => boolean, namespace: string | null, name: string): void;
  connect(jid: string, password: string, onStatus: (status: number) => void, waitSeconds: number): void;
  disconnect(reason: string): void;
  send(stanza: Stanza): void;
  sendIQ(stanza: Stanza, onResult: (answer: Element) => void, onError: () => void): void;
}

/** A stanza that is being built: `c` adds a child and goes into it, `up` goes out again. */
interface Stanza {
  c(name: string, attributes?: Readonly<Record<string, string>>): Stanza;
  t(text: string): Stanza;
  up(): Stanza;
}

/** Where the reader of one node is. */
interface Place {
  /** That of the newest item that was handed on. */
  cursor: string;
  /** Live items that wait until what was missed before them has come; `null` when nothing is missed. */
  held: Element[] | null;
}

/** Options of {@link BoshReader}. */
export interface BoshReaderOptions extends ReaderOptions {
  /** Path of the connection manager. */
  readonly path: string;
  readonly domain: string;
  /** The PubSub service: `pubsub.example.org`. */
  readonly service: string;
}

/**
 * XMPP over BOSH, with Strophe: a chat protocol in HTTP requests that the gateway holds until there is something to tell.
 *
 * It logs in as nobody, so nobody keeps its place at the gateway: after each login it subscribes, and then asks for the
 * items behind its cursor. What comes live meanwhile waits for these. An item may come twice so; its id, the cursor, tells.
 */
export class BoshReader implements Reader {
  readonly #options: BoshReaderOptions;
  readonly #listener: ReaderListener;
  readonly #backoff = new Backoff();
  readonly #seen = new Set<string>();
  readonly #places: ReadonlyMap<string, Place>;
  #connection: StropheConnection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: BoshReaderOptions) {
    Strophe.setLogLevel(Strophe.LogLevel.FATAL);
    this.#options = options;
    this.#listener = options.listener;
    this.#places = new Map(NODES.map((node) => [node, { cursor: options.after, held: null }]));
    this.#open();
  }

  close(): void {
    clearTimeout(this.#timer);
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.disconnect("closed");
    this.#listener.state("closed");
  }

  #open(): void {
    const { url, path, domain } = this.#options;
    const connection: StropheConnection = new Strophe.Connection(url + path);
    this.#connection = connection;
    this.#listener.state("connecting");
    this.#watch(connection);
    connection.addHandler(
      (message) => {
        const isCurrent = connection === this.#connection;
        if (isCurrent) this.#takeLive(connection, message);
        return isCurrent;
      },
      null,
      "message",
    );
    connection.connect(
      domain,
      "",
      (status) => {
        if (connection !== this.#connection) return;
        if (status === Strophe.Status.CONNECTED) this.#subscribe(connection);
        else if (status === Strophe.Status.DISCONNECTED || status === Strophe.Status.CONNFAIL) this.#comeBack();
      },
      WAIT_SECONDS,
    );
  }

  /** Gives a session up that does not get through any more, or says nothing any more. */
  #watch(connection: StropheConnection): void {
    let broken = 0;
    const giveUp = (): void => {
      if (connection !== this.#connection) return;
      this.#comeBack();
      // It may be in the middle of a request.
      setTimeout(() => connection.disconnect("given up"));
    };
    const expect = (): void => {
      if (connection !== this.#connection) return;
      broken = 0;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(giveUp, SILENCE_MS);
    };
    connection.rawInput = expect;
    for (const status of BROKEN) {
      connection.addProtocolErrorHandler("HTTP", status, () => {
        broken += 1;
        if (broken > BROKEN_MAX) giveUp();
      });
    }
    expect();
  }

  #subscribe(connection: StropheConnection): void {
    connection.send($pres());
    for (const [node, place] of this.#places) {
      place.held = [];
      const subscribe = this.#ask("set").c("subscribe", { node, jid: connection.jid });
      const refused = (): void => connection.disconnect("refused");
      connection.sendIQ(subscribe, () => this.#catchUp(connection, node, place), refused);
    }
  }

  /** Asks for what was missed, a page after the other. */
  #catchUp(connection: StropheConnection, node: string, place: Place): void {
    const items = this.#ask("get").c("items", { node }).up();
    items.c("set", { xmlns: RSM }).c("max").t(String(PAGE)).up();
    items.c("after").t(place.cursor);
    connection.sendIQ(
      items,
      (answer) => {
        const missed = [...answer.getElementsByTagName("item")];
        this.#take(place, missed);
        this.#tellGap(answer);
        if (missed.length >= PAGE) return this.#catchUp(connection, node, place);
        this.#take(place, place.held ?? []);
        place.held = null;
        this.#backoff.reset();
        if ([...this.#places.values()].every(({ held }) => held === null)) this.#listener.state("open");
      },
      () => connection.disconnect("refused"),
    );
  }

  #takeLive(connection: StropheConnection, message: Element): void {
    this.#tellGap(message);
    const place = this.#places.get(message.getElementsByTagName("items")[0]?.getAttribute("node") ?? "");
    if (place === undefined) return;
    const items = message.getElementsByTagName("item");
    if (place.held === null) this.#take(place, items);
    else if (place.held.push(...items) > HELD_MAX) connection.disconnect("too much at once");
  }

  #ask(type: "get" | "set"): Stanza {
    const iq: Stanza = $iq({ type, to: this.#options.service });
    return iq.c("pubsub", { xmlns: PUBSUB });
  }

  #take(place: Place, items: Iterable<Element>): void {
    for (const item of items) {
      const cursor = item.getAttribute("id") ?? "";
      const event = JSON.parse(item.textContent) as OrderEvent;
      if (this.#seen.has(cursor)) {
        this.#listener.repeated(event);
        continue;
      }
      place.cursor = cursor;
      this.#remember(cursor);
      this.#listener.event(event);
    }
  }

  #tellGap(stanza: Element): void {
    if (stanza.getElementsByTagName("gap").length > 0) this.#listener.gap();
  }

  #remember(cursor: string): void {
    this.#seen.add(cursor);
    const [oldest] = this.#seen;
    if (this.#seen.size > REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
  }

  #comeBack(): void {
    this.#connection = undefined;
    this.#listener.state("waiting");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), this.#backoff.nextMs());
  }
}
