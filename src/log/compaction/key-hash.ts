/**
 * SipHash-2-4 with 128 bits of output (J.-P. Aumasson, D. J. Bernstein: SipHash, a fast short-input PRF, 2012, and the 128-bit variant of the
 * authors' reference code). Two keys with one hash would be one key for compaction, and the older record lost; with a secret that no
 * client knows nobody can look for such keys, and by chance they don't meet. 64-bit words are pairs of 32-bit halves here.
 */
export class KeyHash {
  /** The hash of the last key, as four little-endian words. */
  readonly words = new Int32Array(4);
  private readonly secret: Int32Array;
  /** v0 to v3, the low half of each first. */
  private readonly state = new Int32Array(8);

  /** @param secret 16 random bytes. */
  constructor(secret: Uint8Array) {
    if (secret.length !== SECRET_BYTES) throw new Error("a key hash needs a secret of 16 bytes");
    this.secret = new Int32Array([0, 4, 8, 12].map((at) => wordAt(secret, at)));
  }

  /** Hashes bytes[from, end) into `words`. */
  hash(bytes: Uint8Array, from: number, end: number): void {
    const { state, words } = this;
    this.begin();
    const wholeEnd = from + ((end - from) & ~7);
    for (let at = from; at < wholeEnd; at += 8) this.mix(wordAt(bytes, at), wordAt(bytes, at + 4));
    let low = 0;
    let high = (end - from) << 24;
    for (let at = wholeEnd; at < end; at++) {
      const shift = (at - wholeEnd) * 8;
      if (shift < 32) low |= bytes[at] << shift;
      else high |= bytes[at] << (shift - 32);
    }
    this.mix(low, high);
    state[4] ^= 0xee;
    this.rounds(4);
    words[0] = state[0] ^ state[2] ^ state[4] ^ state[6];
    words[1] = state[1] ^ state[3] ^ state[5] ^ state[7];
    state[2] ^= 0xdd;
    this.rounds(4);
    words[2] = state[0] ^ state[2] ^ state[4] ^ state[6];
    words[3] = state[1] ^ state[3] ^ state[5] ^ state[7];
  }

  private begin(): void {
    const { state, secret } = this;
    state[0] = secret[0] ^ 0x70736575;
    state[1] = secret[1] ^ 0x736f6d65;
    state[2] = secret[2] ^ 0x6e646f6d ^ 0xee;
    state[3] = secret[3] ^ 0x646f7261;
    state[4] = secret[0] ^ 0x6e657261;
    state[5] = secret[1] ^ 0x6c796765;
    state[6] = secret[2] ^ 0x79746573;
    state[7] = secret[3] ^ 0x74656462;
  }

  private mix(low: number, high: number): void {
    const { state } = this;
    state[6] ^= low;
    state[7] ^= high;
    this.rounds(2);
    state[0] ^= low;
    state[1] ^= high;
  }

  private rounds(count: number): void {
    const { state } = this;
    let [v0, w0, v1, w1, v2, w2, v3, w3] = [0, 0, 0, 0, 0, 0, 0, 0];
    v0 = state[0];
    w0 = state[1];
    v1 = state[2];
    w1 = state[3];
    v2 = state[4];
    w2 = state[5];
    v3 = state[6];
    w3 = state[7];
    for (let left = count; left > 0; left--) {
      let sum = (v0 >>> 0) + (v1 >>> 0);
      v0 = sum | 0;
      w0 = (w0 + w1 + (sum > LOW_MAX ? 1 : 0)) | 0;
      let kept = v1;
      v1 = ((v1 << 13) | (w1 >>> 19)) ^ v0;
      w1 = ((w1 << 13) | (kept >>> 19)) ^ w0;
      kept = v0;
      v0 = w0;
      w0 = kept;
      sum = (v2 >>> 0) + (v3 >>> 0);
      v2 = sum | 0;
      w2 = (w2 + w3 + (sum > LOW_MAX ? 1 : 0)) | 0;
      kept = v3;
      v3 = ((v3 << 16) | (w3 >>> 16)) ^ v2;
      w3 = ((w3 << 16) | (kept >>> 16)) ^ w2;
      sum = (v0 >>> 0) + (v3 >>> 0);
      v0 = sum | 0;
      w0 = (w0 + w3 + (sum > LOW_MAX ? 1 : 0)) | 0;
      kept = v3;
      v3 = ((v3 << 21) | (w3 >>> 11)) ^ v0;
      w3 = ((w3 << 21) | (kept >>> 11)) ^ w0;
      sum = (v2 >>> 0) + (v1 >>> 0);
      v2 = sum | 0;
      w2 = (w2 + w1 + (sum > LOW_MAX ? 1 : 0)) | 0;
      kept = v1;
      v1 = ((v1 << 17) | (w1 >>> 15)) ^ v2;
      w1 = ((w1 << 17) | (kept >>> 15)) ^ w2;
      kept = v2;
      v2 = w2;
      w2 = kept;
    }
    state[0] = v0;
    state[1] = w0;
    state[2] = v1;
    state[3] = w1;
    state[4] = v2;
    state[5] = w2;
    state[6] = v3;
    state[7] = w3;
  }
}

export const SECRET_BYTES = 16;
const LOW_MAX = 0xffff_ffff;

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
