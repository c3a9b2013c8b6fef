/**
 * What the page and the stage say to each other. Types only: the page imports them too.
 *
 * Times are milliseconds since the epoch, with fractions, by the stage's clock.
 */

/** One client of the parlour each; `switcher` is the one that changes its transport. */
export type LaneName = "polling" | "long-polling" | "sse" | "websocket" | "rest-hooks" | "bosh" | "switcher";

/** `GET /stage/setup`: all that the page has to know before it starts. */
export interface Setup {
  /**
   * Where each lane's client connects, without a slash at the end: an address of the lane's own, from which every byte
   * goes to the gateway's public listener and is seen on its way. For `rest-hooks` it is the receiver's URL, to be
   * registered as the target.
   */
  readonly lanes: Readonly<Record<LaneName, string>>;
  /** The gateway's public listener, past the taps; the shop is behind it. */
  readonly gateway: string;
  /** Where hooks are registered, past the taps, and a token that may do so. */
  readonly hooks: { readonly url: string; readonly token: string };
  readonly xmpp: { readonly domain: string; readonly service: string; readonly boshPath: string };
  /** What can be ordered. */
  readonly menu: readonly { readonly name: string; readonly toppings: readonly string[]; readonly bakingMs: number }[];
  /** How many times faster than on the menu pizzas are made. */
  readonly speed: number;
}

/** What can be seen of an arrow at a glance. */
export type ArrowKind =
  /** A connection begins or ends. */
  | "open"
  | "close"
  /** One HTTP request, head and body. */
  | "request"
  /** One HTTP response with its body; of a stream, the head alone. */
  | "response"
  /** One event of a stream: an SSE frame or a WebSocket message. */
  | "event"
  /** What keeps a quiet stream alive: an SSE comment, a WebSocket ping or pong, an op `heartbeat`, an empty BOSH body. */
  | "heartbeat"
  /** Any other frame of a stream. */
  | "frame";

/** Something that went over a lane's connection, as the bytes were seen. */
export interface Arrow {
  readonly kind: "arrow";
  /** Counts up over all lanes. */
  readonly number: number;
  readonly lane: LaneName;
  /** Counts up over all lanes. */
  readonly connection: number;
  /** The request that a response, and what is streamed in it, answers; its `number`. */
  readonly answerTo: number | null;
  readonly from: "client" | "gateway";
  readonly what: ArrowKind;
  /** A few words: `GET /realtime/events`, `200, 2 events`, `304`, `ping`, `order.ready`. */
  readonly label: string;
  /** First and last byte. */
  readonly beganAt: number;
  readonly endedAt: number;
  /** On the wire, heads and framing included. */
  readonly bytes: number;
  /** The bytes themselves as text, unmasked and unchunked where that helps to read them; at most 4 KiB. */
  readonly text: string;
  readonly isTextCut: boolean;
  /** Events in it. */
  readonly events: number;
  /** An answer that had nothing to tell: what a poll in vain costs. */
  readonly isWasted: boolean;
}

/** An event as it is in the log, read past the taps: what every lane has to have got. */
export interface Truth {
  readonly kind: "truth";
  readonly id: string;
  readonly cursor: string;
  readonly topic: string;
  readonly type: string;
  /** When the gateway took it. */
  readonly time: number;
}

/** A delivery that the receiver of hooks has taken or refused. */
export interface Delivered {
  readonly kind: "delivered";
  readonly at: number;
  /** `webhook-id` of the request: the same whenever the gateway sends the same thing again. */
  readonly id: string;
  /** The event in the body; `null` where that can't be believed. */
  readonly eventId: string | null;
  readonly cursor: string | null;
  /** What the receiver answered; `null`: it took it, and never answers. */
  readonly status: number | null;
  readonly isSignatureRight: boolean;
  /** It has had this `webhook-id` before, so it takes it again and hands nothing on. */
  readonly isRepeated: boolean;
}

/** What is being done to a lane. */
export type Trouble =
  | { readonly kind: "none" }
  /** Connections are refused until then. */
  | { readonly kind: "offline"; readonly until: number }
  /** Each byte is late by `latencyMs`, and no more than so many pass in a second. */
  | { readonly kind: "slow"; readonly latencyMs: number; readonly bytesPerSecond: number };

/** How the receiver of hooks answers: 204, 500, never (though it has taken it), 410. */
export type ReceiverMood = "ok" | "fail" | "hang" | "gone";

/** The state of the stage: at the beginning, and whenever some of it has changed. */
export interface StageState {
  readonly kind: "state";
  readonly at: number;
  readonly gateway: "up" | "down";
  readonly troubles: Readonly<Record<LaneName, Trouble>>;
  readonly receiver: ReceiverMood;
  readonly speed: number;
}

/** A sign of life every second, so that the page's time axis is the stage's. */
export interface Tick {
  readonly kind: "tick";
  readonly at: number;
}

/** What comes over the WebSocket `/stage/live`: text frames, each an array of these. */
export type StageMessage = Arrow | Truth | Delivered | StageState | Tick;

/**
 * What the page can do, each a `POST` with a JSON body and answered `204`, or `422` with `{"error":"…"}`:
 *
 * | path                  | body                                                                          |
 * | --------------------- | ----------------------------------------------------------------------------- |
 * | `/stage/lanes/NAME`   | {@link LaneOrder}; `NAME` `all` is every lane                                 |
 * | `/stage/receiver`     | `{"mood": ReceiverMood}`                                                      |
 * | `/stage/gateway`      | `{"do": "restart" \| "kill"}`: it drains and ends, or is killed; and is started again |
 * | `/stage/cook`         | `{"speed": number}`                                                           |
 */
export type LaneOrder =
  | { readonly do: "cut" }
  | { readonly do: "offline"; readonly forMs: number }
  | { readonly do: "slow"; readonly latencyMs: number; readonly bytesPerSecond: number }
  | { readonly do: "heal" };
