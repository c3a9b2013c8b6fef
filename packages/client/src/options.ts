import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";
import type { TokenSource } from "./credentials.ts";
import type { BufferLimits } from "./queue.ts";
import { SluiceError } from "./sluice-error.ts";
import { TIMING, type Timing } from "./timing.ts";
import type { CookieMode, Start, Tools, TransportName } from "./transport.ts";

/** What to read, and how. */
export interface ConnectOptions {
  /** Topics and filters. Without any, nothing is asked for until {@link Sluice.subscribe}. */
  readonly topics?: string | readonly string[];
  /** Where to begin: a cursor, `earliest` or `latest`. Default `latest`: what comes from now on. */
  readonly after?: string;
  /** Begin with the newest N retained events of the topics (0–100). Not together with `after`. */
  readonly last?: number;
  /** Only events of these types. Default all. */
  readonly types?: readonly string[];
  /** One, several in the order of preference, or `auto`: all, the best one that works. Default `auto`. */
  readonly transport?: "auto" | TransportName | readonly TransportName[];
  /** A JWT, or what gives one. A function is asked again whenever the gateway no longer takes the one before. */
  readonly token?: TokenSource;
  /** Whether cookies go along, as `fetch` has it: `include` for a gateway of another origin. */
  readonly credentials?: CookieMode;
  /** How much may wait for a slow reader before the client stops reading. */
  readonly buffer?: Partial<BufferLimits>;
  /** A tab that has been hidden for so long lets its connection go until it is seen again. Default 5 min; `Infinity`: never. */
  readonly sleepAfterMs?: number;
  /** Closes the client when aborted. */
  readonly signal?: AbortSignal;
  readonly timing?: Partial<Timing>;
  /** In place of the built-in ones: for tests, for agents of one's own, for a Node without WebSocket. */
  readonly fetch?: typeof fetch;
  readonly WebSocket?: typeof WebSocket;
  readonly clock?: Clock;
}

/** The options, checked and complete. */
export interface Resolved {
  readonly url: URL;
  readonly topics: readonly string[];
  readonly start: Start;
  readonly types: readonly string[];
  readonly transports: readonly TransportName[];
  readonly buffer: BufferLimits;
  readonly sleepAfterMs: number;
  readonly tools: Tools;
}

const AUTO: readonly TransportName[] = ["websocket", "sse", "long-polling", "polling"];
const PATH = "/realtime/events";
const FIVE_MINUTES_MS = 300_000;

/** @throws {SluiceError} */
export function resolveOptions(address: string | URL, options: ConnectOptions): Resolved {
  const { after, last, transport = "auto", topics = [] } = options;
  const transports = transport === "auto" ? AUTO : typeof transport === "string" ? [transport] : transport;
  const url = eventsUrl(address);
  if (url === null) throw new SluiceError(`No http address: ${String(address)}`);
  if (after !== undefined && last !== undefined) throw new SluiceError("after and last exclude each other");
  const odd = transports.length === 0 ? transport : transports.find((name) => !AUTO.includes(name));
  if (odd !== undefined) throw new SluiceError(`No transport: ${String(odd)}`);
  return {
    url,
    topics: typeof topics === "string" ? [topics] : [...topics],
    start: last === undefined ? { after: after ?? "latest" } : { last },
    types: options.types ?? [],
    transports,
    buffer: { events: 1000, bytes: 1_000_000, ...options.buffer },
    sleepAfterMs: options.sleepAfterMs ?? FIVE_MINUTES_MS,
    tools: {
      clock: options.clock ?? systemClock,
      timing: { ...TIMING, ...options.timing },
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
    },
  };
}

/** Where events are: the gateway's default path unless the address has one. */
function eventsUrl(address: string | URL): URL | null {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  try {
    const url = new URL(address, location?.href);
    url.protocol = url.protocol.replace(/^ws/, "http");
    if (url.pathname === "/") url.pathname = PATH;
    return url.protocol.startsWith("http") ? url : null;
  } catch {
    return null;
  }
}
