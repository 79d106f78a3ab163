import type { Configs } from "./compaction.ts";
import type { ProduceEvent } from "./history.ts";

const RETENTION_MS = 604_800_000;

export interface Expiring {
  readonly produced: readonly ProduceEvent[];
  /** The offsets at which a record was acknowledged or read. */
  placesOf(id: string): readonly number[];
  readonly clockSkewMs: number;
}

/** Whether age or size may have moved the start of a log (`retention.ms`, `retention.bytes`). */
export class Retention {
  readonly #retentionMs: number;
  readonly #retentionBytes: number;
  readonly #known: Expiring;

  constructor(configs: Configs, known: Expiring) {
    const deletes = (configs["cleanup.policy"] ?? "delete").includes("delete");
    this.#retentionMs = deletes ? Number(configs["retention.ms"] ?? RETENTION_MS) : -1;
    this.#retentionBytes = deletes ? Number(configs["retention.bytes"] ?? -1) : -1;
    this.#known = known;
  }

  /** Null when a log may begin at `startOffset` at that time, where somebody has asked for `deletedBefore`; else why it must not. */
  whyNotStart(startOffset: number, atMs: number, deletedBefore: number): string | null {
    if (startOffset <= deletedBefore || this.#isLargeBehind(startOffset, atMs)) return null;
    if (this.#retentionMs < 0) return `nobody asked for more than ${deletedBefore}`;
    const { clockSkewMs } = this.#known;
    const young = this.#newestBetween(deletedBefore, startOffset);
    if (young === null || young.timestampMs + this.#retentionMs <= atMs + clockSkewMs) return null;
    return `${young.id} at ${young.offset} was ${Math.floor(atMs - young.timestampMs)} ms old`;
  }

  #newestBetween(from: number, end: number) {
    let newest: { readonly id: string; readonly offset: number; readonly timestampMs: number } | null = null;
    for (const { ids, timestampMs } of this.#known.produced) {
      if (timestampMs === undefined || (newest !== null && timestampMs <= newest.timestampMs)) continue;
      for (const id of ids) {
        const offset = this.#known.placesOf(id).find((place) => place >= from && place < end);
        if (offset !== undefined) newest = { id, offset, timestampMs };
      }
    }
    return newest;
  }

  /** May there be as many bytes behind it as are to be kept? Batches of which nobody knows where they are count each time that they were sent. */
  #isLargeBehind(startOffset: number, atMs: number): boolean {
    if (this.#retentionBytes < 0) return false;
    let bytes = 0;
    for (const { ids, invokedMs, outcome, idempotent, attempts, sizeInBytes = 0 } of this.#known.produced) {
      if (invokedMs > atMs || outcome === "refused") continue;
      const behind = ids.length === 0 ? 0 : this.#known.placesOf(ids[0]).filter((place) => place >= startOffset).length;
      const isKnown = outcome === "acknowledged" && (idempotent || attempts === 1);
      bytes += sizeInBytes * (isKnown ? behind : Math.max(attempts, behind));
    }
    return bytes >= this.#retentionBytes;
  }
}
