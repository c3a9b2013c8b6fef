import { Attempt } from "./attempt.ts";
import { backoffMs } from "./backoff.ts";
import { credentialsFrom } from "./credentials.ts";
import { newEmitter } from "./emitter.ts";
import type { Ending } from "./ending.ts";
import type { Item } from "./event.ts";
import { newLadder } from "./ladder.ts";
import { listOf } from "./list-of.ts";
import { resolveOptions, type ConnectOptions } from "./options.ts";
import { longPolling, polling } from "./polling.ts";
import { publish, type Draft } from "./publish.ts";
import { newQueue } from "./queue.ts";
import { sleep } from "./sleep.ts";
import type { Sluice, State } from "./sluice.ts";
import { SluiceError } from "./sluice-error.ts";
import { sse } from "./sse.ts";
import type { Helm, Receiver, Transport, TransportName } from "./transport.ts";
import { watchWakefulness } from "./wakefulness.ts";
import { websocket } from "./websocket.ts";
import { newWishes } from "./wishes.ts";

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
 *
 * It goes in turns: each is one connection, or a rest, and can be interrupted.
 *
 * ```
 *   idle, asleep, paused ──► connecting ──► open ──┐
 *             ▲                  │                 │ cut, dead, interrupted
 *             └──── waiting ◄────┴─────────────────┘            any ──► closed
 * ```
 *
 * @throws {SluiceError} if the options are wrong
 */
export function connect<Data = unknown>(address: string | URL, options: ConnectOptions = {}): Sluice<Data> {
  const { url, types, transports, buffer, sleepAfterMs, tools, ...resolved } = resolveOptions(address, options);
  const { clock, timing } = tools;
  const who = credentialsFrom(options.token);
  const ladder = newLadder(transports, timing);
  const emitter = newEmitter();
  const deliver = (item: Item): Promise<unknown> | undefined =>
    item.gap === undefined ? emitter.emit("event", item) : emitter.emit("gap", item.gap);
  const queue = newQueue(buffer, deliver, () => emitter.has("event"));
  const topics = new Set(resolved.topics);
  const wishes = newWishes(topics);
  const life = new AbortController();
  let turn = new AbortController();
  /** Where the next connection begins: behind what has come, not what has been handed over. */
  let { start } = resolved;
  let helm: Helm | null = null;
  let state: State = "idle";
  let transport: TransportName | null = null;
  let hasOpened = false;
  let attempts = 0;
  let renewals = 0;

  const become = (next: State, error: SluiceError | null = null): void => {
    if (state === "closed" || (state === next && error === null)) return;
    state = next;
    void emitter.emit("state", { state, error });
  };

  const end = (error: SluiceError | null): void => {
    if (life.signal.aborted) return;
    life.abort();
    become("closed", error);
    wishes.deny(error ?? new SluiceError("Closed"));
    queue.close(error);
    turn.abort();
  };

  /** One connection, from its start to its end. */
  const read = (name: TransportName, receiver: Receiver, attempt: Attempt): Promise<Ending> => {
    const reading = async (): Promise<void> => {
      const token = await who.current();
      if (attempt.isOver) return;
      const ask = { url, topics: [...topics], types, start, token, credentials: options.credentials };
      await TRANSPORTS[name](ask, receiver, attempt);
      attempt.fail("cut", "The connection ended");
    };
    reading().catch((error: unknown) => attempt.fail("cut", String(error), error));
    return attempt.done;
  };

  /** Whether a transport gets through now: a connection that is let go as soon as it stands. */
  const works = async (name: TransportName, signal: AbortSignal): Promise<boolean> => {
    const probe = new Attempt(signal, tools);
    let isOpen = false;
    const opened = (): void => {
      isOpen = true;
      probe.end({ how: "stopped" });
    };
    await read(name, { opened, take: () => true, room: async () => {}, steerable: () => {} }, probe);
    return isOpen;
  };

  /** Tries better transports from time to time, beside the one in use, which goes on until one of them works. */
  const climb = async (signal: AbortSignal): Promise<void> => {
    for (let atMs = ladder.climbAtMs(); atMs !== null && !signal.aborted; atMs = ladder.climbAtMs()) {
      // One attempt after the other.
      await sleep(atMs - clock.monotonic(), signal, clock);
      for (const name of ladder.better()) {
        if (!signal.aborted && !queue.isFull() && (await works(name, signal)) && !signal.aborted) {
          ladder.climbed(name);
          turn.abort();
        }
      }
      if (!signal.aborted) ladder.stayed(clock.monotonic());
    }
  };

  /** Draws the consequence of a refusal. Whether to wait before the next attempt, if there is one. */
  const refused = async (error: SluiceError): Promise<boolean> => {
    if (error.isAboutAccess && (await who.renew())) {
      renewals += 1;
      return renewals > RENEWALS_MAX;
    }
    // The topics that were added last are the ones that are refused; without them it goes on.
    if (wishes.deny(error)) return false;
    // An address that was right once will be again.
    if (hasOpened && error.code === null && !error.isAboutAccess) return true;
    end(error);
    return false;
  };

  const ended = async (ending: Ending, wasOpen: boolean, signal: AbortSignal): Promise<void> => {
    if (ending.how === "stopped" || ending.how === "full") {
      ladder.released();
      return;
    }
    const { how, error } = ending;
    if (how === "refused") {
      if (!(await refused(error))) return;
    } else {
      if (ladder.fell(!wasOpen && error.retryAfterMs !== null ? "told" : how, clock.monotonic())) return;
      if (ladder.current() === undefined) end(error);
    }
    if (signal.aborted) return;
    become("waiting", error);
    attempts += 1;
    await sleep(backoffMs(attempts - 1, error.retryAfterMs, clock.random()), signal, clock);
  };

  const connection = async (name: TransportName, signal: AbortSignal): Promise<void> => {
    if (state !== "waiting") become("connecting");
    const attempt = new Attempt(signal, tools);
    const wished = wishes.list();
    let hasProgressed = false;
    let openedAtMs: number | null = null;
    const receiver: Receiver = {
      opened() {
        if (openedAtMs !== null) return;
        openedAtMs = clock.monotonic();
        ladder.opened(openedAtMs);
        hasOpened = true;
        renewals = 0;
        const previous = transport;
        transport = name;
        become("open");
        if (previous !== name) void emitter.emit("transport", { transport: name, previous });
        wishes.grant(wished);
        void climb(signal);
      },
      take(items, cursor, sizeBytes) {
        hasProgressed ||= items.length > 0;
        if (cursor !== null) start = { after: cursor };
        queue.put(items, cursor, sizeBytes);
        return !queue.isFull();
      },
      async room() {
        become("paused");
        await queue.room();
        if (!attempt.isOver) become("open");
      },
      steerable(given) {
        helm = given;
        // What was wished for meanwhile.
        if (wishes.list().length > 0) turn.abort();
      },
    };
    const ending = await read(name, receiver, attempt);
    helm = null;
    const hasStood = openedAtMs !== null && clock.monotonic() - openedAtMs >= timing.shortMs;
    if (hasProgressed || hasStood) attempts = 0;
    await ended(ending, openedAtMs !== null, signal);
  };

  /** Does nothing until something has changed, or `sooner` is kept. */
  const rest = async (as: State, signal: AbortSignal, sooner?: Promise<void>): Promise<void> => {
    become(as);
    const changed = new Promise((resolve) => signal.addEventListener("abort", resolve));
    await (sooner === undefined ? changed : Promise.race([sooner, changed]));
  };

  const run = async (): Promise<void> => {
    while (!life.signal.aborted) {
      turn = new AbortController();
      const { signal } = turn;
      const name = ladder.current();
      if (topics.size === 0) await rest("idle", signal);
      else if (!isAwake()) await rest("asleep", signal);
      else if (queue.isFull()) await rest("paused", signal, queue.room());
      else if (name !== undefined) await connection(name, signal);
      turn.abort();
    }
  };
  /* oxlint-enable no-await-in-loop */

  // What stands is looked after, what waits is tried, and what is asleep wakes.
  const isAwake = watchWakefulness(clock, sleepAfterMs, life.signal, () => {
    attempts = 0;
    if (helm !== null && isAwake()) helm.check();
    else if (!isAwake() || state === "asleep" || state === "waiting") turn.abort();
  });
  options.signal?.addEventListener("abort", () => end(null), { signal: life.signal });
  if (options.signal?.aborted === true) end(null);
  // Who connects can set up listeners before anything happens.
  void Promise.resolve().then(run);

  return {
    get state() {
      return state;
    },
    get transport() {
      return transport;
    },
    get cursor() {
      return queue.cursor() ?? (options.after?.includes("-") ? options.after : null);
    },
    get topics() {
      return [...topics];
    },
    on(name, listener) {
      const off = emitter.on(name, listener);
      queue.pump();
      return off;
    },
    subscribe(added) {
      if (state === "closed") return Promise.reject(new SluiceError("Closed"));
      const wish = wishes.add(listOf(added));
      if (wish.topics.length === 0) wishes.grant([wish]);
      else if (helm === null) turn.abort();
      else helm.subscribe(wish.topics, () => wishes.grant([wish]));
      return wish.settled.promise;
    },
    unsubscribe(removed) {
      const gone = listOf(removed).filter((topic) => topics.delete(topic));
      if (gone.length === 0) return;
      if (helm === null || topics.size === 0) turn.abort();
      else helm.unsubscribe(gone);
    },
    publish: (events) => publish(url, who, options.credentials, listOf<Draft>(events), tools, life.signal),
    [Symbol.asyncIterator]: () => queue.loop() as AsyncIterator<Item<Data>, undefined>,
    close: () => end(null),
  };
}
