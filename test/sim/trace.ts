const FNV_PRIME = 0x01000193;

/** All that happens, as lines: hashed always, kept only when somebody wants to read them. */
export class Trace {
  readonly lines: string[] = [];
  count = 0;
  #low = 0x811c9dc5;
  #high = 0x9747b28c;
  readonly #keeps: boolean;

  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  add(line: string): void {
    this.count += 1;
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      low = Math.imul(low ^ code, FNV_PRIME);
      high = Math.imul(high ^ (code + i), FNV_PRIME);
    }
    this.#low = Math.imul(low ^ 10, FNV_PRIME);
    this.#high = Math.imul(high ^ 10, FNV_PRIME);
    if (this.#keeps) this.lines.push(line);
  }

  get hash(): string {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }
}

/** A short name for bytes: their length and a sum over them. */
export function digest(bytes: Uint8Array): string {
  let sum = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i], FNV_PRIME);
  return `${bytes.length}:${(sum >>> 0).toString(16)}`;
}
