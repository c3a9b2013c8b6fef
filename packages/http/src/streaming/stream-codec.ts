import type { Codec, StoredEvent } from "@sluice/core";
import type { StreamFormat } from "./stream-format.ts";

/** The end of a chunked body (RFC 9112 §7.1). */
const LAST_CHUNK = "0\r\n\r\n";

/**
 * A format's bytes as they go to the socket: for HTTP/1.1 with the header of their chunk (RFC 9112 §7.1), in one Buffer
 * for all readers, so that a batch is one `write` of bytes that were framed once.
 */
export class StreamCodec implements Codec<Buffer> {
  readonly name: string;
  readonly transport: string;
  readonly format: StreamFormat;
  readonly isChunked: boolean;
  #beat: { readonly cursor: string | null; readonly bytes: Buffer } | null = null;

  constructor(transport: string, format: StreamFormat, isChunked: boolean) {
    this.name = isChunked ? format.name : `${format.name}-unchunked`;
    this.transport = transport;
    this.format = format;
    this.isChunked = isChunked;
  }

  encode(events: readonly StoredEvent[]): Buffer {
    return this.frame(this.format.events(events));
  }

  /** Any text of the format as bytes for the socket. */
  frame(text: string): Buffer {
    if (!this.isChunked) return Buffer.from(text);
    return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  }

  /** The same bytes for all readers that beat while the log stands still. */
  heartbeat(cursor: string | null): Buffer {
    if (this.#beat === null || this.#beat.cursor !== cursor) {
      this.#beat = { cursor, bytes: this.frame(this.format.heartbeat(cursor)) };
    }
    return this.#beat.bytes;
  }

  /** The text, and the end of the body. */
  last(text: string): Buffer {
    const bytes = text === "" ? Buffer.alloc(0) : this.frame(text);
    return this.isChunked ? Buffer.concat([bytes, Buffer.from(LAST_CHUNK)]) : bytes;
  }
}

/** The codecs of a transport: the same object for the same format, since it is the key of an audience. */
export class StreamCodecs {
  readonly #transport: string;
  readonly #chunked = new WeakMap<StreamFormat, StreamCodec>();
  readonly #plain = new WeakMap<StreamFormat, StreamCodec>();

  constructor(transport: string) {
    this.#transport = transport;
  }

  of(format: StreamFormat, isChunked: boolean): StreamCodec {
    const known = isChunked ? this.#chunked : this.#plain;
    let codec = known.get(format);
    if (codec === undefined) {
      codec = new StreamCodec(this.#transport, format, isChunked);
      known.set(format, codec);
    }
    return codec;
  }
}
