import { Session } from "node:inspector";

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface CoveredFunction {
  readonly ranges: readonly Range[];
}

interface CoveredScript {
  readonly url: string;
  readonly functions: readonly CoveredFunction[];
}

type Span = readonly [from: number, to: number];

/** What ran since the last look: by function, the parts of it that did not. */
export type Ran = ReadonlyMap<string, readonly Span[]>;

/**
 * Which parts of the sources have run, from V8's own block coverage. Begin before the sources are loaded: V8 counts blocks only in what it
 * compiles from then on.
 */
export class Coverage {
  readonly #session: Session;
  readonly #isWanted: (url: string) => boolean;
  /** By function: what has never run. */
  readonly #missing = new Map<string, readonly Span[]>();

  constructor(isWanted: (url: string) => boolean, session?: Session) {
    this.#isWanted = isWanted;
    this.#session = session ?? new Session();
    if (session !== undefined) return;
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Knows of nothing that has run yet. */
  fresh(): Coverage {
    return new Coverage(this.#isWanted, this.#session);
  }

  close(): void {
    this.#post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  #post(method: string, params: object = {}): unknown {
    let answer: unknown;
    // The session is in this very thread: the answer is there when the call returns.
    this.#session.post(method, params, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }

  /** What ran since the last look. */
  look(): Ran {
    const { result } = this.#post("Profiler.takePreciseCoverage") as { result: readonly CoveredScript[] };
    const ran = new Map<string, readonly Span[]>();
    for (const { url, functions } of result) {
      if (!this.#isWanted(url)) continue;
      for (const { ranges } of functions) {
        const [whole, ...parts] = ranges;
        if (whole.count === 0) continue;
        const idle = parts
          .filter(({ count }) => count === 0)
          .map(({ startOffset, endOffset }): Span => [startOffset, endOffset]);
        ran.set(`${url} ${whole.startOffset}`, idle);
      }
    }
    return ran;
  }

  /** Does it show a part that has never run before? */
  isNew(ran: Ran): boolean {
    for (const [key, idle] of ran) {
      const missing = this.#missing.get(key);
      if (missing === undefined) return true;
      if (missing.some((span) => !isWithin(span, idle))) return true;
    }
    return false;
  }

  add(ran: Ran): void {
    for (const [key, idle] of ran) {
      const missing = this.#missing.get(key);
      this.#missing.set(key, missing === undefined ? idle : overlap(missing, idle));
    }
  }

  /** Functions that have run, and how many parts of them have not. */
  get summary(): { readonly functions: number; readonly idleParts: number } {
    let idleParts = 0;
    for (const spans of this.#missing.values()) idleParts += spans.length;
    return { functions: this.#missing.size, idleParts };
  }
}

/** V8's ranges are nested or apart, never crossed. */
function isWithin([from, to]: Span, spans: readonly Span[]): boolean {
  return spans.some(([start, end]) => start <= from && to <= end);
}

function overlap(one: readonly Span[], other: readonly Span[]): readonly Span[] {
  const both: Span[] = [];
  for (const [from, to] of one) {
    for (const [start, end] of other) {
      if (Math.max(from, start) < Math.min(to, end)) both.push([Math.max(from, start), Math.min(to, end)]);
    }
  }
  return both;
}
