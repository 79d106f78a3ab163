/** The largest value that was known at a time: numbers put in with a time, asked for "strictly before". */
export class RunningMax {
  private readonly points: { readonly atMs: number; readonly value: number; readonly what: string }[] = [];
  private readonly prefix: number[] = [];
  private isSorted = true;

  add(atMs: number, value: number, what: string): void {
    this.points.push({ atMs, value, what });
    this.isSorted = false;
  }

  /** The largest value put in before `atMs`, and what it was. */
  before(atMs: number): { readonly value: number; readonly what: string } | null {
    if (!this.isSorted) this.sort();
    let low = 0;
    let high = this.points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.points[middle].atMs < atMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? null : this.points[this.prefix[low - 1]];
  }

  private sort(): void {
    this.points.sort((one, other) => one.atMs - other.atMs);
    this.prefix.length = 0;
    let best = 0;
    for (let i = 0; i < this.points.length; i++) {
      if (this.points[i].value > this.points[best].value) best = i;
      this.prefix.push(best);
    }
    this.isSorted = true;
  }
}
