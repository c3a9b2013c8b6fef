/** One change in the app, as the gateway's JSON has it. */
export interface SluiceEvent<Data = unknown> {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  /** RFC 3339, UTC. */
  readonly time: string;
  /** The event's place in the log: reading after it continues with the next event. */
  readonly cursor: string;
  /** The content; absent if it is bytes that are not JSON. */
  readonly data: Data;
  /** Bytes that are not JSON, in base64. */
  readonly data_base64?: string;
  /** The media type of `data_base64`. */
  readonly datacontenttype?: string;
  /** Never there: tells an event from a {@link SluiceGap}. */
  readonly gap?: undefined;
}

/** Which events are missing. */
export interface Gap {
  /** The cursor that the reader came with. */
  readonly after: string;
  /** Reading after it gives the first retained event. */
  readonly resumedAt: string;
  /** `expired`: retention has passed the reader by; `reset`: the cursor is of another log. */
  readonly reason: "expired" | "reset";
}

/** Stands among the events, in the place of those that the log no longer holds. */
export interface SluiceGap {
  readonly gap: Gap;
  readonly data?: undefined;
}

/** What iterating gives. */
export type Item<Data = unknown> = SluiceEvent<Data> | SluiceGap;

/** A gap with the names that it has on the wire. */
export interface GapJson {
  readonly after: string;
  readonly resumed_at: string;
  readonly reason: Gap["reason"];
}

/** The value that stands for a gap. */
export function gapOf({ after, resumed_at: resumedAt, reason }: GapJson): SluiceGap {
  return { gap: { after, resumedAt, reason } };
}
