import type { LaneName } from "../src/stage/stage-protocol.ts";
import type { LaneOrder } from "./model/ledger.ts";

/** A lane as people know it. */
export interface LaneAbout {
  readonly name: LaneName;
  readonly title: string;
  /** What it does, in one line. */
  readonly line: string;
  /** In which order its events come. */
  readonly order: LaneOrder;
  /** Who is on the upper line, and who on the lower one. */
  readonly parties: readonly [string, string];
}

const CLIENT_AND_GATEWAY = ["client", "gateway"] as const;

/** The lanes, from top to bottom. */
export const LANES: readonly LaneAbout[] = [
  {
    name: "polling",
    title: "Polling",
    line: "Asks again and again, mostly in vain.",
    order: "log",
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "long-polling",
    title: "Long polling",
    line: "Asks once; the answer waits for news.",
    order: "log",
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "sse",
    title: "Server-Sent Events",
    line: "One request, an answer without end.",
    order: "log",
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "websocket",
    title: "WebSocket",
    line: "One connection, frames both ways.",
    order: "log",
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "rest-hooks",
    title: "Webhook",
    line: "The gateway calls when it has news.",
    // One topic after the other; what fails is tried again later, and others go past it.
    order: "topic",
    parties: ["receiver", "gateway"],
  },
  {
    name: "bosh",
    title: "XMPP over BOSH",
    line: "Chat stanzas in requests that wait.",
    // After a new login each of its two subscriptions catches up by itself.
    order: "topic",
    parties: CLIENT_AND_GATEWAY,
  },
  {
    name: "switcher",
    title: "Changes its transport",
    line: "One cursor: it goes on wherever it was.",
    order: "log",
    parties: CLIENT_AND_GATEWAY,
  },
];
