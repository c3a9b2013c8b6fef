import { backoffMs } from "./backoff.ts";
import { Credentials } from "./credentials.ts";
import { Emitter } from "./emitter.ts";
import type { Item } from "./event.ts";
import { Ladder } from "./ladder.ts";
import { resolveOptions, type ConnectOptions, type Resolved } from "./options.ts";
import { longPolling, polling } from "./polling.ts";
import { publish, type Draft, type Receipt } from "./publish.ts";
import { Queue } from "./queue.ts";
import { sleep } from "./sleep.ts";
import type { Sluice, SluiceListeners, State } from "./sluice.ts";
import { SluiceError } from "./sluice-error.ts";
import { sse } from "./sse.ts";
import type { Ask, CookieMode, Ending, Helm, Receiver, Start, Transport, TransportName } from "./transport.ts";
import { Wakefulness } from "./wakefulness.ts";
import { websocket } from "./websocket.ts";

const TRANSPORTS: Readonly<Record<TransportName, Transport>> = {
  websocket,
  sse,
  "long-polling": longPolling,
  polling,
};

/** Tokens in a row that may be refused without a wait between them. */
const RENEWALS_MAX = 1;

/**
 * Reads topics from a Sluice gateway, by the best transport that works, until it is closed.
 * @throws {SluiceError} if the options are wrong
 */
export function connect<Data = unknown>(url: string | URL, options: ConnectOptions = {}): Sluice<Data> {
  return new Client<Data>(url, options);
}

/** A `subscribe` that has not taken effect. */
interface Wish {
  readonly topics: readonly string[];
  readonly settled: PromiseWithResolvers<void>;
}

/**
 * One turn after the other: each is one connection, or a wait, and can be interrupted.
 *
 * ```
 *   idle, asleep, paused ──► connecting ──► open ──┐
 *             ▲                  │                 │ cut, dead, interrupted
 *             └──── waiting ◄────┴─────────────────┘            any ──► closed
 * ```
 */
class Client<Data> implements Sluice<Data> {
  readonly #options: Resolved;
  readonly #cookies: CookieMode | undefined;
  readonly #credentials: Credentials;
  readonly #ladder: Ladder;
  readonly #emitter = new Emitter();
  readonly #queue: Queue;
  readonly #life = new AbortController();
  readonly #wakefulness: Wakefulness;
  readonly #topics: Set<string>;
  #wishes: Wish[] = [];
  /** Where the next connection begins: behind what has come, not what has been handed over. */
  #start: Start;
  #turn = new AbortController();
  #helm: Helm | null = null;
  #state: State = "idle";
  #transport: TransportName | null = null;
  #hasOpened = false;
  #attempts = 0;
  #renewals = 0;

  constructor(url: string | URL, options: ConnectOptions) {
    this.#options = resolveOptions(url, options);
    this.#cookies = options.credentials;
    this.#credentials = new Credentials(options.token);
    const { buffer, sleepAfterMs, start, tools, topics, transports } = this.#options;
    this.#ladder = new Ladder(transports, tools.timing);
    this.#start = start;
    this.#topics = new Set(topics);
    this.#queue = new Queue(
      buffer,
      (item) => this.#deliver(item),
      () => this.#emitter.has("event"),
    );
    this.#wakefulness = new Wakefulness(tools.clock, sleepAfterMs, (isAwake) => this.#woken(isAwake));
    options.signal?.addEventListener("abort", () => this.close());
    if (options.signal?.aborted === true) this.close();
    void this.#run();
  }

  get state(): State {
    return this.#state;
  }

  get transport(): TransportName | null {
    return this.#transport;
  }

  get cursor(): string | null {
    const { start } = this.#options;
    return this.#queue.cursor ?? ("after" in start && /-/.test(start.after) ? start.after : null);
  }

  get topics(): readonly string[] {
    return [...this.#topics];
  }

  on<Name extends keyof SluiceListeners<Data>>(name: Name, listener: SluiceListeners<Data>[Name]): () => void {
    const off = this.#emitter.on(name, listener);
    this.#queue.pump();
    return off;
  }

  subscribe(topics: string | readonly string[]): Promise<void> {
    const added = listOf(topics).filter((topic) => !this.#topics.has(topic));
    if (added.length === 0) return Promise.resolve();
    if (this.#state === "closed") return Promise.reject(new SluiceError("The client is closed"));
    for (const topic of added) this.#topics.add(topic);
    const wish: Wish = { topics: added, settled: Promise.withResolvers() };
    // Who does not look at the answer is not to be punished for a refusal.
    wish.settled.promise.catch(() => undefined);
    this.#wishes.push(wish);
    if (this.#helm === null) this.#turn.abort();
    else this.#helm.subscribe(added, () => this.#granted([wish]));
    return wish.settled.promise;
  }

  unsubscribe(topics: string | readonly string[]): void {
    const removed = listOf(topics).filter((topic) => this.#topics.delete(topic));
    if (removed.length === 0) return;
    if (this.#helm === null || this.#topics.size === 0) this.#turn.abort();
    else this.#helm.unsubscribe(removed);
  }

  publish(events: Draft | readonly Draft[]): Promise<readonly Receipt[]> {
    const { url, tools } = this.#options;
    const drafts = Array.isArray(events) ? (events as readonly Draft[]) : [events as Draft];
    const from = { url, credentials: this.#credentials, cookies: this.#cookies };
    return publish(from, drafts, tools, this.#life.signal);
  }

  [Symbol.asyncIterator](): AsyncIterator<Item<Data>, undefined> {
    return this.#queue.loop() as AsyncIterator<Item<Data>, undefined>;
  }

  close(): void {
    this.#end(null);
  }

  // Turns follow each other.
  /* oxlint-disable no-await-in-loop */
  async #run(): Promise<void> {
    while (!this.#life.signal.aborted) {
      this.#turn = new AbortController();
      const { signal } = this.#turn;
      if (this.#topics.size === 0) await this.#rest("idle", signal);
      else if (!this.#wakefulness.isAwake) await this.#rest("asleep", signal);
      else if (this.#queue.isFull) await this.#rest("paused", signal);
      else await this.#connect(signal);
      this.#turn.abort();
    }
  }
  /* oxlint-enable no-await-in-loop */

  /** Does nothing until something has changed. */
  #rest(state: State, signal: AbortSignal): Promise<unknown> {
    this.#become(state);
    const interrupted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    return state === "paused" ? Promise.race([this.#queue.room(), interrupted]) : interrupted;
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const name = this.#ladder.current;
    if (name === null) return;
    if (this.#state !== "waiting") this.#become("connecting");
    const wishes = [...this.#wishes];
    let hasProgressed = false;
    let openedAtMs: number | null = null;
    let isOver = false;
    const receiver: Receiver = {
      opened: () => {
        if (openedAtMs !== null || isOver) return;
        openedAtMs = this.#nowMs;
        this.#opened(name, wishes, signal);
      },
      take: (items, cursor, sizeBytes) => {
        if (isOver) return true;
        hasProgressed ||= items.length > 0;
        if (cursor !== null) this.#start = { after: cursor };
        this.#queue.put(items, cursor, sizeBytes);
        return !this.#queue.isFull;
      },
      room: async () => {
        this.#become("paused");
        await Promise.race([this.#queue.room(), new Promise((resolve) => signal.addEventListener("abort", resolve))]);
        if (!isOver && !signal.aborted) this.#become("open");
      },
      steerable: (helm) => {
        this.#helm = helm;
        // What was wished for meanwhile.
        if (this.#wishes.length > 0) this.#turn.abort();
      },
    };
    const ending = await this.#read(name, receiver, signal);
    isOver = true;
    this.#helm = null;
    const hasStood = openedAtMs !== null && this.#nowMs - openedAtMs >= this.#options.tools.timing.shortMs;
    if (hasProgressed || hasStood) this.#attempts = 0;
    await this.#ended(ending, openedAtMs !== null, signal);
  }

  /** One connection, from its start to its end. */
  async #read(name: TransportName, receiver: Receiver, signal: AbortSignal): Promise<Ending> {
    let token: string | null;
    try {
      token = await this.#credentials.current();
    } catch (error) {
      return { how: "cut", error: new SluiceError("There is no token to be had", 0, null, error), toldMs: 0 };
    }
    if (signal.aborted) return { how: "stopped" };
    const { url, types, tools } = this.#options;
    const ask: Ask = { url, topics: this.topics, types, start: this.#start, token, credentials: this.#cookies };
    return TRANSPORTS[name](ask, receiver, signal, tools);
  }

  #opened(name: TransportName, wishes: readonly Wish[], signal: AbortSignal): void {
    this.#ladder.opened(this.#nowMs);
    this.#hasOpened = true;
    this.#renewals = 0;
    const previous = this.#transport;
    this.#transport = name;
    this.#become("open");
    if (previous !== name) void this.#emitter.emit("transport", { transport: name, previous });
    this.#granted(wishes);
    void this.#climb(signal);
  }

  /** Tries better transports from time to time, beside the one in use, which goes on until one of them works. */
  async #climb(signal: AbortSignal): Promise<void> {
    for (let atMs = this.#ladder.climbAtMs; atMs !== null; atMs = this.#ladder.climbAtMs) {
      // One attempt after the other.
      /* oxlint-disable no-await-in-loop */
      await sleep(atMs - this.#nowMs, signal, this.#options.tools.clock);
      for (const name of this.#ladder.better) {
        if (signal.aborted || this.#queue.isFull) break;
        if (await this.#works(name, signal)) {
          if (signal.aborted) return;
          this.#ladder.climbed(name);
          this.#turn.abort();
          return;
        }
      }
      if (signal.aborted) return;
      this.#ladder.stayed(this.#nowMs);
    }
  }

  /** Whether a transport gets through now: a connection that is let go as soon as it stands. */
  async #works(name: TransportName, signal: AbortSignal): Promise<boolean> {
    const probe = new AbortController();
    const stop = (): void => probe.abort();
    signal.addEventListener("abort", stop);
    let isOpen = false;
    const receiver: Receiver = {
      opened: () => {
        isOpen = true;
        stop();
      },
      take: () => true,
      room: () => Promise.resolve(),
      steerable: () => undefined,
    };
    await this.#read(name, receiver, probe.signal);
    signal.removeEventListener("abort", stop);
    return isOpen;
  }

  async #ended(ending: Ending, wasOpen: boolean, signal: AbortSignal): Promise<void> {
    if (ending.how === "stopped" || ending.how === "full") {
      this.#ladder.released();
      return;
    }
    const { error } = ending;
    let toldMs = ending.how === "cut" ? (ending.toldMs ?? null) : null;
    let isAtOnce = false;
    if (ending.how === "refused") {
      if (error.isAboutAccess && (await this.#hasNewToken())) {
        this.#renewals += 1;
        isAtOnce = this.#renewals <= RENEWALS_MAX;
      } else if (this.#wishes.length > 0) {
        this.#denied(error);
        return;
      } else if (error.status === 404 && error.code === null && this.#hasOpened) {
        toldMs = 0;
      } else {
        this.#end(error);
        return;
      }
    } else {
      const fall =
        ending.how === "cut" ? (!wasOpen && toldMs !== null ? "told" : "cut") : ending.how === "off" ? "off" : "bad";
      isAtOnce = this.#ladder.fell(fall, this.#nowMs);
      if (this.#ladder.current === null) this.#end(error);
    }
    if (isAtOnce || signal.aborted) return;
    this.#become("waiting", error);
    const { clock } = this.#options.tools;
    const waitMs = backoffMs(this.#attempts, toldMs, clock.random());
    this.#attempts += 1;
    await sleep(waitMs, signal, clock);
  }

  async #hasNewToken(): Promise<boolean> {
    try {
      return await this.#credentials.renew();
    } catch {
      // Whoever gives the tokens may be back later: the old one is tried again, and refused, after a wait.
      this.#renewals += 1;
      return true;
    }
  }

  #granted(wishes: readonly Wish[]): void {
    this.#wishes = this.#wishes.filter((wish) => !wishes.includes(wish));
    for (const wish of wishes) wish.settled.resolve();
  }

  /** The topics that were added last are the ones that are refused; without them it goes on. */
  #denied(error: SluiceError): void {
    for (const { topics, settled } of this.#wishes.splice(0)) {
      for (const topic of topics) this.#topics.delete(topic);
      settled.reject(error);
    }
  }

  #woken(isAwake: boolean): void {
    this.#attempts = 0;
    if (isAwake && this.#state === "open") this.#helm?.check();
    else if (!isAwake || this.#state !== "connecting") this.#turn.abort();
  }

  #deliver(item: Item): unknown {
    return item.gap === undefined ? this.#emitter.emit("event", item) : this.#emitter.emit("gap", item.gap);
  }

  #become(state: State, error: SluiceError | null = null): void {
    if (this.#state === "closed" || (this.#state === state && error === null)) return;
    this.#state = state;
    void this.#emitter.emit("state", { state, error });
  }

  #end(error: SluiceError | null): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#wakefulness.close();
    this.#become("closed", error);
    this.#denied(error ?? new SluiceError("The client was closed"));
    this.#queue.close(error);
    this.#turn.abort();
  }

  get #nowMs(): number {
    return this.#options.tools.clock.monotonic();
  }
}

function listOf(topics: string | readonly string[]): readonly string[] {
  return typeof topics === "string" ? [topics] : topics;
}
