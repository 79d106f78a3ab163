import type { Kernels } from "#kernels/kernels.ts";
import type { Clock } from "#ports/clock.ts";
import type { SegmentObject } from "#ports/log-store.ts";
import type { ObjectStore } from "#ports/object-store.ts";
import type { Random } from "#ports/random.ts";
import type { Timers } from "#ports/timers.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { Segment } from "../segments.ts";
import type { ObjectGarbage } from "./object-garbage.ts";
import { segmentKey } from "./object-key.ts";
import { PackingEnded, SegmentPacker } from "./segment-object.ts";

/** How long to wait after the object store failed, or a segment could not be packed. */
const RETRY_MS = 30_000;

export interface OffloaderOptions {
  readonly objects: ObjectStore;
  readonly garbage: ObjectGarbage;
  readonly kernels: Kernels;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  committed(): Promise<void>;
  /** A segment has its object now, or the object store has failed, for a line in the operator's log. */
  onTiered(log: PartitionLog): void;
  onFailed(reason: string): void;
}

/**
 * Copies sealed segments to the object store, one after another. The order of its steps: the key on the list of garbage, committed; the
 * object written; time until it is safe from a power failure; the manifest refers to it and the key leaves the list, in one commit. Rows go
 * later, by whoever wants the room. A crash before the last step leaves a segment with its rows and an object that is deleted.
 */
export class Offloader {
  private readonly options: OffloaderOptions;
  private isCopying = false;
  private pausedUntilMs = 0;
  /** Of copies that aren't safe yet: so much will be free to leave the store soon. */
  settlingBytes = 0;

  constructor(options: OffloaderOptions) {
    this.options = options;
  }

  /** Whether `copy` would begin now. */
  get isFree(): boolean {
    return !this.isCopying && this.options.clock.nowMs() >= this.pausedUntilMs;
  }

  get pausedUntil(): number {
    return this.pausedUntilMs;
  }

  /** Copies one segment. False when it could not be claimed, is too large, or the offloader is busy. */
  copy(log: PartitionLog, segment: Segment, indexIntervalBytes: number): boolean {
    if (!this.isFree || segment.isTooLarge || !segment.claim()) return false;
    this.isCopying = true;
    void this.run(log, segment, indexIntervalBytes);
    return true;
  }

  private async run(log: PartitionLog, segment: Segment, indexIntervalBytes: number): Promise<void> {
    const { garbage, random } = this.options;
    const { topicId, partitionIndex } = log;
    const key = segmentKey({ topicId, partitionIndex, baseOffset: segment.baseOffset, attempt: random.uuid() });
    let isSent = false;
    let object: SegmentObject | null = null;
    try {
      await garbage.reserve(key);
      isSent = true;
      object = await this.write(log, segment, { key, indexIntervalBytes });
    } catch (error) {
      this.noteFailure(error);
    }
    this.isCopying = false;
    if (object !== null) this.settle(log, segment, object);
    else if (isSent) this.giveUpLate(segment, key);
    else this.giveUp(segment, key);
    this.options.onTiered(log);
  }

  private async write(
    log: PartitionLog,
    segment: Segment,
    { key, indexIntervalBytes }: { readonly key: string; readonly indexIntervalBytes: number },
  ): Promise<SegmentObject | null> {
    const packer = new SegmentPacker(this.options.kernels, log.segments, segment, indexIntervalBytes);
    const outcome = await this.options.objects.put(key, packer.chunks());
    if (outcome.kind === "stored") return { key, ...packer.layout };
    this.pause(outcome.reason);
    return null;
  }

  /** A deleted segment is no failure. A commit that failed ends everything by itself. */
  private noteFailure(error: unknown): void {
    if (error instanceof PackingEnded && !error.isFault) return;
    this.pause(error instanceof Error ? error.message : String(error));
  }

  private pause(reason: string): void {
    this.pausedUntilMs = this.options.clock.nowMs() + RETRY_MS;
    this.options.onFailed(reason);
  }

  private giveUp(segment: Segment, key: string): void {
    segment.release();
    this.options.garbage.abandon(key);
  }

  /** The same of a put that has failed: one that took too long may still land. */
  private giveUpLate(segment: Segment, key: string): void {
    segment.release();
    this.options.garbage.abandonLate(key);
  }

  /** The segment stays claimed: what its object holds may not change any more. */
  private settle(log: PartitionLog, segment: Segment, object: SegmentObject): void {
    const { settleMs } = this.options.objects;
    const { sizeInBytes } = segment;
    this.settlingBytes += sizeInBytes;
    const finish = () => {
      this.settlingBytes -= sizeInBytes;
      void this.refer(log, segment, object);
    };
    if (settleMs === 0) finish();
    else this.options.timers.set(finish, settleMs);
  }

  private async refer(log: PartitionLog, segment: Segment, object: SegmentObject): Promise<void> {
    try {
      if (!log.segments.attachObject(segment, object)) return this.giveUp(segment, object.key);
      await this.options.committed();
    } catch {
      // A commit has failed, perhaps while the object was written: the broker begins again from what is stored.
      return;
    }
    segment.release();
    // Deleted while its commit was under way: the key is on the list again.
    if (segment.isRemoved) this.options.garbage.abandon(object.key);
    else this.options.garbage.referred(object.key);
    this.options.onTiered(log);
  }
}
