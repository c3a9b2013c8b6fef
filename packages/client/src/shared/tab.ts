import { credentialsFrom } from "../credentials.ts";
import { newEmitter } from "../emitter.ts";
import type { Item } from "../event.ts";
import { listOf } from "../list-of.ts";
import { resolveOptions, type ConnectOptions } from "../options.ts";
import { publish, type Draft } from "../publish.ts";
import { newQueue } from "../queue.ts";
import type { Sluice, State } from "../sluice.ts";
import { SluiceError } from "../sluice-error.ts";
import type { TransportName } from "../transport.ts";
import { newWishes } from "../wishes.ts";
import { catchUp } from "./catch-up.ts";
import { matchesAny } from "./filters.ts";
import { lead } from "./leader.ts";
import { errorFrom, type LeaderMessage, type TabMessage } from "./messages.ts";
import { newSeam, type Seam } from "./seam.ts";

/** The part of Web Locks that is used. */
export interface Locks {
  request(name: string, options: { readonly signal: AbortSignal }, callback: () => Promise<void>): Promise<void>;
}

/**
 * One tab of a group that shares a connection. It knows its own place in the log. Who holds the connection tells it what
 * is new; what it has missed, before it came, while nobody held the connection, or while it could not keep up, it reads
 * by itself.
 *
 * ```
 *   hello ──► welcome ──► reading what was missed ──► told
 *     ▲                                                │ another leader, full
 *     └────────────────────────────────────────────────┘
 * ```
 */
export function joinGroup<Data>(
  address: string | URL,
  options: ConnectOptions,
  groupName: string,
  locks: Locks,
): Sluice<Data> {
  const { url, types, buffer, tools, ...resolved } = resolveOptions(address, options);
  const { credentials } = options;
  const who = credentialsFrom(options.token);
  const emitter = newEmitter();
  const deliver = (item: Item): Promise<unknown> | undefined =>
    item.gap === undefined ? emitter.emit("event", item) : emitter.emit("gap", item.gap);
  const queue = newQueue(buffer, deliver, () => emitter.has("event"));
  const topics = new Set(resolved.topics);
  const wishes = newWishes(topics);
  const life = new AbortController();
  const channel = new BroadcastChannel(groupName);
  const tab = crypto.getRandomValues(new Uint32Array(4)).join("-");
  /** Behind what has come, not what has been handed over. */
  let { start } = resolved;
  let joining = new AbortController();
  let seam: Seam | null = null;
  let ref = 0;
  let state: State = "idle";
  let transport: TransportName | null = null;

  const post = (message: TabMessage): void => channel.postMessage(message);

  const become = (next: State, error: SluiceError | null = null): void => {
    if (state === "closed" || (state === next && error === null)) return;
    state = next;
    void emitter.emit("state", { state, error });
  };

  const end = (error: SluiceError | null): void => {
    if (life.signal.aborted) return;
    post({ kind: "bye", tab });
    life.abort();
    joining.abort();
    become("closed", error);
    wishes.deny(error ?? new SluiceError("Closed"));
    queue.close(error);
    channel.close();
  };

  /** Begins anew: from here to the welcome what is told is passed over, and read by itself afterwards. */
  const hello = (): void => {
    joining.abort();
    joining = new AbortController();
    seam = null;
    if (life.signal.aborted) return;
    ref += 1;
    if (topics.size === 0) {
      become("idle");
      post({ kind: "bye", tab });
      return;
    }
    if (state !== "paused") become("connecting");
    post({ kind: "hello", tab, ref, topics: [...topics] });
  };

  const put = (items: readonly Item[], cursor: string | null = null): void => {
    const last = items.at(-1);
    const upTo = cursor ?? (last === undefined ? null : (last.gap?.resumedAt ?? (last as { cursor: string }).cursor));
    if (upTo === null) return;
    start = { after: upTo };
    queue.put(items, upTo, items.length === 0 ? 0 : JSON.stringify(items).length);
  };

  /** A reader that can't keep up lets pass what is told, and reads it later. */
  const pauseIfFull = async (): Promise<void> => {
    if (!queue.isFull() || state === "paused") return;
    joining.abort();
    seam = null;
    become("paused");
    await queue.room();
    hello();
  };

  const welcome = async (cursor: string | null): Promise<void> => {
    const { signal } = joining;
    const own = newSeam();
    seam = own;
    wishes.grant(wishes.list());
    if ("after" in start && start.after === "latest") put([], cursor);
    else {
      const ask = { url, topics: [...topics], types, credentials };
      const error = await catchUp(ask, start, who, tools, signal, (items, upTo) => {
        put(items, upTo);
        return own.read(items) || queue.isFull();
      });
      if (error !== null) end(error);
    }
    if (signal.aborted) return;
    if (!queue.isFull()) {
      put(own.close());
      become("open");
    }
    await pauseIfFull();
  };

  const refused = (error: SluiceError): void => {
    if (wishes.deny(error)) hello();
    else end(error);
  };

  const heard = (message: LeaderMessage | TabMessage): void => {
    switch (message.kind) {
      case "leader":
        hello();
        break;
      case "welcome":
        if (message.tab === tab && message.ref === ref) void welcome(message.cursor);
        break;
      case "refused":
        if (message.tab === tab && message.ref === ref) refused(errorFrom(message.fault));
        break;
      case "items":
        if (seam === null) break;
        put(seam.tell(message.items.filter((item) => item.gap === undefined && matchesAny(topics, item.topic))));
        void pauseIfFull();
        break;
      case "state":
        follow(message);
        break;
      case "hello":
      case "bye":
      // What other tabs say is not for this one.
    }
  };

  const follow = (message: Extract<LeaderMessage, { kind: "state" }>): void => {
    const error = message.fault && errorFrom(message.fault);
    if (message.state === "closed") {
      if (error !== null) end(error);
      return;
    }
    // A tab that is not told yet has a state of its own.
    if (seam !== null && state !== "paused") become(message.state, error);
    if (message.transport === null || message.transport === transport) return;
    const previous = transport;
    transport = message.transport;
    void emitter.emit("transport", { transport, previous });
  };

  channel.addEventListener("message", (event) => heard((event as MessageEvent).data as LeaderMessage));
  const { signal } = life;
  const scene = globalThis as unknown as {
    addEventListener?(type: string, listener: () => void, options: { readonly signal: AbortSignal }): void;
  };
  scene.addEventListener?.("pagehide", () => post({ kind: "bye", tab }), { signal });
  scene.addEventListener?.("pageshow", hello, { signal });
  options.signal?.addEventListener("abort", () => end(null), { signal: life.signal });
  // Whoever gets the lock holds the connection until it is closed, or its tab is.
  const hold = async (): Promise<void> => {
    if (life.signal.aborted) return;
    const stop = lead(address, options, groupName);
    await new Promise((resolve) => life.signal.addEventListener("abort", resolve));
    stop();
  };
  locks
    .request(groupName, { signal }, hold)
    // Closed while it waited for the lock is no fault.
    .catch((error: unknown) => end(new SluiceError("No lock to be had", 0, null, null, error)));
  if (options.signal?.aborted === true) end(null);
  else void Promise.resolve().then(hello);

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
      else hello();
      return wish.settled.promise;
    },
    unsubscribe(removed) {
      for (const topic of listOf(removed)) topics.delete(topic);
      if (topics.size === 0) hello();
      // Without a new `ref`: what is told goes on.
      else post({ kind: "hello", tab, ref: 0, topics: [...topics] });
    },
    publish: (events) => publish(url, who, credentials, listOf<Draft>(events), tools, life.signal),
    [Symbol.asyncIterator]: () => queue.loop() as AsyncIterator<Item<Data>, undefined>,
    close: () => end(null),
  };
}
