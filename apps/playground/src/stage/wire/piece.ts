/** The most that is kept of a piece's bytes. */
const KEPT_BYTES = 4096;

/** Bytes that belong together: what becomes one arrow. */
export class Piece {
  #bytes = 0;
  #beganAt = 0;
  #endedAt = 0;
  readonly #raw = new Excerpt();
  readonly #shown = new Excerpt();

  /** Of all that belongs to it, framing included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the first byte was seen. */
  get beganAt(): number {
    return this.#beganAt;
  }

  /** When the last byte was seen. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** The part of it that is to be read by people, or else all of it; at most {@link KEPT_BYTES}. */
  get text(): string {
    return this.#visible.text;
  }

  get isTextCut(): boolean {
    return this.#visible.isCut;
  }

  count(bytes: Buffer, at: number): void {
    if (this.#bytes === 0) this.#beganAt = at;
    this.#bytes += bytes.length;
    this.#endedAt = at;
    this.#raw.add(bytes);
  }

  /** Adds to what is to be read by people. */
  show(bytes: Buffer): void {
    this.#shown.add(bytes);
  }

  /** Takes in another piece, the part of a message that came later. */
  absorb(later: Piece): void {
    if (this.#bytes === 0) this.#beganAt = later.#beganAt;
    this.#bytes += later.#bytes;
    this.#endedAt = later.#endedAt;
    this.#raw.join(later.#raw);
    this.#shown.join(later.#shown);
  }

  get #visible(): Excerpt {
    return this.#shown.isEmpty ? this.#raw : this.#shown;
  }
}

/** The beginning of some bytes. */
class Excerpt {
  readonly #slices: Buffer[] = [];
  #length = 0;
  isCut = false;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** A character that was cut in two at the end is left out. */
  get text(): string {
    return new TextDecoder().decode(Buffer.concat(this.#slices), { stream: this.isCut });
  }

  add(bytes: Buffer): void {
    const kept = bytes.subarray(0, KEPT_BYTES - this.#length);
    if (kept.length < bytes.length) this.isCut = true;
    // A copy: the slice would keep the whole buffer that it was read into.
    if (kept.length > 0) this.#slices.push(Buffer.from(kept));
    this.#length += kept.length;
  }

  join(later: Excerpt): void {
    for (const slice of later.#slices) this.add(slice);
    this.isCut ||= later.isCut;
  }
}
