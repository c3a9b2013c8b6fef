import type { Attempt } from "./attempt.ts";
import { gapOf, type GapJson, type SluiceEvent } from "./event.ts";
import { SluiceError } from "./sluice-error.ts";
import type { Ask, Receiver } from "./transport.ts";

const AUTH_REF = 0;
const SUBSCRIBE_REF = 1;
const HEARTBEAT_SECONDS = 25;

/** Codes of `error` messages that pass by themselves. */
const PASSING = /unavailable|internal|capacity|draining|rate/;

interface Op {
  readonly op: string;
  readonly ref?: number;
  readonly cursor?: string;
  readonly heartbeat?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly reconnect_after_ms?: number;
}

/**
 * A WebSocket (RFC 6455). Topics and token go in messages and not in the URL: the token stays out of logs, and a browser,
 * which hides how an upgrade was refused, gets to see why.
 */
export function websocket(ask: Ask, receiver: Receiver, attempt: Attempt): Promise<unknown> {
  const { WebSocket, timing, clock } = attempt.tools;
  const { topics, types, start, token } = ask;
  const url = new URL(ask.url);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("transport", "websocket");
  const socket = new WebSocket(url.href);
  const startsLive = "after" in start && start.after === "latest";
  /** Who waits for which answer. */
  const waiting = new Map<number | undefined, () => void>();
  let lastRef = SUBSCRIBE_REF;
  let heartbeatMs = 0;
  let heardAtMs = 0;
  let hasPinged = false;
  /** Whether the cursors of ops stand for all topics: while topics are replayed they don't. */
  let isLive = false;

  const send = (message: object): void => socket.send(JSON.stringify(message));

  // A WebSocket can't be made to wait: what does not fit is left in the log.
  const take: Receiver["take"] = (items, cursor, sizeBytes) => {
    const hasRoom = receiver.take(items, cursor, sizeBytes);
    if (!hasRoom) attempt.end({ how: "full" });
    return hasRoom;
  };

  // A browser sees no pings: after a silence it asks itself.
  const watch = (): void => {
    const idleMs = clock.monotonic() - heardAtMs;
    if (idleMs < heartbeatMs) attempt.later(heartbeatMs - idleMs, watch);
    else check();
  };
  const check = (): void => {
    if (hasPinged) return;
    hasPinged = true;
    const askedAtMs = clock.monotonic();
    send({ op: "ping" });
    attempt.later(timing.pongMs, () => {
      hasPinged = false;
      if (heardAtMs < askedAtMs) attempt.fail("bad", "Fell silent");
      else watch();
    });
  };

  const becomeLive = (cursor: string | null): void => {
    isLive = true;
    take([], cursor, 0);
    // Not before: topics that came in during a replay would take its cursors for theirs.
    receiver.steerable({
      subscribe(added, done) {
        lastRef += 1;
        waiting.set(lastRef, done);
        send({ op: "subscribe", ref: lastRef, topics: added, types });
      },
      unsubscribe: (removed) => send({ op: "unsubscribe", topics: removed }),
      check,
    });
  };

  const obey = (op: Op): void => {
    const { ref, cursor = null, code = "" } = op;
    switch (op.op) {
      case "welcome":
        heartbeatMs = (op.heartbeat || HEARTBEAT_SECONDS) * 1000;
        if (token !== null) send({ op: "auth", ref: AUTH_REF, token });
        send({ op: "subscribe", ref: SUBSCRIBE_REF, topics, types, ...(!startsLive && start) });
        break;
      case "subscribed":
        waiting.get(ref)?.();
        if (ref !== SUBSCRIBE_REF) break;
        receiver.opened();
        watch();
        if (startsLive) becomeLive(cursor);
        break;
      case "live":
        becomeLive(cursor);
        break;
      case "gap":
        take([gapOf(op as unknown as GapJson)], (op as unknown as GapJson).resumed_at, 0);
        break;
      case "closing":
        attempt.toldMs = op.reconnect_after_ms ?? null;
        break;
      case "error":
        // An unanswered ping or a goodbye to a topic is no harm.
        if (ref !== undefined) attempt.refuse(new SluiceError(op.detail ?? "", statusOf(code), code));
        break;
      default:
        if (isLive) take([], cursor, 0);
    }
  };

  socket.addEventListener("message", ({ data }: MessageEvent) => {
    if (attempt.isOver) return;
    heardAtMs = clock.monotonic();
    try {
      const json: unknown = JSON.parse(data);
      if (data.startsWith('{"op":')) obey(json as Op);
      else take([json as SluiceEvent], (json as SluiceEvent).cursor, data.length);
    } catch (error) {
      attempt.fail("bad", String(error), error);
    }
  });
  // Node 22 tells a refused upgrade by an `error` alone.
  for (const end of ["error", "close"]) {
    socket.addEventListener(end, ({ code = 1006, reason }: Partial<CloseEvent>) => {
      const status = code === 4401 ? 401 : code === 1008 ? 403 : 0;
      attempt.refuse(new SluiceError(reason || `Closed: ${code}`, status, null, attempt.toldMs));
    });
  }
  attempt.signal.addEventListener("abort", () => socket.close());
  attempt.alarm(timing.connectMs, "bad", "No welcome in time");
  return attempt.done;
}

function statusOf(code: string): number {
  if (code === "unauthorized") return 401;
  if (code === "forbidden") return 403;
  return PASSING.test(code) ? 503 : 400;
}
