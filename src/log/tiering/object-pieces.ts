import type { Kernels } from "#kernels/kernels.ts";
import type { SegmentObject } from "#ports/log-store.ts";
import type { ObjectStore } from "#ports/object-store.ts";
import { INDEXES_MAX_BYTES, PIECE_BYTES, PIECES_MAX_BYTES } from "./limits.ts";
import { indexRange, readIndexes, type SegmentIndexes } from "./segment-object.ts";

/** Why an object can't be read: it is gone (deleted meanwhile, or lost), out of reach, or not what was written. */
export type ReadFailure = "missing" | "unavailable" | "broken";

export type Loaded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: ReadFailure };

/** Things that are loaded once for all who ask for them meanwhile, and kept as long as there is room. */
class LoadingCache<T> {
  private readonly maxBytes: number;
  private readonly sizeOf: (value: T) => number;
  private readonly kept = new Map<string, T>();
  private readonly loading = new Map<string, Promise<Loaded<T>>>();
  private keptBytes = 0;

  constructor(maxBytes: number, sizeOf: (value: T) => number) {
    this.maxBytes = maxBytes;
    this.sizeOf = sizeOf;
  }

  get(key: string, load: () => Promise<Loaded<T>>): Promise<Loaded<T>> {
    const kept = this.kept.get(key);
    if (kept !== undefined) {
      this.kept.delete(key);
      this.kept.set(key, kept);
      return Promise.resolve({ ok: true, value: kept });
    }
    const underWay = this.loading.get(key);
    if (underWay !== undefined) return underWay;
    const loading = load().then((loaded) => {
      this.loading.delete(key);
      if (loaded.ok) this.keep(key, loaded.value);
      return loaded;
    });
    this.loading.set(key, loading);
    return loading;
  }

  private keep(key: string, value: T): void {
    this.kept.set(key, value);
    this.keptBytes += this.sizeOf(value);
    for (const [oldest, gone] of this.kept) {
      if (this.keptBytes <= this.maxBytes || oldest === key) return;
      this.kept.delete(oldest);
      this.keptBytes -= this.sizeOf(gone);
    }
  }
}

/** The parts of objects that readers want, loaded by ranges. What it keeps is bounded over all partitions of a broker. */
export class ObjectPieces {
  private readonly objects: ObjectStore;
  private readonly kernels: Kernels;
  private readonly pieces = new LoadingCache<Uint8Array>(PIECES_MAX_BYTES, (piece) => piece.length);
  private readonly indexes = new LoadingCache<SegmentIndexes>(
    INDEXES_MAX_BYTES,
    ({ offsetIndex, timeIndex }) => offsetIndex.length + timeIndex.length,
  );

  constructor(objects: ObjectStore, kernels: Kernels) {
    this.objects = objects;
    this.kernels = kernels;
  }

  indexesOf(object: SegmentObject): Promise<Loaded<SegmentIndexes>> {
    return this.indexes.get(object.key, async () => {
      const { from, length } = indexRange(object);
      const range = await this.objects.getRange(object.key, from, length);
      if (range.kind !== "found") return { ok: false, failure: range.kind };
      const value = readIndexes(this.kernels, object, range.bytes);
      return value === null ? { ok: false, failure: "broken" } : { ok: true, value };
    });
  }

  /** The piece numbered `number` of the object's batches; the last one is shorter. */
  piece(object: SegmentObject, number: number): Promise<Loaded<Uint8Array>> {
    return this.pieces.get(`${object.key}#${number}`, async () => {
      const from = number * PIECE_BYTES;
      const length = Math.min(PIECE_BYTES, object.batchBytes - from);
      const range = await this.objects.getRange(object.key, from, length);
      return range.kind === "found" ? { ok: true, value: range.bytes } : { ok: false, failure: range.kind };
    });
  }
}
