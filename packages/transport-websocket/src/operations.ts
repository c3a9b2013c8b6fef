import {
  checkPublication,
  draftsOf,
  elementTexts,
  gapJson,
  SluiceError,
  type Appended,
  type Gap,
  type ReplayObserver,
} from "@sluice/core";
import {
  MessageFault,
  readEvents,
  readSubscribe,
  readToken,
  readTopics,
  type ClientMessage,
} from "./client-message.ts";
import type { Peer } from "./peer.ts";

/**
 * Does what a client's message asks for and answers it.
 * @throws {SluiceError} what the client is to be told
 */
export function perform(peer: Peer, message: ClientMessage): void | Promise<void> {
  switch (message.op) {
    case "subscribe":
      return subscribe(peer, message);
    case "unsubscribe":
      return unsubscribe(peer, message);
    case "publish":
      return publish(peer, message);
    case "auth":
      return authorize(peer, message);
    case "ping":
      peer.send(`{"op":"pong"${message.ref},"cursor":"${resumeCursor(peer)}"}`);
      return;
    default:
      throw new MessageFault("The op must be subscribe, unsubscribe, publish, auth or ping.", "op", message.ref);
  }
}

async function subscribe(peer: Peer, message: ClientMessage): Promise<void> {
  const { filters, types, start, hasStart } = readSubscribe(message);
  checkCount(peer, new Set(filters.map(({ text }) => text)));
  await peer.access.check(peer.principal, "read", filters);
  if (!peer.isOpen) return;
  const { bus } = peer.shared;
  const { after } = bus.resolve(start);
  const topics = JSON.stringify(filters.map(({ text }) => text));
  // Before the topics are added, since their events may come while they are.
  peer.send(`{"op":"subscribed"${message.ref},"topics":${topics},"cursor":"${bus.cursorAt(after)}"}`);
  peer.subscription.extend(filters, types, start, hasStart ? { observer: new Replayed(peer, message.ref) } : {});
}

/**
 * A topic that is asked for again is not counted again; but since it may be so with other types each time, there is a
 * bound to that too.
 */
function checkCount(peer: Peer, texts: ReadonlySet<string>): void {
  const { subscriptions } = peer.shared.limits();
  const present = peer.subscription.filters;
  const all = new Set(texts);
  for (const { text } of present) all.add(text);
  if (all.size <= subscriptions && present.length + texts.size <= 2 * subscriptions) return;
  throw new SluiceError("too-many-subscriptions", `A connection has at most ${subscriptions} topics.`, {
    field: "topics",
  });
}

function unsubscribe(peer: Peer, message: ClientMessage): void {
  const topics = readTopics(message);
  peer.subscription.narrow(new Set(topics));
  peer.send(`{"op":"unsubscribed"${message.ref},"topics":${JSON.stringify(topics)}}`);
}

async function publish(peer: Peer, message: ClientMessage): Promise<void> {
  const { bus, clock, limits } = peer.shared;
  const { text, parsed } = readEvents(message);
  const drafts = draftsOf(elementTexts(text), parsed, { eventBytes: limits().eventBytes, clock });
  await checkPublication(drafts, (topics) => peer.access.check(peer.principal, "publish", topics));
  // A client that has closed the connection meanwhile may rely on what it sent before; one that was sent away may not.
  if (peer.isDismissed) return;
  const appended = await bus.publish(drafts);
  peer.send(
    `{"op":"published"${message.ref},"events":${JSON.stringify(appended.map((event) => receipt(peer, event)))}}`,
  );
}

function receipt(peer: Peer, { id, position, isDuplicate }: Appended): Readonly<Record<string, unknown>> {
  const cursor = peer.shared.bus.cursorAt(position);
  return isDuplicate ? { id, cursor, duplicate: true } : { id, cursor };
}

async function authorize(peer: Peer, message: ClientMessage): Promise<void> {
  // What came with the handshake beside the old token, a cookie of the app for instance, is still there.
  const { cookie, site } = peer.principal.credentials;
  const principal = await peer.access.identify({ authorization: `Bearer ${readToken(message)}`, cookie, site });
  const { filters } = peer.subscription;
  if (filters.length > 0) await peer.access.check(principal, "read", filters);
  if (!peer.isOpen) return;
  peer.authorize(principal);
  const expires = principal.expiresAtMs === null ? "null" : `"${new Date(principal.expiresAtMs).toISOString()}"`;
  peer.send(`{"op":"authorized"${message.ref},"expires":${expires}}`);
}

/** The cursor from which the client could resume all its topics and miss nothing. */
export function resumeCursor({ shared: { bus }, subscription }: Peer): string {
  return bus.cursorAt(subscription.resumePosition);
}

/** Tells the client what becomes of a replay that it asked for. */
export class Replayed implements ReplayObserver {
  readonly #peer: Peer;
  readonly #ref: string;

  /** `ref` is the member to repeat. */
  constructor(peer: Peer, ref: string) {
    this.#peer = peer;
    this.#ref = ref;
  }

  gap(gap: Gap): boolean {
    return this.#peer.send(`{"op":"gap"${this.#ref},${gapJson(gap).slice(1)}`);
  }

  live(position: number): boolean {
    return this.#peer.send(`{"op":"live"${this.#ref},"cursor":"${this.#peer.shared.bus.cursorAt(position)}"}`);
  }
}
