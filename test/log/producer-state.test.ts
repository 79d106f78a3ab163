import { describe, expect, it } from "vitest";
import { MAX_ABORTED_TRANSACTIONS, MAX_LEADER_EPOCHS, MAX_PRODUCERS, PRODUCER_ID_EXPIRATION_MS } from "#log/limits.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { PartitionLogs } from "#log/partition-logs.ts";
import { DEDUPLICATION_WINDOW, ProducerState } from "#log/producer-state.ts";
import { ActiveSegment } from "#log/segments.ts";
import { decodeSnapshot, encodeSnapshot } from "#log/snapshot.ts";
import { ErrorCode, errorName } from "#protocol/errors.ts";
import { readBatchHeader } from "#records/batch.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { append, batchOf, compression, NOW_MS, OTHER_TOPIC, openLogs, TOPIC } from "./setup.ts";

const MAX_SEQUENCE = 2 ** 31 - 1;

/** One append of producer 7: its epoch, first sequence and record count, and what Kafka 4.4 makes of it. */
type Step = readonly [epoch: number, sequence: number, count: number, outcome: string];

/**
 * The rules of ProducerAppendInfo and ProducerStateEntry (Apache Kafka, storage/internals/log). `@n` is an append at
 * offset n, `=n` the answer to a repeated one.
 */
const cases: readonly { readonly name: string; readonly steps: readonly Step[] }[] = [
  {
    name: "in sequence",
    steps: [
      [0, 0, 1, "@0"],
      [0, 1, 3, "@1"],
      [0, 4, 2, "@4"],
    ],
  },
  {
    name: "an unknown producer may begin anywhere",
    steps: [
      [0, 40, 2, "@0"],
      [0, 42, 1, "@2"],
    ],
  },
  {
    name: "an unknown producer may begin with any epoch",
    steps: [
      [5, 3, 1, "@0"],
      [5, 4, 1, "@1"],
    ],
  },
  {
    name: "a gap",
    steps: [
      [0, 0, 1, "@0"],
      [0, 2, 1, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
      [0, 1, 1, "@1"],
    ],
  },
  {
    name: "a repeated batch",
    steps: [
      [0, 0, 2, "@0"],
      [0, 0, 2, "=0"],
      [0, 2, 1, "@2"],
      [0, 0, 2, "=0"],
    ],
  },
  {
    name: "the window is five batches",
    steps: [
      ...[0, 1, 2, 3, 4, 5].map((n): Step => [0, n, 1, `@${n}`]),
      ...[5, 4, 3, 2, 1].map((n): Step => [0, n, 1, `=${n}`]),
      [0, 0, 1, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
    ],
  },
  {
    name: "a repeated range must be the same range",
    steps: [
      [0, 0, 4, "@0"],
      [0, 0, 2, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
      [0, 2, 2, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
    ],
  },
  {
    name: "a refused batch isn't remembered",
    steps: [
      [0, 0, 1, "@0"],
      [0, 5, 1, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
      [0, 5, 1, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
    ],
  },
  {
    name: "a new epoch begins at 0",
    steps: [
      [0, 0, 1, "@0"],
      [1, 0, 1, "@1"],
      [1, 1, 1, "@2"],
    ],
  },
  {
    name: "a new epoch that doesn't",
    steps: [
      [0, 0, 1, "@0"],
      [1, 1, 1, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
      [0, 1, 1, "@1"],
    ],
  },
  {
    name: "an old epoch",
    steps: [
      [3, 0, 1, "@0"],
      [2, 1, 1, "INVALID_PRODUCER_EPOCH"],
      [2, 0, 1, "INVALID_PRODUCER_EPOCH"],
      [3, 1, 1, "@1"],
    ],
  },
  {
    name: "a new epoch forgets the batches of the old one",
    steps: [
      [0, 0, 1, "@0"],
      [1, 0, 1, "@1"],
      [1, 0, 1, "=1"],
      [0, 0, 1, "INVALID_PRODUCER_EPOCH"],
    ],
  },
  {
    name: "sequences wrap to 0 between batches",
    steps: [
      [0, MAX_SEQUENCE, 1, "@0"],
      [0, 0, 1, "@1"],
      [0, MAX_SEQUENCE, 1, "=0"],
      [0, 0, 1, "=1"],
    ],
  },
  {
    name: "sequences wrap to 0 within a batch",
    steps: [
      [0, MAX_SEQUENCE - 1, 4, "@0"],
      [0, 2, 1, "@4"],
      [0, MAX_SEQUENCE - 1, 4, "=0"],
      [0, 4, 1, "OUT_OF_ORDER_SEQUENCE_NUMBER"],
    ],
  },
];

function outcomeOf(log: ReturnType<ReturnType<typeof openLogs>["getOrCreate"]>, step: Step): string {
  const [producerEpoch, baseSequence, count] = step;
  const values = Array.from({ length: count }, (_, i) => `${i}`);
  const outcome = append(log, batchOf({ values, producerId: 7, producerEpoch, baseSequence }), {
    nowMs: 1 + 1_800_000_000_000,
  });
  if (outcome.kind === "refused") return errorName(outcome.errorCode) ?? "";
  if (outcome.lastOffset !== outcome.baseOffset + count - 1) return "a wrong last offset";
  return `${outcome.duplicate ? "=" : "@"}${outcome.baseOffset}`;
}

describe("idempotent producers", () => {
  for (const { name, steps } of cases) {
    it(name, () => {
      const log = openLogs(new MemoryLogStore()).getOrCreate(TOPIC, 0);
      expect(steps.map((step) => outcomeOf(log, step))).toEqual(steps.map(([, , , outcome]) => outcome));
    });

    it(`${name}, with a restart before each append`, async () => {
      const store = new MemoryLogStore();
      for (const step of steps) {
        const logs = openLogs(store.reopened());
        expect(outcomeOf(logs.getOrCreate(TOPIC, 0), step)).toBe(step[3]);
        await logs.committed();
      }
    });
  }

  it("keeps producers and partitions apart", () => {
    const logs = openLogs(new MemoryLogStore());
    const send = (partition: number, producerId: number, baseSequence: number) =>
      append(
        logs.getOrCreate(TOPIC, partition),
        batchOf({ values: ["x"], producerId, producerEpoch: 0, baseSequence }),
      );
    for (const partition of [0, 1])
      for (const producerId of [1, 2]) expect(send(partition, producerId, 0).kind).toBe("appended");
    expect(send(0, 1, 0)).toMatchObject({ duplicate: true, baseOffset: 0 });
    expect(send(1, 2, 2)).toMatchObject({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
  });

  it("answers a duplicate with the timestamp of its first append, as Kafka does", () => {
    const log = openLogs(new MemoryLogStore()).getOrCreate(TOPIC, 0);
    const batch = { values: ["x"], timestampsMs: [123], producerId: 1, producerEpoch: 0, baseSequence: 0 };
    expect(append(log, batchOf(batch))).toMatchObject({ duplicate: false, logAppendTimeMs: -1 });
    expect(append(log, batchOf(batch))).toMatchObject({ duplicate: true, logAppendTimeMs: 123 });
  });

  it("checks only the epoch of what a coordinator writes", () => {
    const log = openLogs(new MemoryLogStore()).getOrCreate(TOPIC, 0);
    const write = (producerEpoch: number, baseSequence: number) => {
      const batch = batchOf({ values: ["x"], producerId: 3, producerEpoch, baseSequence });
      const outcome = append(log, batch, { origin: "coordinator" });
      return outcome.kind === "refused" ? outcome.errorCode : outcome.baseOffset;
    };
    expect([write(1, 0), write(1, 0), write(1, 9)]).toEqual([0, 1, 2]);
    expect(write(0, 0)).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
  });

  it("forgets the producer that has been silent for longest when there are too many, and all that are silent too long", () => {
    const state = new ProducerState();
    const write = (producerId: number, nowMs: number) =>
      state.replay(
        { ...readBatchHeader(batchOf({ values: ["x"], producerId, producerEpoch: 0, baseSequence: 0 }), 0) },
        nowMs,
      );
    for (let producerId = 0; producerId < MAX_PRODUCERS; producerId++) write(producerId, producerId);
    write(0, MAX_PRODUCERS);
    write(MAX_PRODUCERS, MAX_PRODUCERS + 1);
    const known = () => [...state.entries()].map(({ producerId }) => producerId);
    expect([known().length, known()[0], known().includes(0), known().includes(1)]).toEqual([
      MAX_PRODUCERS,
      2,
      true,
      false,
    ]);
    state.expire(MAX_PRODUCERS + PRODUCER_ID_EXPIRATION_MS);
    expect(known()).toEqual([MAX_PRODUCERS]);
  });

  it("never forgets a producer whose append isn't answered, nor one that came after it", () => {
    const state = new ProducerState();
    const write = (producerId: number) => {
      const batch = batchOf({ values: ["x"], producerId, producerEpoch: 0, baseSequence: 0, baseOffset: producerId });
      state.replay(readBatchHeader(batch, 0), 0);
    };
    write(0);
    state.answeredTo(1);
    for (let producerId = 1; producerId <= MAX_PRODUCERS + 9; producerId++) write(producerId);
    const known = () => [...state.entries()].map(({ producerId }) => producerId);
    expect([known()[0], known().length]).toEqual([1, MAX_PRODUCERS + 9]);
    state.answeredTo(5);
    expect(state.forgetSilentSince(0, 100)).toBe(4);
    expect(known()[0]).toBe(5);
    state.expire(PRODUCER_ID_EXPIRATION_MS * 2);
    expect(known()[0]).toBe(5);
  });

  it("fits a full snapshot into a row", () => {
    const batches = Array.from({ length: DEDUPLICATION_WINDOW }, () => ({
      lastSequence: 1,
      lastOffset: 1,
      lastOffsetDelta: 0,
      timestamp: 1,
    }));
    const entry = {
      producerEpoch: 1,
      coordinatorEpoch: 1,
      currentTxnFirstOffset: -1,
      lastTimestamp: 1,
      lastSeenMs: 1,
      batches,
    };
    const aborted = { producerId: 1, firstOffset: 1, lastOffset: 1, lastStableOffset: 1 };
    const snapshot = encodeSnapshot({
      logStartOffset: 0,
      logEndOffset: 0,
      nextSequence: 0,
      runningMaxTimestamp: 0,
      leaderEpochs: Array.from({ length: MAX_LEADER_EPOCHS }, (_, epoch) => ({ epoch, startOffset: epoch })),
      producers: Array.from({ length: MAX_PRODUCERS + 5_000 }, (_, i) => ({ ...entry, producerId: i - 5_000 })),
      aborted: Array.from({ length: MAX_ABORTED_TRANSACTIONS }, () => aborted),
      firstDirtyOffset: 0,
      active: ActiveSegment.empty({ number: 0, baseOffset: 0, fromSequence: 0 }).stored,
    });
    // A row of a Durable Object takes 2 MB.
    expect(snapshot.length).toBeLessThan(1_900_000);
    expect(decodeSnapshot(snapshot).producers).toHaveLength(MAX_PRODUCERS);
    expect(decodeSnapshot(snapshot).producers[MAX_PRODUCERS - 1]).toEqual({ ...entry, producerId: MAX_PRODUCERS - 1 });
  });
});

describe("the producers of all partitions together", () => {
  const limits = { maxProducers: 10, keptProducers: 6 };
  const open = (store: MemoryLogStore) =>
    new PartitionLogs({ store, compression, clock: { nowMs: () => NOW_MS }, producerLimits: limits });
  const write = (log: PartitionLog, producerId: number, nowMs: number) =>
    append(log, batchOf({ values: ["x"], producerId, producerEpoch: 0, baseSequence: 0 }), { nowMs });
  const known = (...logs: PartitionLog[]) =>
    logs.map((log) => [...log.producers.entries()].map((one) => one.producerId));

  it("are bounded: those silent for longest go first, whatever their partition", async () => {
    const logs = open(new MemoryLogStore());
    const [one, two] = [logs.getOrCreate(TOPIC, 0), logs.getOrCreate(TOPIC, 1)];
    for (let i = 0; i < 10; i++) {
      write(i % 3 === 0 ? one : two, i, NOW_MS + i);
      await logs.committed();
    }
    expect(known(one, two)).toEqual([
      [0, 3, 6, 9],
      [1, 2, 4, 5, 7, 8],
    ]);
    write(one, 10, NOW_MS + 10);
    expect(known(one, two)).toEqual([
      [6, 9, 10],
      [5, 7, 8],
    ]);
    await logs.deleteTopic(TOPIC);
    const other = logs.getOrCreate(OTHER_TOPIC, 0);
    for (let i = 0; i < 10; i++) {
      write(other, i, NOW_MS);
      await logs.committed();
    }
    expect(known(other)[0]).toHaveLength(10);
  });

  it("stay as long as their appends aren't answered", async () => {
    const store = new MemoryLogStore();
    const logs = open(store);
    const log = logs.getOrCreate(TOPIC, 0);
    await logs.committed();
    for (let i = 0; i < 30; i++) write(log, i, NOW_MS + i);
    expect(known(log)[0]).toHaveLength(30);
    for (let i = 0; i < 30; i++) expect(write(log, i, NOW_MS)).toMatchObject({ duplicate: true, baseOffset: i });
    await logs.committed();
    for (let i = 30; i < 40; i++) {
      write(log, i, NOW_MS + i);
      await logs.committed();
    }
    expect(known(log)[0].length).toBeLessThanOrEqual(10);
    expect(known(log)[0]).toContain(39);
  });

  it("are bounded when they are read back, too", async () => {
    const store = new MemoryLogStore();
    const logs = open(store);
    const log = logs.getOrCreate(TOPIC, 0);
    for (let i = 0; i < 30; i++) write(log, i, NOW_MS + i);
    await logs.committed();
    const again = open(store.reopened()).getOrCreate(TOPIC, 0);
    expect(known(again)[0]).toEqual([24, 25, 26, 27, 28, 29]);
  });
});
