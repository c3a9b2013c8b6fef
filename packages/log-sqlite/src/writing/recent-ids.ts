/** The most ids that are remembered: about 100 MB in the worker. */
export const MAX_RECENT_IDS: number = 2 ** 22;
const FIRST_CAPACITY = 2 ** 12;

/**
 * Hashes of the ids of consecutive positions, oldest forgotten first: a ring by position whose entries are chained by
 * hash. A chain leads from new to old, so it ends where the ring's memory does and nothing is ever taken out of it.
 * A match is a suspicion, to be checked against the event itself: 24 bytes per id instead of a hundred for a Map.
 */
export class RecentIds {
  readonly #maxIds: number;
  #capacity = FIRST_CAPACITY;
  #hashes = new Uint32Array(FIRST_CAPACITY);
  /** How far back the entry before it in the chain is; 0 if it is the last. */
  #back = new Uint32Array(FIRST_CAPACITY);
  #atMs = new Float64Array(FIRST_CAPACITY);
  /** By hash, the newest position of each chain; 0 if there is none. */
  #heads = new Float64Array(FIRST_CAPACITY);
  /** The oldest position remembered; one past `#newest` if there is none. */
  #oldest = 1;
  #newest = 0;

  constructor(maxIds: number = MAX_RECENT_IDS) {
    this.#maxIds = maxIds;
  }

  get size(): number {
    return this.#newest - this.#oldest + 1;
  }

  /** Remembers the id at a position, the one after the last; if it is not, all before is forgotten. */
  add(hash: number, position: number, atMs: number): void {
    if (position !== this.#newest + 1) this.#oldest = position;
    this.#newest = position;
    if (this.size > this.#maxIds) this.#oldest += 1;
    if (this.size > this.#capacity) this.#grow();
    this.#put(hash, position, atMs);
  }

  /** The newest remembered position with that hash for which `isIt` holds. */
  find(hash: number, isIt: (position: number) => boolean): number | null {
    let position = this.#heads[hash % this.#capacity] as number;
    while (position >= this.#oldest) {
      const slot = position % this.#capacity;
      if (this.#hashes[slot] === hash && isIt(position)) return position;
      const back = this.#back[slot] as number;
      if (back === 0) return null;
      position -= back;
    }
    return null;
  }

  /** Takes back what was added after the position. */
  forgetAfter(position: number): void {
    // Newest first: each entry is then the head of its chain.
    for (; this.#newest > position && this.#newest >= this.#oldest; this.#newest -= 1) {
      const slot = this.#newest % this.#capacity;
      const back = this.#back[slot] as number;
      this.#heads[(this.#hashes[slot] as number) % this.#capacity] = back === 0 ? 0 : this.#newest - back;
    }
    this.#newest = Math.min(this.#newest, position);
    this.#oldest = Math.min(this.#oldest, this.#newest + 1);
  }

  /** Forgets what was added at that time or earlier. */
  forgetThrough(atMs: number): void {
    while (this.#oldest <= this.#newest && (this.#atMs[this.#oldest % this.#capacity] as number) <= atMs) {
      this.#oldest += 1;
    }
  }

  #put(hash: number, position: number, atMs: number): void {
    const slot = position % this.#capacity;
    const bucket = hash % this.#capacity;
    const head = this.#heads[bucket] as number;
    this.#hashes[slot] = hash;
    this.#back[slot] = head >= this.#oldest ? position - head : 0;
    this.#atMs[slot] = atMs;
    this.#heads[bucket] = position;
  }

  #grow(): void {
    const [capacity, hashes, atMs] = [this.#capacity, this.#hashes, this.#atMs];
    this.#capacity *= 2;
    this.#hashes = new Uint32Array(this.#capacity);
    this.#back = new Uint32Array(this.#capacity);
    this.#atMs = new Float64Array(this.#capacity);
    this.#heads = new Float64Array(this.#capacity);
    for (let position = this.#oldest; position < this.#newest; position += 1) {
      const slot = position % capacity;
      this.#put(hashes[slot] as number, position, atMs[slot] as number);
    }
  }
}

/** Goes on with a hash (FNV-1a) over a text; begun with a seed, it is different for each. To be ended by {@link endHash}. */
export function addToHash(hash: number, text: string): number {
  let state = hash;
  for (let index = 0; index < text.length; index += 1) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01_00_01_93);
  }
  return state;
}

/** 32 bits without a sign, well mixed. */
export function endHash(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
