import type { Inbox } from "../../support/inbox.ts";
import type { Answer } from "../../support/publisher.ts";
import type { Settings } from "../../support/settings.ts";

/** What a reader asks for. */
export interface ReaderOptions {
  /** Base of the gateway's public listener. */
  readonly url: string;
  /** Base of its admin listener, for who is registered there. */
  readonly adminUrl?: string;
  /** Its port of XMPP with TLS from the start, where that is on. */
  readonly xmppPort?: number;
  readonly topics: readonly string[];
  /** Default: what the gateway does without it. */
  readonly after?: string | undefined;
  readonly last?: number;
  readonly types?: readonly string[];
  /** Of one page, where there are pages. */
  readonly limit?: number;
  /** With XMPP: the resource to log in with. Default: the gateway makes one up. */
  readonly resource?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `access_token` in the query. */
  readonly accessToken?: string;
  /** Further parameters, encoded, without the `&` before them. */
  readonly query?: string;
}

/** One connected reader. */
export interface Reader {
  readonly inbox: Inbox;
  /** Stops reading from the gateway, as a client does that can't keep up. */
  pause(): void;
  resume(): void;
  /** Breaks the connection off, without a goodbye. */
  cut(): void;
  /** Leaves in the transport's way; resolves when the connection is gone. */
  close(): Promise<void>;
}

/** Name of a transport. */
export type TransportName =
  | "polling"
  | "long-polling"
  | "sse"
  | "websocket"
  | "xmpp-tcp"
  | "xmpp-websocket"
  | "xmpp-bosh";

/** What a case may be about that not every transport has. */
export type Lack =
  /** Connections that the gateway holds, and counts. */
  | "connections"
  /** Events of some types only. */
  | "types"
  /** Refusals with a status, headers and a problem; queries; headers. */
  | "http"
  | "cookies"
  /** A reader knows the cursor that it begins at before there is any event. */
  | "starting cursor"
  /** A reader without events is told the newest cursor. */
  | "quiet cursor"
  /** What a trusted proxy says of its client. */
  | "proxies"
  /** The gateway notices at once that a client is gone. */
  | "vanishing";

/** Speaks one transport, from the contract alone. */
export interface ReaderDriver {
  readonly name: TransportName;
  /** Whether a connection lives from one event to the next: then it can be ended, be full, be counted. */
  readonly staysConnected: boolean;
  /** What metrics call it, if not by its name. */
  readonly metricName?: string;
  /** What it needs of a gateway. */
  readonly settings?: Settings;
  /** What it lacks, and why cases about that can't hold. */
  readonly lacks?: Readonly<Partial<Record<Lack, string>>>;
  /**
   * Connects, and resolves when what is published from now on will be received.
   * @throws {Error} if the gateway refuses
   */
  connect(options: ReaderOptions): Promise<Reader>;
  /** The answer to a request that the gateway should refuse. @throws {Error} if it does not */
  refusal(options: ReaderOptions): Promise<Answer>;
}

/** As much of a driver as cases need that look at what a reader gets, and not at its connection. */
export type Connecting = Pick<ReaderDriver, "connect" | "settings" | "lacks">;

/** The path and query of a read. */
export function readPath(options: ReaderOptions, cursor?: string | null): string {
  const query: string[] = options.topics.map((topic) => `topic=${encodeURIComponent(topic)}`);
  for (const type of options.types ?? []) query.push(`type=${encodeURIComponent(type)}`);
  const after = cursor ?? options.after;
  if (after !== undefined) query.push(`after=${encodeURIComponent(after)}`);
  else if (options.last !== undefined) query.push(`last=${options.last}`);
  if (options.limit !== undefined) query.push(`limit=${options.limit}`);
  if (options.accessToken !== undefined) query.push(`access_token=${options.accessToken}`);
  if (options.query !== undefined) query.push(options.query);
  return `/realtime/events?${query.join("&")}`;
}
