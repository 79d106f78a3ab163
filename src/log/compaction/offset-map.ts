import type { KeyHash } from "./key-hash.ts";
import { DIRTY_BYTES_PER_SLOT, OFFSET_MAP_FIRST_SLOTS, OFFSET_MAP_LOAD, OFFSET_MAP_MAX_BYTES } from "./limits.ts";

const HASH_WORDS = 4;
const SLOT_BYTES = HASH_WORDS * 4 + 8;
const EMPTY = -1;

/**
 * The last offset of each key in the dirty part of a log, by the hash of the key: 24 bytes each. An open-addressed table that doubles up to
 * `maxBytes`; when it is full, the round ends before the key that found no room.
 */
export class OffsetMap {
  private readonly hash: KeyHash;
  private readonly maxSlots: number;
  private slots: number;
  private hashes: Int32Array;
  private offsets: Float64Array;
  private entries = 0;
  private latest = -1;

  /** @param dirtyBytes what is to be put into it: its first size */
  constructor(hash: KeyHash, maxBytes = OFFSET_MAP_MAX_BYTES, dirtyBytes = 0) {
    this.hash = hash;
    this.maxSlots = 2 ** Math.floor(Math.log2(maxBytes / SLOT_BYTES));
    const wanted = Math.max(OFFSET_MAP_FIRST_SLOTS, dirtyBytes / DIRTY_BYTES_PER_SLOT);
    this.slots = Math.min(2 ** Math.ceil(Math.log2(wanted)), this.maxSlots);
    this.hashes = new Int32Array(this.slots * HASH_WORDS);
    this.offsets = new Float64Array(this.slots).fill(EMPTY);
  }

  /** How many keys it holds. */
  get size(): number {
    return this.entries;
  }

  get isFull(): boolean {
    return this.slots === this.maxSlots && this.entries >= Math.floor(this.slots * OFFSET_MAP_LOAD);
  }

  /** Up to here, this offset included, the map knows the last offset of every key; -1 while it knows nothing. */
  get latestOffset(): number {
    return this.latest;
  }

  /** Everything up to `offset` is in the map: also what has no key and what isn't there any more. */
  reaches(offset: number): void {
    if (offset > this.latest) this.latest = offset;
  }

  /** Notes `offset` for the key in bytes[from, end). False when there is no room for another key. */
  put(bytes: Uint8Array, from: number, end: number, offset: number): boolean {
    this.hash.hash(bytes, from, end);
    let slot = this.find();
    if (this.offsets[slot] === EMPTY) {
      if (this.isFull) return false;
      if (this.entries >= Math.floor(this.slots * OFFSET_MAP_LOAD)) {
        this.grow();
        slot = this.find();
      }
      this.hashes.set(this.hash.words, slot * HASH_WORDS);
      this.entries += 1;
    }
    this.offsets[slot] = offset;
    return true;
  }

  /** The last offset of the key in bytes[from, end), or -1. */
  get(bytes: Uint8Array, from: number, end: number): number {
    this.hash.hash(bytes, from, end);
    return this.offsets[this.find()];
  }

  /** The slot that holds the hash just made, or the empty one where it would go. */
  private find(): number {
    const { words } = this.hash;
    const { hashes, offsets } = this;
    const mask = this.slots - 1;
    for (let slot = words[0] & mask; ; slot = (slot + 1) & mask) {
      if (offsets[slot] === EMPTY) return slot;
      const at = slot * HASH_WORDS;
      if (
        hashes[at] === words[0] &&
        hashes[at + 1] === words[1] &&
        hashes[at + 2] === words[2] &&
        hashes[at + 3] === words[3]
      ) {
        return slot;
      }
    }
  }

  private grow(): void {
    const { hashes, offsets, slots } = this;
    this.slots = slots * 2;
    this.hashes = new Int32Array(this.slots * HASH_WORDS);
    this.offsets = new Float64Array(this.slots).fill(EMPTY);
    const mask = this.slots - 1;
    for (let from = 0; from < slots; from++) {
      if (offsets[from] === EMPTY) continue;
      let slot = hashes[from * HASH_WORDS] & mask;
      while (this.offsets[slot] !== EMPTY) slot = (slot + 1) & mask;
      for (let word = 0; word < HASH_WORDS; word++) {
        this.hashes[slot * HASH_WORDS + word] = hashes[from * HASH_WORDS + word];
      }
      this.offsets[slot] = offsets[from];
    }
  }
}
