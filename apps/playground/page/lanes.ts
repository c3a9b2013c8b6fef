import type { LaneName } from "../src/stage/stage-protocol.ts";
import type { Manners } from "./model/ledger.ts";

/** A lane as people know it. */
export interface LaneAbout {
  readonly name: LaneName;
  readonly title: string;
  /** What it does, in one line. */
  readonly line: string;
  readonly manners: Manners;
  /** Who is on the upper line, and who on the lower one. */
  readonly parties: readonly [string, string];
}

/** Longer than the longest poll interval. */
const IN_ORDER: Manners = { order: "log", patienceMs: 20_000 };
/** After a new login each of its two subscriptions catches up by itself. */
const BY_SUBSCRIPTION: Manners = { order: "topic", patienceMs: 20_000 };
/** What fails is tried again after up to five minutes, and other topics go past it. */
const BY_DELIVERY: Manners = { order: "topic", patienceMs: 400_000 };
const CLIENT_AND_GATEWAY = ["client", "gateway"] as const;

/** The lanes, from top to bottom. */
export const LANES: readonly LaneAbout[] = [
  {
    name: "polling",
    title: "Polling",
    line: "Asks again and again, mostly in vain.",
    manners: IN_ORDER,
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "long-polling",
    title: "Long polling",
    line: "Asks once; the answer waits for news.",
    manners: IN_ORDER,
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "sse",
    title: "Server-Sent Events",
    line: "One request, an answer without end.",
    manners: IN_ORDER,
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "websocket",
    title: "WebSocket",
    line: "One connection, frames both ways.",
    manners: IN_ORDER,
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "rest-hooks",
    title: "Webhook",
    line: "The gateway calls when it has news.",
    manners: BY_DELIVERY,
    parties: ["receiver", "gateway"],
  },
  {
    name: "bosh",
    title: "XMPP over BOSH",
    line: "Chat stanzas in requests that wait.",
    manners: BY_SUBSCRIPTION,
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "switcher",
    title: "Changes its transport",
    line: "One cursor, good on all of them.",
    manners: IN_ORDER,
    parties: CLIENT_AND_GATEWAY,
  },
];
