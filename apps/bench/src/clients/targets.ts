/** Where the clients of a run find their server and how they talk to it; plain data that crosses a process boundary. */
export type Target =
  | PollTarget
  | SseTarget
  | WebSocketTarget
  | XmppTcpTarget
  | XmppWebSocketTarget
  | BoshTarget
  | HookTarget;

/** In paths and texts, `{topic}` is the name of the client's topic. */
interface OnPort {
  readonly port: number;
}

/** Polling, and long polling if there is no interval. */
export interface PollTarget extends OnPort {
  readonly kind: "poll";
  readonly path: string;
  /** Headers of all requests but the first, which is to be answered at once with a place to go on from. */
  readonly waiting: readonly string[];
  /** Headers of an answer that the next request repeats, by which name: how the client says how far it has got. */
  readonly echo: readonly (readonly [header: string, as: string])[];
  /** `null`: asks again as soon as it is answered. */
  readonly intervalMs: number | null;
}

/** An event stream; what was seen last is told as `Last-Event-ID`. */
export interface SseTarget extends OnPort {
  readonly kind: "sse";
  readonly path: string;
}

/** A WebSocket and what is said on it before events come. */
export interface WebSocketTarget extends OnPort {
  readonly kind: "websocket";
  readonly path: string;
  /** Appended to the path by a client that comes back: `{cursor}` is that of the last event. `null`: it can't say. */
  readonly resume: string | null;
  readonly opening: readonly OpeningStep[];
  /** Pings of the protocol on top: this text is answered with that. */
  readonly reply: readonly [text: string, answer: string] | null;
}

/** `{captured}` in later texts stands for what came between the capture and the next quotation mark. */
export type OpeningStep = { readonly send: string } | { readonly wait: string; readonly capture?: string };

export interface XmppTcpTarget extends OnPort {
  readonly kind: "xmpp-tcp";
  readonly domain: string;
}

export interface XmppWebSocketTarget extends OnPort {
  readonly kind: "xmpp-websocket";
  readonly domain: string;
  readonly path: string;
}

export interface BoshTarget extends OnPort {
  readonly kind: "bosh";
  readonly domain: string;
  readonly path: string;
}

/** Hooks, registered by POST on the port; `{target}` in the body is the receiver's URL. */
export interface HookTarget extends OnPort {
  readonly kind: "hooks";
  readonly path: string;
  readonly body: string;
  /** How many receivers on ports of their own the hooks are spread over. */
  readonly origins: number;
}

/** Fills a template. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
