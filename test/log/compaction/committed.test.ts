/** Compaction under read_committed: transactions of several producers, some aborted, in a log that is compacted and crashes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppendConfig } from "#log/append.ts";
import { Compactor } from "#log/compaction/compactor.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { isControl, isTransactional, lastOffsetOf } from "#records/batch.ts";
import { buildMarkerBatch, readMarker } from "#records/control-record.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { ManualTime } from "../../doubles/manual-time.ts";
import { MemoryLogStore } from "../../doubles/memory-log-store.ts";
import { append, config, join, openLogs, TINY_CACHE, TOPIC } from "../setup.ts";
import { compression, type KeyValue, keyedBatch, NOW_MS } from "./setup.ts";

const COMPACTED: AppendConfig = { ...config, compacted: true, segmentBytes: 700 };
const BACKOFF_MS = 15_000;
const PRODUCERS = 3;

interface Seen {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
}

/** What a consumer with read_committed gives its application, from fetches of at most `maxBytes`. */
function committed(log: PartitionLog, maxBytes: number): Seen[] {
  const seen: Seen[] = [];
  const upperBound = log.lastStableOffset;
  for (let offset = log.logStartOffset; offset < upperBound; ) {
    const from = offset;
    const read = log.read(offset, { maxBytes, upperBound, minOneMessage: true });
    if (read.kind !== "read") throw new Error(`a read at ${offset} is refused`);
    // Nothing is left before the transaction that is open: the consumer waits here.
    if (read.nextOffset === offset) break;
    offset = read.nextOffset;
    const aborted = [...log.abortedTransactions(from, read.nextOffset)];
    aborted.sort((one, other) => one.firstOffset - other.firstOffset);
    const aborting = new Set<number>();
    const bytes = join(read.chunks);
    for (const { header, at } of readBatches(bytes)) {
      while (aborted.length > 0 && aborted[0].firstOffset <= lastOffsetOf(header)) {
        aborting.add((aborted.shift() as { producerId: number }).producerId);
      }
      if (isControl(header.attributes)) {
        if (readMarker(bytes, at)?.isCommit === false) aborting.delete(header.producerId);
      } else if (!isTransactional(header.attributes) || !aborting.has(header.producerId)) {
        for (const { offset: own, key, value } of readRecords(compression, bytes, at)) {
          const record = {
            key: String(Buffer.from(key ?? [])),
            value: value === null ? null : String(Buffer.from(value)),
          };
          if (own >= from) seen.push({ offset: own, ...record });
        }
      }
    }
  }
  return seen;
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      producer: fc.nat({ max: PRODUCERS }),
      keys: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }),
      isTombstone: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      producer: fc.nat({ max: PRODUCERS - 1 }),
      isCommit: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("compact" as const), commits: fc.option(fc.nat({ max: 6 })) }),
  },
);
type Step = ReturnType<typeof step.generate>["value"];

/** A partition, and for each record whether its transaction was committed. */
class World {
  private store = new MemoryLogStore();
  private logs = openLogs(this.store, TINY_CACHE);
  private log = this.logs.getOrCreate(TOPIC, 0);
  private readonly time = new ManualTime();
  private readonly sequences = new Map<number, number>();
  private readonly open = new Map<number, number[]>();
  private readonly records = new Map<number, string>();
  private readonly aborted = new Set<number>();
  private values = 0;

  async take(one: Step): Promise<void> {
    await this.logs.committed();
    if (one.kind === "write") this.write(one);
    else if (one.kind === "end") this.end(one.producer, one.isCommit);
    else await this.compact(one.commits);
    await this.logs.committed();
  }

  /** The producer with the largest number writes without transactions. */
  private write({ producer, keys, isTombstone }: Extract<Step, { kind: "write" }>): void {
    const transactional = producer < PRODUCERS;
    const baseSequence = this.sequences.get(producer) ?? 0;
    const from = this.log.logEndOffset;
    const records = keys.map((key): KeyValue => [key, isTombstone ? null : `${this.values++}`, NOW_MS]);
    const batch = keyedBatch({ records, transactional, producerId: producer + 1, producerEpoch: 0, baseSequence });
    expect(append(this.log, batch, { config: COMPACTED })).toMatchObject({ kind: "appended", duplicate: false });
    this.sequences.set(producer, baseSequence + keys.length);
    records.forEach(([key, value], i) => {
      this.records.set(from + i, JSON.stringify({ offset: from + i, key, value }));
      if (transactional) this.open.set(producer, [...(this.open.get(producer) ?? []), from + i]);
    });
  }

  private end(producer: number, isCommit: boolean): void {
    const written = this.open.get(producer);
    if (written === undefined) return;
    const marker = { producerId: producer + 1, producerEpoch: 0, isCommit, coordinatorEpoch: 0 };
    const outcome = append(this.log, buildMarkerBatch(compression, marker, NOW_MS), {
      config: COMPACTED,
      origin: "coordinator",
    });
    expect(outcome.kind).toBe("appended");
    if (!isCommit) for (const offset of written) this.aborted.add(offset);
    this.open.delete(producer);
  }

  private async compact(commits: number | null): Promise<void> {
    const before = this.latest(committed(this.log, 500));
    const { lastStableOffset, highWatermark } = this.log;
    if (commits !== null) {
      let left = commits;
      this.store.beforeCommit = () => (left-- > 0 ? Promise.resolve() : Promise.reject(new Error("no power")));
    }
    await this.runCompactor();
    if (commits !== null) {
      this.store = this.store.crashed();
      this.logs = openLogs(this.store, TINY_CACHE);
      this.log = this.logs.get(TOPIC, 0) as PartitionLog;
    }
    expect([this.log.lastStableOffset, this.log.highWatermark]).toEqual([lastStableOffset, highWatermark]);
    for (const maxBytes of [1, 500, 1 << 20]) {
      const seen = committed(this.log, maxBytes);
      for (const record of seen) {
        expect(JSON.stringify(record)).toBe(this.records.get(record.offset));
        expect(this.aborted.has(record.offset)).toBe(false);
      }
      expect(this.latest(seen)).toEqual(before);
    }
  }

  private async runCompactor(): Promise<void> {
    const { log } = this;
    const failed = (error: unknown) => expect(error).toBeUndefined();
    const compactor = new Compactor({
      compression,
      clock: this.time,
      timers: this.time,
      secret: () => new Uint8Array(16),
      partitions: () => [
        {
          log,
          config: {
            minCleanableDirtyRatio: 0,
            minCompactionLagMs: 0,
            maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
            deleteRetentionMs: 0,
            segmentBytes: 700,
          },
        },
      ],
      committed: () => this.logs.committed(),
      backoffMs: () => BACKOFF_MS,
      onUncleanable: failed,
    });
    compactor.wake();
    await this.time.advance(BACKOFF_MS);
    compactor.close();
  }

  private latest(seen: readonly Seen[]): Map<string, string> {
    const values = new Map<string, string>();
    for (const { key, value } of seen) {
      if (value === null) values.delete(key);
      else values.set(key, value);
    }
    return values;
  }
}

describe("a reader with read_committed", () => {
  it("finds the last committed value of each key, and nothing aborted, whatever was compacted", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
        const world = new World();
        for (const one of steps) await world.take(one);
        // Data goes in the first round, its marker is told its end in the second, and goes in the third.
        for (let round = 0; round < 4; round++) {
          for (let producer = 0; producer <= PRODUCERS; producer++) {
            await world.take({ kind: "write", producer, keys: ["a", "b", "c"], isTombstone: false });
            await world.take({ kind: "end", producer, isCommit: round > 0 });
          }
          await world.take({ kind: "compact", commits: null });
        }
      }),
      { numRuns: 80 },
    );
  });
});
