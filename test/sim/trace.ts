const FNV_PRIME = 0x01000193;
const US_PER_MS = 1000;

/** All that happens, as lines: hashed always, written out only when somebody wants to read them. */
export class Trace {
  readonly lines: string[] = [];
  count = 0;
  #low = 0x811c9dc5;
  #high = 0x9747b28c;
  readonly #keeps: boolean;

  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  add(atUs: number, what: string): void {
    this.count += 1;
    let low = Math.imul(this.#low ^ atUs, FNV_PRIME);
    for (let i = 0; i < what.length; i++) low = Math.imul(low ^ what.charCodeAt(i), FNV_PRIME);
    this.#low = low;
    this.#high = Math.imul(this.#high ^ low, 0x9e3779b1) + this.count;
    if (this.#keeps) this.lines.push(`${(atUs / US_PER_MS).toFixed(3)} ${what}`);
  }

  get hash(): string {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }
}

/** A short name for bytes: their length and a sum over them. */
export function digest(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = bytes.length & ~3;
  let sum = 0x811c9dc5;
  for (let at = 0; at < words; at += 4) sum = Math.imul(sum ^ view.getInt32(at, true), FNV_PRIME) + (sum >>> 15);
  for (let at = words; at < bytes.length; at++) sum = Math.imul(sum ^ bytes[at], FNV_PRIME);
  return `${bytes.length}:${(sum >>> 0).toString(16)}`;
}
