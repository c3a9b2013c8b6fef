import type { TransportName } from "@sluice/client";
import type { LaneName, Setup } from "../../src/stage/stage-protocol.ts";
import { BoshReader } from "./bosh.ts";
import { LongPollingReader } from "./long-polling.ts";
import { PollingReader } from "./polling.ts";
import type { Reader, ReaderListener } from "./reader.ts";
import { SseReader } from "./sse.ts";
import { SwitchingReader } from "./switcher.ts";
import { WebSocketReader } from "./websocket.ts";

/** What the clients begin with; the page can change it. */
export const DEFAULTS: {
  readonly pollIntervalMs: number;
  readonly waitMs: number;
  readonly transport: TransportName;
} = { pollIntervalMs: 2_000, waitMs: 10_000, transport: "sse" };

/** The clients of all lanes but the webhook's, which has none. */
export interface Readers {
  readonly polling: PollingReader;
  readonly longPolling: LongPollingReader;
  readonly switcher: SwitchingReader;
  close(): void;
}

/** Starts them all behind the same cursor, each through its own tap. */
export function startReaders(
  { lanes, xmpp }: Setup,
  after: string,
  listenerOf: (lane: LaneName) => ReaderListener,
): Readers {
  const options = (lane: LaneName): { url: string; after: string; listener: ReaderListener } => ({
    url: lanes[lane],
    after,
    listener: listenerOf(lane),
  });
  const { pollIntervalMs, waitMs, transport } = DEFAULTS;
  const polling = new PollingReader({ ...options("polling"), intervalMs: pollIntervalMs });
  const longPolling = new LongPollingReader({ ...options("long-polling"), waitMs });
  const switcher = new SwitchingReader({ ...options("switcher"), transport });
  const { boshPath: path, domain, service } = xmpp;
  const all: readonly Reader[] = [
    polling,
    longPolling,
    new SseReader(options("sse")),
    new WebSocketReader(options("websocket")),
    new BoshReader({ ...options("bosh"), path, domain, service }),
    switcher,
  ];
  return {
    polling,
    longPolling,
    switcher,
    close() {
      for (const reader of all) reader.close();
    },
  };
}
