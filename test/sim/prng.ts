import { type Uuid, uuidFromBytes } from "#bytes/uuid.ts";

/** sfc32: small, fast, and good enough to explore with. All chance in a simulation comes from one seed through these. */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = 0x9e3779b9;
    this.#b = 0x243f6a88;
    this.#c = seed | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** A stream of its own for a part of the simulation, so that leaving another part out doesn't disturb it. */
  static named(seed: number, name: string): Prng {
    let hash = 0x811c9dc5 ^ seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new Prng(Math.imul(hash, 0x9e3779b1) ^ seed);
  }

  /** An integer in [0, 2^32). */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.next() / 2 ** 32;
  }

  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  /** An integer in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** Mostly small, sometimes much larger. */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  uuid(): Uuid {
    const bytes = new Uint8Array(16);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.next() & 0xff;
    bytes[0] &= 0x7f;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return uuidFromBytes(bytes);
  }
}
