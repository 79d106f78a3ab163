import { referenceKernels } from "#kernels/reference.ts";
import { Maintenance, type MaintenanceConfig } from "#log/maintenance.ts";
import { LookupBudget } from "#log/offsets-for-times.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { PartitionLogs } from "#log/partition-logs.ts";
import { TIERED_WAIT_MS } from "#log/tiering/limits.ts";
import { Offloader } from "#log/tiering/offloader.ts";
import { Patience } from "#log/tiering/patience.ts";
import { TieredReader } from "#log/tiering/tiered-reader.ts";
import { offsetForTimestamp, offsetOfMaxTimestamp } from "#log/tiering/tiered-search.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { ManualTime, settle } from "../../doubles/manual-time.ts";
import { MemoryLogStore } from "../../doubles/memory-log-store.ts";
import { MemoryObjectStore } from "../../doubles/memory-object-store.ts";
import {
  appendOne,
  type BatchContent,
  compression,
  config,
  join,
  type ReadRecord,
  TINY_CACHE,
  TOPIC,
} from "../setup.ts";

export const NO_LIMITS: MaintenanceConfig = {
  compacted: false,
  deletes: true,
  retentionMs: -1,
  retentionBytes: -1,
  remoteStorageEnable: false,
  remoteLogCopyDisable: false,
  remoteLogDeleteOnDisable: false,
  localRetentionMs: -2,
  localRetentionBytes: -2,
  remoteCopyLagMs: 0,
  remoteCopyLagBytes: -1,
  indexIntervalBytes: 256,
};

export const CHECK_INTERVAL_MS = 300_000;

/** One broker's logs with an object store, as its process runs on a disk. */
export class TieredWorld {
  readonly store: MemoryLogStore;
  readonly objects: MemoryObjectStore;
  readonly time: ManualTime;
  readonly logs: PartitionLogs;
  readonly reader: TieredReader;
  readonly maintenance: Maintenance;
  readonly failures: string[] = [];
  readonly dues: number[] = [];
  config: MaintenanceConfig;
  private attempts = 0;

  constructor(
    config: Partial<MaintenanceConfig> = {},
    from: { store?: MemoryLogStore; objects?: MemoryObjectStore; time?: ManualTime; crowdedBytes?: number } = {},
  ) {
    this.config = { ...NO_LIMITS, ...config };
    this.store = from.store ?? new MemoryLogStore();
    this.objects = from.objects ?? new MemoryObjectStore();
    this.time = from.time ?? new ManualTime(0);
    this.logs = new PartitionLogs({
      store: this.store,
      compression,
      clock: this.time,
      cacheLimits: TINY_CACHE,
      tier: { objects: this.objects, timers: this.time },
      spaceLimits: { crowdedBytes: from.crowdedBytes ?? 1 << 30, fullBytes: 2 ** 31 },
    });
    this.reader = new TieredReader(this.objects, referenceKernels);
    const { garbage } = this.logs;
    if (garbage === null) throw new Error("there is a tier");
    const random = { uuid: () => `attempt-${this.time.nowMs()}-${this.attempts++}`, below: () => 0 };
    const offloader = new Offloader({
      objects: this.objects,
      garbage,
      kernels: referenceKernels,
      clock: this.time,
      random,
      timers: this.time,
      committed: () => this.logs.committed(),
      onTiered: (log) => this.maintenance.offload(log),
      onFailed: (reason) => this.failures.push(reason),
    });
    this.maintenance = new Maintenance({
      logs: this.logs,
      clock: this.time,
      timers: this.time,
      offloader,
      configOf: () => this.config,
      checkIntervalMs: () => CHECK_INTERVAL_MS,
      onNextDue: (dueMs) => this.dues.push(dueMs),
    });
  }

  get log(): PartitionLog {
    return this.logs.getOrCreate(TOPIC, 0);
  }

  /** Appends records of one batch each, all with the time as it is; rolls after every `perSegment`. */
  async fill(count: number, perSegment = 10, content: Partial<BatchContent> = {}): Promise<void> {
    for (let i = 0; i < count; i++) {
      const nowMs = this.time.nowMs();
      const value = `value ${this.log.logEndOffset}`;
      const timestampsMs = [nowMs];
      appendOne(
        this.log,
        { values: [value], timestampsMs, ...content },
        { nowMs, config: { ...config, indexIntervalBytes: 256 } },
      );
      if ((i + 1) % perSegment === 0) this.log.roll(nowMs);
      if (i % 3 === 0) await this.logs.committed();
    }
    await this.logs.committed();
    await this.quiet();
  }

  /** Until nothing happens any more without time. */
  async quiet(): Promise<void> {
    for (let i = 0; i < 60; i++) await settle();
  }

  /** A new process on what has been committed so far. */
  restarted(options: { crash?: boolean; crowdedBytes?: number } = {}): TieredWorld {
    this.maintenance.end();
    const { objects, time, config } = this;
    const store = options.crash === true ? this.store.crashed() : this.store.reopened();
    return new TieredWorld(config, { store, objects, time, crowdedBytes: options.crowdedBytes });
  }

  /** Everything from the log start to the high watermark, by steps of `maxBytes`, from wherever it is. */
  async readAll(maxBytes = 1 << 20): Promise<ReadRecord[]> {
    const all: ReadRecord[] = [];
    for (let offset = this.log.logStartOffset; offset < this.log.highWatermark; ) {
      const records = (await this.read(offset, maxBytes)).filter((record) => record.offset >= offset);
      const last = records.at(-1);
      if (last === undefined) throw new Error(`nothing is read at ${offset}`);
      all.push(...records);
      offset = last.offset + 1;
    }
    return all;
  }

  async read(offset: number, maxBytes: number): Promise<ReadRecord[]> {
    const limits = { maxBytes, upperBound: this.log.highWatermark, minOneMessage: true };
    const segment = this.log.tieredSegmentAt(offset);
    const outcome =
      segment === null
        ? this.log.read(offset, limits)
        : await this.patiently((patience) => this.reader.read(segment, offset, limits, patience));
    if (outcome.kind === "failed") throw new Error(`reading at ${offset}: ${outcome.failure}`);
    if (outcome.kind === "refused") throw new Error(`reading at ${offset}: error ${outcome.errorCode}`);
    const bytes = join(outcome.chunks);
    const records: ReadRecord[] = [];
    for (const { at } of readBatches(bytes)) {
      for (const record of readRecords(compression, bytes, at)) {
        records.push({ offset: record.offset, value: new TextDecoder().decode(record.value ?? new Uint8Array(0)) });
      }
    }
    return records;
  }

  offsetAt(timestampMs: number) {
    return this.patiently((patience) => offsetForTimestamp(this.log, timestampMs, this.question(patience)));
  }

  offsetOfLargest() {
    return this.patiently((patience) => offsetOfMaxTimestamp(this.log, this.question(patience)));
  }

  /** As a request asks the object store. */
  patiently<T>(ask: (patience: Patience) => Promise<T>, isThere = () => true): Promise<T> {
    return Patience.during({ timers: this.time, waitMs: TIERED_WAIT_MS, isThere }, ask);
  }

  private question(patience: Patience) {
    const { reader } = this;
    return { reader, compression, upperBound: this.log.highWatermark, budget: new LookupBudget(), patience };
  }
}

export function expectedRecords(from: number, end: number): ReadRecord[] {
  return Array.from({ length: end - from }, (_, i) => ({ offset: from + i, value: `value ${from + i}` }));
}
