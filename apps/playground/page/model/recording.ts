import type { Arrow } from "../../src/stage/stage-protocol.ts";

/** A request, and what became of it. */
export interface Exchange {
  readonly request: Arrow;
  response: Arrow | null;
  /** The response goes on until the connection ends: an event stream, or a WebSocket. */
  isStream: boolean;
  /** When the answer began, or the connection ended; `null`: it is waited for. */
  endedAt: number | null;
  isWasted: boolean;
}

/** A connection from its beginning to its end. */
export interface Connection {
  readonly openedAt: number;
  closedAt: number | null;
}

/** What has gone over a lane, in numbers. */
export interface Traffic {
  readonly requests: number;
  readonly wasted: number;
  readonly upBytes: number;
  readonly downBytes: number;
}

const NO_TRAFFIC = { requests: 0, wasted: 0, upBytes: 0, downBytes: 0 };
/** Arrows that are remembered per lane: some minutes of hard polling. */
const REMEMBERED = 5_000;
const CONNECTIONS_REMEMBERED = 500;
/** Heads that announce a stream. */
const STREAM_HEAD = /^HTTP\/1\.1 (?:101 |200 [^]*?\r?\ncontent-type: *text\/event-stream)/i;
/** An event in the bytes, with the first of its members; in XML the quotes may be escaped. */
const EVENT = /\{(?:"|&quot;)id(?:"|&quot;):(?:"|&quot;)([\w-]+)(?:"|&quot;),(?:"|&quot;)topic/g;

/** All that a lane's tap has seen, within bounds. */
export class Recording {
  /** By the time of their end. */
  readonly #arrows: Arrow[] = [];
  readonly #exchanges = new Map<number, Exchange>();
  readonly #connections = new Map<number, Connection>();
  readonly #eventIds = new Map<number, readonly string[]>();
  #traffic = { ...NO_TRAFFIC };

  get arrows(): readonly Arrow[] {
    return this.#arrows;
  }

  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  get traffic(): Traffic {
    return this.#traffic;
  }

  /** Counts anew from here; the arrows stay. */
  resetTraffic(): void {
    this.#traffic = { ...NO_TRAFFIC };
  }

  /** The exchange that an arrow is the request or the response of. */
  exchangeOf(arrow: Arrow): Exchange | undefined {
    const exchange = this.#exchanges.get(arrow.what === "request" ? arrow.number : (arrow.answerTo ?? -1));
    return exchange?.request === arrow || exchange?.response === arrow ? exchange : undefined;
  }

  exchanges(): Iterable<Exchange> {
    return this.#exchanges.values();
  }

  /** Ids of the events in an arrow's bytes, as far as they were kept. */
  eventIdsOf(arrow: Arrow): readonly string[] {
    return this.#eventIds.get(arrow.number) ?? [];
  }

  take(arrow: Arrow): void {
    this.#count(arrow);
    this.#insert(arrow);
    const ids = [...arrow.text.matchAll(EVENT)].map(([, id]) => id as string);
    if (ids.length > 0) this.#eventIds.set(arrow.number, ids);
    const { what, number, connection, beganAt, answerTo } = arrow;
    if (what === "close") this.#close(connection, beganAt);
    // What begins with something else was open before anybody looked.
    else if (!this.#connections.has(connection)) {
      this.#connections.set(connection, { openedAt: beganAt, closedAt: null });
    }
    if (what === "request") {
      this.#exchanges.set(number, { request: arrow, response: null, isStream: false, endedAt: null, isWasted: false });
    } else if (answerTo !== null) this.#answer(answerTo, arrow);
    this.#trim();
  }

  #count({ what, from, bytes, isWasted }: Arrow): void {
    const traffic = this.#traffic;
    if (what === "request") traffic.requests += 1;
    if (isWasted) traffic.wasted += 1;
    if (from === "client") traffic.upBytes += bytes;
    else traffic.downBytes += bytes;
  }

  /** Nearly always at the end. */
  #insert(arrow: Arrow): void {
    let index = this.#arrows.length;
    while (index > 0 && (this.#arrows[index - 1] as Arrow).endedAt > arrow.endedAt) index -= 1;
    this.#arrows.splice(index, 0, arrow);
  }

  /** The first thing that answers a request is its response; what comes behind it belongs to a stream. */
  #answer(number: number, response: Arrow): void {
    const exchange = this.#exchanges.get(number);
    if (exchange === undefined || exchange.response !== null) return;
    exchange.response = response;
    exchange.isStream = STREAM_HEAD.test(response.text);
    exchange.isWasted = response.isWasted;
    if (!exchange.isStream) exchange.endedAt = response.beganAt;
  }

  #close(connection: number, at: number): void {
    const known = this.#connections.get(connection);
    if (known !== undefined) known.closedAt ??= at;
    for (const exchange of this.#exchanges.values()) {
      if (exchange.request.connection === connection) exchange.endedAt ??= at;
    }
  }

  #trim(): void {
    if (this.#arrows.length > REMEMBERED) {
      const gone = this.#arrows.shift() as Arrow;
      this.#eventIds.delete(gone.number);
      const exchange = this.#exchanges.get(gone.number);
      // What is still waited for is still shown.
      if (exchange !== undefined && exchange.endedAt !== null) this.#exchanges.delete(gone.number);
    }
    if (this.#connections.size > CONNECTIONS_REMEMBERED) {
      this.#connections.delete(this.#connections.keys().next().value as number);
    }
  }
}
