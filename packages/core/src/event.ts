import { formatCursor } from "./cursor.ts";

/** The media type of `data` that is JSON; what else there is travels in base64. */
export const DEFAULT_TYPE = "message";

/** One change in the app, checked and complete, before the log has given it a position. */
export interface EventDraft {
  /** `[A-Za-z0-9_-]{1,128}`. */
  readonly id: string;
  readonly topic: string;
  /** `[A-Za-z0-9._-]{1,128}`. */
  readonly type: string;
  /** RFC 3339, UTC. */
  readonly time: string;
  /** The JSON text of the data, without insignificant white space; base64 if `dataContentType` is set. */
  readonly data: string;
  /** Media type of bytes that are not JSON; `null` if the data is JSON. */
  readonly dataContentType: string | null;
  /** Monotonic milliseconds at which the gateway took it, for the latency metrics; 0 if unknown. */
  readonly receivedAtMs?: number;
  /** W3C `traceparent` of what caused it. No part of the event: known as long as that is in memory. */
  readonly traceParent?: string | undefined;
}

/** What the log needs to make a {@link StoredEvent}. */
export interface StoredEventInit extends EventDraft {
  readonly epoch: string;
  readonly position: number;
}

/** An event that has its place in the log. Immutable; its JSON is made once, on first use. */
export class StoredEvent {
  readonly position: number;
  readonly epoch: string;
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly time: string;
  readonly data: string;
  readonly dataContentType: string | null;
  readonly receivedAtMs: number;
  readonly traceParent: string | undefined;
  #json: string | undefined;
  #jsonBytes = 0;

  constructor(init: StoredEventInit) {
    this.position = init.position;
    this.epoch = init.epoch;
    this.id = init.id;
    this.topic = init.topic;
    this.type = init.type;
    this.time = init.time;
    this.data = init.data;
    this.dataContentType = init.dataContentType;
    this.receivedAtMs = init.receivedAtMs ?? 0;
    this.traceParent = init.traceParent;
  }

  get cursor(): string {
    return formatCursor(this.epoch, this.position);
  }

  /** The event's JSON: the same text on every transport. */
  get json(): string {
    this.#json ??= this.#encode();
    return this.#json;
  }

  /** Bytes of {@link json} in UTF-8. */
  get jsonBytes(): number {
    if (this.#jsonBytes === 0) this.#jsonBytes = Buffer.byteLength(this.json);
    return this.#jsonBytes;
  }

  /** About how many bytes the event takes in memory; for bounds, not exact. */
  get sizeBytes(): number {
    return 256 + this.topic.length + this.data.length * 2;
  }

  #encode(): string {
    // id, type, time and cursor have no character that JSON would escape.
    const head =
      `{"id":"${this.id}","topic":${JSON.stringify(this.topic)},"type":"${this.type}",` +
      `"time":"${this.time}","cursor":"${this.cursor}",`;
    if (this.dataContentType === null) return `${head}"data":${this.data}}`;
    return `${head}"datacontenttype":${JSON.stringify(this.dataContentType)},"data_base64":"${this.data}"}`;
  }
}
