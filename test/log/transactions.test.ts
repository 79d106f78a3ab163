import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppendOptions, AppendOutcome } from "#log/append.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import type { PartitionLogs } from "#log/partition-logs.ts";
import { AbortedTransactions, collectAborts, decodeAborts } from "#log/transaction-index.ts";
import { ErrorCode, errorName } from "#protocol/errors.ts";
import { buildMarkerBatch, readMarker } from "#records/control-record.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { append, batchOf, compression, config, NOW_MS, openLogs, readValues, TINY_CACHE, TOPIC } from "./setup.ts";

interface Marked {
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly isCommit?: boolean;
  readonly coordinatorEpoch?: number;
  readonly transactionVersion?: number;
}

function mark(log: PartitionLog, marked: Marked = {}): AppendOutcome {
  const { producerId = 7, producerEpoch = 0, isCommit = true, coordinatorEpoch = 0, transactionVersion = 0 } = marked;
  const bytes = buildMarkerBatch(compression, { producerId, producerEpoch, isCommit, coordinatorEpoch }, NOW_MS);
  return append(log, bytes, { origin: "coordinator", transactionVersion });
}

interface Written {
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly sequence: number;
  readonly transactional?: boolean;
}

function write(log: PartitionLog, written: Written, options: Partial<AppendOptions> = {}): AppendOutcome {
  const { producerId = 7, producerEpoch = 0, sequence, transactional = true } = written;
  const batch = batchOf({ values: ["x"], producerId, producerEpoch, baseSequence: sequence, transactional });
  return append(log, batch, options);
}

function nameOf(outcome: AppendOutcome): string | number {
  return outcome.kind === "refused" ? (errorName(outcome.errorCode) ?? "") : outcome.baseOffset;
}

const open = () => openLogs(new MemoryLogStore()).getOrCreate(TOPIC, 0);

describe("the last stable offset", () => {
  it("stays at the first open transaction until its marker is committed", async () => {
    const logs = openLogs(new MemoryLogStore());
    const log = logs.getOrCreate(TOPIC, 0);
    write(log, { sequence: 0, transactional: false, producerId: 1 });
    write(log, { sequence: 0 });
    write(log, { sequence: 0, producerId: 8 });
    await logs.committed();
    expect([log.lastStableOffset, log.highWatermark]).toEqual([1, 3]);
    mark(log, { isCommit: false });
    expect(log.lastStableOffset).toBe(1);
    await logs.committed();
    expect([log.lastStableOffset, log.highWatermark]).toEqual([2, 4]);
    mark(log, { producerId: 8 });
    await logs.committed();
    expect([log.lastStableOffset, log.highWatermark]).toEqual([5, 5]);
  });

  it("is the log start where a transaction has lost its beginning", async () => {
    const logs = openLogs(new MemoryLogStore());
    const log = logs.getOrCreate(TOPIC, 0);
    for (let sequence = 0; sequence < 3; sequence++) write(log, { sequence });
    await logs.committed();
    log.deleteRecordsBefore(2);
    // Nobody is told before it is durable.
    expect(log.lastStableOffset).toBe(0);
    await logs.committed();
    expect(log.lastStableOffset).toBe(2);
  });

  it("lets a fetch that waits know of every byte before it, also in the middle of a row", async () => {
    const logs = openLogs(new MemoryLogStore());
    const log = logs.getOrCreate(TOPIC, 0);
    const size = batchOf({ values: ["x"] }).length;
    write(log, { sequence: 0, transactional: false, producerId: 1 });
    write(log, { sequence: 0 });
    await logs.committed();
    expect(log.bytesAvailable(0, 10_000, log.lastStableOffset)).toBe(size);
    expect(log.bytesAvailable(1, 10_000, log.lastStableOffset)).toBe(0);
    expect(log.bytesAvailable(0, 10_000)).toBe(2 * size);
  });
});

describe("producers with transactions", () => {
  it("may not write outside of their open transaction", () => {
    const log = open();
    expect(nameOf(write(log, { sequence: 0 }))).toBe(0);
    expect(nameOf(write(log, { sequence: 1, transactional: false }))).toBe("INVALID_TXN_STATE");
    mark(log);
    expect(nameOf(write(log, { sequence: 1, transactional: false }))).toBe(2);
  });

  it("are told apart by epochs", () => {
    const log = open();
    write(log, { sequence: 0, producerEpoch: 2 });
    expect(nameOf(write(log, { sequence: 0, producerEpoch: 1 }))).toBe("INVALID_PRODUCER_EPOCH");
    expect(nameOf(mark(log, { producerEpoch: 1 }))).toBe("INVALID_PRODUCER_EPOCH");
    expect(nameOf(mark(log, { producerEpoch: 2 }))).toBe(1);
    expect(nameOf(mark(log, { producerEpoch: 3 }))).toBe(2);
    expect(nameOf(write(log, { sequence: 1, producerEpoch: 2 }))).toBe("INVALID_PRODUCER_EPOCH");
    expect(nameOf(write(log, { sequence: 1, producerEpoch: 3 }))).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect(nameOf(write(log, { sequence: 0, producerEpoch: 3 }))).toBe(3);
  });

  it("in transactions V2 end with a larger epoch than they had; the same marker again changes nothing", async () => {
    const log = open();
    write(log, { sequence: 0, producerEpoch: 4 });
    expect(nameOf(mark(log, { producerEpoch: 4, transactionVersion: 2 }))).toBe("INVALID_PRODUCER_EPOCH");
    expect(nameOf(mark(log, { producerEpoch: 5, transactionVersion: 2 }))).toBe(1);
    expect(nameOf(mark(log, { producerEpoch: 5, transactionVersion: 2 }))).toBe(2);
    write(log, { sequence: 0, producerEpoch: 5 });
    expect(nameOf(mark(log, { producerEpoch: 5, transactionVersion: 2 }))).toBe("INVALID_PRODUCER_EPOCH");
    expect(log.lastProduced(7)).toEqual({ lastDataOffset: 3, producerEpoch: 5 });
  });

  it("hear nothing from a coordinator that has been replaced", () => {
    const log = open();
    mark(log, { coordinatorEpoch: 3 });
    write(log, { sequence: 0 });
    expect(nameOf(mark(log, { coordinatorEpoch: 2 }))).toBe("TRANSACTION_COORDINATOR_FENCED");
    expect(nameOf(mark(log, { coordinatorEpoch: 3 }))).toBe(2);
  });

  it("aren't forgotten while their transaction is open", async () => {
    const logs = openLogs(new MemoryLogStore());
    const log = logs.getOrCreate(TOPIC, 0);
    const longAgo = {
      nowMs: NOW_MS - 90_000_000,
      config: { ...config, timestampAfterMaxMs: 10 ** 12, producerIdExpirationMs: 1000 },
    };
    write(log, { sequence: 0, producerId: 1 }, longAgo);
    write(log, { sequence: 0, producerId: 2, transactional: false }, longAgo);
    await logs.committed();
    for (let i = 0; i < 300; i++) {
      append(log, batchOf({ values: ["y"] }), { config: longAgo.config });
      await logs.committed();
    }
    expect([...log.producers.entries()].map(({ producerId }) => producerId)).toEqual([1]);
  });

  it("clients may not write control batches", () => {
    const marker = buildMarkerBatch(
      compression,
      { producerId: 1, producerEpoch: 0, isCommit: true, coordinatorEpoch: 0 },
      NOW_MS,
    );
    expect(nameOf(append(open(), marker))).toBe("INVALID_RECORD");
    expect(readMarker(marker, 0)).toEqual({ isCommit: true, coordinatorEpoch: 0 });
  });
});

describe("verification (KIP-890)", () => {
  const verified = { config: { ...config, verifiesTransactions: true } };
  const begin = (log: PartitionLog, producerEpoch = 0, baseSequence = 0, addsPartition = false) =>
    log.producers.startVerification({ producerId: 7, producerEpoch, baseSequence, addsPartition }, NOW_MS);
  const guardOf = (log: PartitionLog, ...rest: [number?, number?, boolean?]) => {
    const outcome = begin(log, ...rest);
    if (outcome.kind !== "started") throw new Error(outcome.kind);
    return outcome.guard;
  };

  it("a batch begins a transaction with a guard only, and goes on without", () => {
    const log = open();
    expect(nameOf(write(log, { sequence: 0 }, verified))).toBe("INVALID_TXN_STATE");
    const guard = guardOf(log);
    expect(nameOf(write(log, { sequence: 0 }, { ...verified, guard: guard + 1 }))).toBe("INVALID_TXN_STATE");
    expect(nameOf(write(log, { sequence: 0 }, { ...verified, guard }))).toBe(0);
    expect(begin(log)).toEqual({ kind: "ongoing" });
    expect(nameOf(write(log, { sequence: 1 }, verified))).toBe(1);
    expect(begin(log, -1)).toMatchObject({ kind: "refused", errorCode: ErrorCode.INVALID_PRODUCER_EPOCH });
  });

  it("a marker makes a guard worthless: a late write of an old client can't get into the next transaction", () => {
    const log = open();
    const guard = guardOf(log);
    mark(log);
    expect(nameOf(write(log, { sequence: 0 }, { ...verified, guard }))).toBe("INVALID_TXN_STATE");
    const unverified = open();
    mark(unverified);
    // Without verification the write begins a transaction that nobody will end: a hanging transaction.
    expect(nameOf(write(unverified, { sequence: 0 }))).toBe(1);
  });

  it("the marker before a V2 client's transaction leaves its guard alone", () => {
    const log = open();
    write(log, { sequence: 0 }, { ...verified, guard: guardOf(log) });
    const next = guardOf(log, 1, 0, true);
    mark(log, { producerEpoch: 1, transactionVersion: 2 });
    expect(nameOf(write(log, { producerEpoch: 1, sequence: 0 }, { ...verified, guard: next }))).toBe(2);
  });

  it("a batch doesn't begin a transaction before one with a lower sequence does", () => {
    const log = open();
    const guard = guardOf(log, 0, 5);
    guardOf(log, 0, 3);
    expect(nameOf(write(log, { sequence: 5 }, { ...verified, guard }))).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect(nameOf(write(log, { sequence: 3 }, { ...verified, guard }))).toBe(0);
    const other = open();
    const second = guardOf(other, 0, 2, true);
    expect(nameOf(write(other, { sequence: 2 }, { ...verified, guard: second }))).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
  });
});

describe("the index of aborted transactions", () => {
  it("gives those that reach into a range", () => {
    const index = new AbortedTransactions();
    const abort = (
      producerId: number,
      firstOffset: number,
      markerOffset: number,
      lastStableOffset = markerOffset + 1,
    ) => index.note({ producerId, firstOffset, markerOffset, isCommit: false, lastStableOffset });
    abort(1, 0, 4, 2);
    abort(2, 2, 9);
    index.note({ producerId: 3, firstOffset: 10, markerOffset: 11, isCommit: true, lastStableOffset: 12 });
    abort(3, 12, 14);
    const offsets = (from: number, upper: number) =>
      collectAborts(index.all, from, upper).found.map(({ firstOffset }) => firstOffset);
    expect([offsets(0, 2), offsets(0, 20), offsets(5, 10), offsets(10, 12), offsets(15, 20)]).toEqual([
      [0],
      [0, 2, 12],
      [2],
      [],
      [],
    ]);
    expect(decodeAborts(index.seal()).map(({ lastOffset }) => lastOffset)).toEqual([4, 9, 14]);
    expect(index.all).toEqual([]);
  });
});

type Step =
  | { readonly kind: "write"; readonly producer: number; readonly transactional: boolean }
  | { readonly kind: "end"; readonly producer: number; readonly isCommit: boolean }
  | { readonly kind: "restart" | "roll" };

const producer = fc.integer({ min: 0, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("write" as const), producer, transactional: fc.boolean() }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("end" as const), producer, isCommit: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("restart" as const, "roll" as const) }),
  },
);

/** What a reader with read_committed makes of the whole log, as clients do it. */
function readCommitted(log: PartitionLog, fromOffset: number): number[] {
  const upperBound = log.lastStableOffset;
  const aborts = log.abortedTransactions(fromOffset, upperBound);
  const isAborted = (offset: number, producerId: number) =>
    aborts.some((abort) => abort.producerId === producerId && abort.firstOffset <= offset && offset < abort.lastOffset);
  return readValues(log, fromOffset)
    .filter(({ offset }) => offset >= fromOffset && offset < upperBound)
    .filter(({ offset, value }) => /^\d/.test(value) && !isAborted(offset, Number(value)))
    .map(({ offset }) => offset);
}

class Run {
  readonly store = new MemoryLogStore();
  logs: PartitionLogs = openLogs(this.store, TINY_CACHE);
  private readonly open = new Map<number, number[]>();
  private readonly sequences = new Map<number, number>();
  private readonly counted = new Set<number>();
  private unsettled: number[] = [];

  get log(): PartitionLog {
    return this.logs.getOrCreate(TOPIC, 0);
  }

  async step(step: Step): Promise<void> {
    if (step.kind === "end") this.end(step.producer, step.isCommit);
    else if (step.kind === "write") this.write(step.producer, step.transactional || this.open.has(step.producer));
    else if (step.kind === "restart") this.logs = openLogs(this.store.reopened(), TINY_CACHE);
    else this.log.roll(NOW_MS);
    await this.logs.committed();
  }

  private write(producerId: number, transactional: boolean): void {
    const baseSequence = this.sequences.get(producerId) ?? 0;
    this.sequences.set(producerId, baseSequence + 1);
    const batch = batchOf({ values: [`${producerId}`], producerId, producerEpoch: 0, baseSequence, transactional });
    const outcome = append(this.log, batch);
    if (outcome.kind === "refused") throw new Error(outcome.errorMessage);
    if (!transactional) this.counted.add(outcome.baseOffset);
    else this.open.set(producerId, [...(this.open.get(producerId) ?? []), outcome.baseOffset]);
  }

  private end(producerId: number, isCommit: boolean): void {
    mark(this.log, { producerId, isCommit });
    if (isCommit) for (const offset of this.open.get(producerId) ?? []) this.counted.add(offset);
    this.open.delete(producerId);
  }

  check(): void {
    this.unsettled = [...this.open.values()].flat();
    const stable = Math.min(this.log.logEndOffset, ...this.unsettled);
    expect(this.log.lastStableOffset).toBe(stable);
    for (let from = 0; from < stable; from++) {
      const expected = [...this.counted].filter((offset) => offset >= from && offset < stable).sort((a, b) => a - b);
      expect(readCommitted(this.log, from)).toEqual(expected);
    }
  }
}

describe("a log with transactions", () => {
  it("shows readers with read_committed what was committed, after restarts and over segments", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const run = new Run();
        for (const one of steps) await run.step(one);
        run.check();
      }),
      { numRuns: 100 },
    );
  });
});
