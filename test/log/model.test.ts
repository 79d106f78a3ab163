import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_ROW_BYTES } from "#log/limits.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import type { PartitionLogs } from "#log/partition-logs.ts";
import { Codec } from "#records/batch.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { appendOne, config, NOW_MS, openLogs, readAll, readValues, TINY_CACHE, TOPIC } from "./setup.ts";

/** A log is a list of records with timestamps, cut at the front, of which a crash leaves what was committed. */
interface Model {
  records: { value: string; timestampMs: number }[];
  logStartOffset: number;
  committedEnd: number;
  committedStart: number;
}

type Step =
  | {
      readonly kind: "append";
      readonly timestampsMs: readonly number[];
      readonly valueBytes: number;
      readonly codec: Codec;
    }
  | { readonly kind: "commit" }
  | { readonly kind: "delete"; readonly at: number }
  | { readonly kind: "read"; readonly at: number; readonly maxBytes: number }
  | { readonly kind: "search"; readonly timestampMs: number }
  | { readonly kind: "restart" }
  | { readonly kind: "crash" };

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const timestamp = fc.integer({ min: 0, max: 60 });
const valueBytes = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 0, max: 400 }) },
  { weight: 4, arbitrary: fc.integer({ min: 2000, max: 9000 }) },
  { weight: 1, arbitrary: fc.integer({ min: MAX_ROW_BYTES - 200, max: MAX_ROW_BYTES + 200 }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      timestampsMs: fc.array(timestamp, { minLength: 1, maxLength: 4 }),
      valueBytes,
      codec: fc.constantFrom(Codec.NONE, Codec.NONE, Codec.GZIP),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("commit" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), at: fraction }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      at: fraction,
      maxBytes: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("search" as const), timestampMs: fc.integer({ min: 0, max: 62 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const) }) },
);

const bigConfig = { ...config, maxMessageBytes: 8 << 20 };

/** One run of the real log beside the model. */
class Run {
  private store = new MemoryLogStore();
  private logs: PartitionLogs = openLogs(this.store, TINY_CACHE);
  /** Commits begin by themselves, but reach the disk only in a commit step. */
  private isDiskAwake = false;
  private wake: () => void = () => {};
  private readonly model: Model = { records: [], logStartOffset: 0, committedEnd: 0, committedStart: 0 };
  private written = 0;

  constructor() {
    this.holdCommits();
  }

  private holdCommits(): void {
    this.store.beforeCommit = () =>
      this.isDiskAwake ? Promise.resolve() : new Promise((resolve) => (this.wake = resolve));
  }

  private get log(): PartitionLog {
    return this.logs.getOrCreate(TOPIC, 0);
  }

  async do(next: Step): Promise<void> {
    const { model, log } = this;
    switch (next.kind) {
      case "append":
        return this.append(next);
      case "commit":
        return this.commit();
      case "delete": {
        const offset = between(model.logStartOffset, model.committedEnd, next.at);
        expect(log.deleteRecordsBefore(offset)).toEqual({ kind: "deleted", logStartOffset: offset });
        model.logStartOffset = offset;
        return;
      }
      case "read":
        return this.read(between(model.logStartOffset, model.committedEnd, next.at), next.maxBytes);
      case "search":
        return this.search(next.timestampMs);
      case "restart":
        await this.commit();
        return this.open(this.store.reopened());
      case "crash":
        return this.open(this.store.crashed());
    }
  }

  private append({ timestampsMs, valueBytes: size, codec }: Step & { kind: "append" }): void {
    const values = timestampsMs.map((_, i) => `${this.written + i}`.padEnd(size, "."));
    this.written += values.length;
    const appended = appendOne(this.log, { values, timestampsMs, codec }, { config: bigConfig });
    expect(appended.baseOffset).toBe(this.model.records.length);
    this.model.records.push(...values.map((value, i) => ({ value, timestampMs: timestampsMs[i] })));
  }

  private async commit(): Promise<void> {
    this.isDiskAwake = true;
    this.wake();
    await this.logs.committed();
    this.isDiskAwake = false;
    this.model.committedEnd = this.model.records.length;
    this.model.committedStart = this.model.logStartOffset;
  }

  private open(store: MemoryLogStore): void {
    const { model } = this;
    model.records.length = model.committedEnd;
    model.logStartOffset = model.committedStart;
    this.store = store;
    this.holdCommits();
    this.logs = openLogs(store, TINY_CACHE);
    expect(this.log.logEndOffset).toBe(model.committedEnd);
  }

  private read(offset: number, maxBytes: number): void {
    const { model, log } = this;
    expect([log.logStartOffset, log.highWatermark]).toEqual([model.logStartOffset, model.committedEnd]);
    expect(log.read(model.logStartOffset - 1, { maxBytes, upperBound: offset, minOneMessage: true }).kind).toBe(
      "refused",
    );
    const read = readValues(log, offset, maxBytes);
    expect(read.length > 0).toBe(offset < model.committedEnd);
    for (const record of read) expect(record.value).toBe(model.records[record.offset].value);
    if (read.length > 0) expect(read[0].offset).toBeLessThanOrEqual(offset);
  }

  private search(timestampMs: number): void {
    const { model, log } = this;
    const visible = model.records.slice(0, model.committedEnd);
    const first = visible.findIndex((record, i) => i >= model.logStartOffset && record.timestampMs >= timestampMs);
    expect(log.offsetForTimestamp(timestampMs)?.offset ?? -1).toBe(first);
    const left = visible.slice(model.logStartOffset);
    const max = Math.max(-1, ...left.map((record) => record.timestampMs));
    const firstMax = left.findIndex((record) => record.timestampMs === max);
    expect(log.offsetOfMaxTimestamp()?.offset ?? -1).toBe(firstMax === -1 ? -1 : firstMax + model.logStartOffset);
  }

  async end(): Promise<void> {
    await this.commit();
    const { model } = this;
    const wanted = model.records.map(({ value }, offset) => ({ offset, value })).slice(model.logStartOffset);
    expect(readAll(this.log)).toEqual(wanted);
    expect(readAll(openLogs(this.store.reopened()).getOrCreate(TOPIC, 0), 500)).toEqual(wanted);
  }
}

function between(low: number, high: number, at: number): number {
  return low + Math.floor((high - low) * at);
}

describe("a log beside a list", () => {
  it("is the same whatever is done to it", async () => {
    expect(NOW_MS).toBeGreaterThan(60);
    const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const run = new Run();
      for (const next of steps) await run.do(next);
      await run.end();
    });
    await fc.assert(property, { numRuns: 500 });
  }, 60_000);
});
