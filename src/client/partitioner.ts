import type { Random } from "#ports/random.ts";

/** How many bytes of keyless records go to one partition before the next one is drawn; the Java producer's `batch.size`. */
const STICKY_BYTES = 16_384;

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/**
 * MurmurHash2 (Austin Appleby, 32 bit) with the seed that Kafka's Java client uses, as a signed 32-bit integer, so that
 * a key lands on the same partition whoever produces it.
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  const rest = length - at;
  if (rest === 3) hash ^= bytes[at + 2] << 16;
  if (rest >= 2) hash ^= bytes[at + 1] << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at], MULTIPLIER);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition of a keyed record: the Java client's default. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}

/**
 * Chooses partitions for the records of one request, as the Java client's default partitioner does: a key decides by its
 * hash; records without a key stay on a randomly drawn partition until `STICKY_BYTES` have gone there (KIP-794).
 */
export class Partitioner {
  private readonly partitionCount: number;
  private readonly random: Random;
  private sticky = -1;
  private stickyBytes = 0;

  constructor(partitionCount: number, random: Random) {
    if (partitionCount < 1) throw new Error("a topic has at least one partition");
    this.partitionCount = partitionCount;
    this.random = random;
  }

  choose(key: Uint8Array | null, sizeInBytes: number): number {
    if (key !== null) return partitionOfKey(key, this.partitionCount);
    if (this.sticky < 0 || this.stickyBytes >= STICKY_BYTES) this.draw();
    this.stickyBytes += sizeInBytes;
    return this.sticky;
  }

  /** Draws a partition other than the current one, each with the same chance. */
  private draw(): void {
    const others = this.sticky < 0 ? this.partitionCount : this.partitionCount - 1;
    if (others > 0) {
      const drawn = this.random.below(others);
      this.sticky = this.sticky >= 0 && drawn >= this.sticky ? drawn + 1 : drawn;
    }
    this.stickyBytes = 0;
  }
}
