import { connect } from "../client.ts";
import type { Item } from "../event.ts";
import type { ConnectOptions } from "../options.ts";
import { SluiceError } from "../sluice-error.ts";
import { noteOf, type LeaderMessage, type TabMessage } from "./messages.ts";

/**
 * Holds the group's one connection, on all topics that a tab wants, and tells everybody what comes. The answer ends it.
 * It begins with what is new: what a tab has missed, that tab reads by itself.
 */
export function lead(
  address: string | URL,
  { last: _last, ...options }: ConnectOptions,
  groupName: string,
): () => void {
  const channel = new BroadcastChannel(groupName);
  const post = (message: LeaderMessage): void => channel.postMessage(message);
  // Other tabs may be in sight while this one is not.
  const client = connect(address, { ...options, topics: [], after: "latest", sleepAfterMs: Infinity });
  /** Which tab wants what. */
  const wanted = new Map<string, readonly string[]>();
  /** By topic: kept when it is being read. */
  const reading = new Map<string, Promise<void>>();
  let fault: SluiceError | null = null;
  let items: Item[] = [];

  const tell = (item: Item): void => {
    if (items.push(item) > 1) return;
    // What comes in the same moment goes out together.
    queueMicrotask(() => {
      post({ kind: "items", items });
      items = [];
    });
  };
  const tellState = (): void => {
    const { state, transport } = client;
    post({ kind: "state", state, transport, fault: fault && noteOf(fault) });
  };
  client.on("event", tell);
  // Each tab finds out itself what it has missed.
  client.on("gap", () => post({ kind: "leader" }));
  client.on("transport", tellState);
  client.on("state", ({ error }) => {
    fault = error;
    tellState();
  });

  const read = async (topics: readonly string[]): Promise<void> => {
    const added = topics.filter((topic) => !reading.has(topic));
    const subscribed = client.subscribe(added);
    for (const topic of added) reading.set(topic, subscribed);
    try {
      await Promise.all(topics.map((topic) => reading.get(topic) ?? subscribed));
    } catch (error) {
      for (const topic of added) if (reading.get(topic) === subscribed) reading.delete(topic);
      throw error;
    }
  };

  const greet = async (tab: string, ref: number, topics: readonly string[]): Promise<void> => {
    wanted.set(tab, topics);
    try {
      await read(topics);
      // What has come up to now goes out before.
      await Promise.resolve();
      post({ kind: "welcome", tab, ref, cursor: client.cursor });
      tellState();
    } catch (error) {
      const isOver = client.state === "closed" && fault !== null;
      const told = isOver ? fault : error instanceof SluiceError ? error : new SluiceError(String(error));
      post({ kind: "refused", tab, ref, fault: noteOf(told as SluiceError) });
    }
    drop();
  };

  /** Lets go of topics that nobody wants any more. */
  const drop = (): void => {
    const all = new Set([...wanted.values()].flat());
    const gone = [...reading.keys()].filter((topic) => !all.has(topic));
    for (const topic of gone) reading.delete(topic);
    client.unsubscribe(gone);
  };

  channel.addEventListener("message", (event) => {
    const message = (event as MessageEvent).data as TabMessage | LeaderMessage;
    if (message.kind === "hello") void greet(message.tab, message.ref, message.topics);
    else if (message.kind === "bye") {
      wanted.delete(message.tab);
      drop();
    }
  });
  post({ kind: "leader" });
  return () => {
    client.close();
    channel.close();
  };
}
