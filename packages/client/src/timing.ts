/** How long the client waits for what. All in milliseconds; the defaults suit nearly everybody. */
export interface Timing {
  /** For the head of an answer, or a WebSocket's welcome. Default 10 000. */
  readonly connectMs: number;
  /** For a stream's first frame, once its head is there: a proxy that buffers lets none through. Default 5 000. */
  readonly firstFrameMs: number;
  /** Silence on an SSE stream that means that it is dead; the gateway's heartbeat comes every 15 s. Default 40 000. */
  readonly silenceMs: number;
  /** For the answer to a ping on a silent WebSocket. Default 10 000. */
  readonly pongMs: number;
  /** How long a long poll is asked to wait, in whole seconds. Default 25 000: proxies like to cut after 30 s. */
  readonly waitMs: number;
  /** Between two polls that found nothing, where the gateway does not say. Default 1 000. */
  readonly pollMs: number;
  /** After falling back, until a better transport is tried again; doubles up to sixteenfold. Default 30 000. */
  readonly climbMs: number;
  /** A connection that ends sooner counts as a bad one: three in a row, and another transport is tried. Default 10 000. */
  readonly shortMs: number;
}

/** The defaults. */
export const TIMING: Timing = {
  connectMs: 10_000,
  firstFrameMs: 5_000,
  silenceMs: 40_000,
  pongMs: 10_000,
  waitMs: 25_000,
  pollMs: 1_000,
  climbMs: 30_000,
  shortMs: 10_000,
};
