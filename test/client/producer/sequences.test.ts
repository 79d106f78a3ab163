import { describe, expect, it } from "vitest";
import { ProducerBatch } from "#client/producer/batch.ts";
import { addSequence, sequenceDistance } from "#client/producer/sequence-numbers.ts";
import { Sequences } from "#client/producer/sequences.ts";

const LAST = 2 ** 31 - 1;
let order = 0;

function batchOf(count: number): ProducerBatch {
  const batch = new ProducerBatch("t", 0, 0, order++);
  const record = { timestampMs: 0, key: null, value: null };
  for (let index = 0; index < count; index++) batch.add({ record, sizeInBytes: 1, settle: () => undefined });
  return batch;
}

/** Sequences under a known producer id, whose first batch of `count` records was taken. */
function introduced(count = 1): Sequences {
  const sequences = new Sequences();
  sequences.adopt({ producerId: 7, producerEpoch: 0 }, false);
  sent(sequences, count);
  return sequences;

  function sent(to: Sequences, size: number): void {
    const batch = batchOf(size);
    to.assign(batch);
    batch.sentWith = batch.sequence;
    to.acked(batch, size - 1);
  }
}

function send(sequences: Sequences, count: number): ProducerBatch {
  const batch = batchOf(count);
  expect(sequences.mayDrain(batch)).toBe(true);
  sequences.assign(batch);
  batch.sentWith = batch.sequence;
  return batch;
}

describe("sequence numbers", () => {
  it("wrap from 2^31 - 1 to 0", () => {
    expect(addSequence(LAST, 1)).toBe(0);
    expect(addSequence(LAST - 1, 5)).toBe(3);
    expect(sequenceDistance(LAST, 2)).toBe(3);
    expect(sequenceDistance(2, LAST)).toBe(-3);
    expect(sequenceDistance(5, 5)).toBe(0);
  });
});

describe("Sequences", () => {
  it("sends nothing before there is a producer id", () => {
    expect(new Sequences().mayDrain(batchOf(1))).toBe(false);
  });

  it("lets the first batch of a partition go alone, until its leader knows the producer", () => {
    const sequences = new Sequences();
    sequences.adopt({ producerId: 7, producerEpoch: 0 }, false);
    const first = send(sequences, 3);
    expect(sequences.mayDrain(batchOf(1))).toBe(false);
    sequences.acked(first, 2);
    expect(send(sequences, 1).sequence).toEqual({ producerId: 7, producerEpoch: 0, baseSequence: 3 });
  });

  it("has at most five batches of a partition without an answer, and none behind one that is sent again", () => {
    const sequences = introduced();
    const batches = [1, 1, 1, 1, 1].map((count) => send(sequences, count));
    expect(sequences.mayDrain(batchOf(1))).toBe(false);
    sequences.acked(batches[0], 1);
    expect(sequences.mayDrain(batchOf(1))).toBe(true);
    batches[1].attempts = 1;
    expect(sequences.mayDrain(batchOf(1))).toBe(false);
    expect(sequences.mayDrain(batches[1])).toBe(true);
    expect(sequences.mayDrain(batches[2])).toBe(false);
  });

  it("begins anew under a greater epoch where a batch was refused, and numbers again what was behind it", () => {
    const sequences = introduced(2);
    const [refused, behind, last] = [3, 2, 4].map((count) => send(sequences, count));
    sequences.refused(refused);
    sequences.bump();
    expect(sequences.identity).toEqual({ producerId: 7, producerEpoch: 1 });
    expect(behind.sequence).toEqual({ producerId: 7, producerEpoch: 1, baseSequence: 0 });
    expect(last.sequence).toEqual({ producerId: 7, producerEpoch: 1, baseSequence: 2 });
    expect(behind.isRenumbered).toBe(true);
  });

  it("leaves other partitions their epoch until nothing is under way there", () => {
    const sequences = introduced();
    const other = new ProducerBatch("t", 1, 0, order++);
    other.add({ record: { timestampMs: 0, key: null, value: null }, sizeInBytes: 1, settle: () => undefined });
    sequences.assign(other);
    sequences.requestBump(batchOf(1));
    sequences.bump();
    expect(other.sequence?.producerEpoch).toBe(0);
    expect(send(sequences, 1).sequence).toMatchObject({ producerEpoch: 1, baseSequence: 0 });
  });

  it("asks for a new producer id when there is no greater epoch", () => {
    const sequences = new Sequences();
    sequences.adopt({ producerId: 7, producerEpoch: 32_767 }, false);
    const refused = send(sequences, 1);
    sequences.refused(refused);
    sequences.bump();
    expect(sequences.identity).toBe(null);
    sequences.adopt({ producerId: 8, producerEpoch: 0 }, false);
    expect(send(sequences, 1).sequence).toEqual({ producerId: 8, producerEpoch: 0, baseSequence: 0 });
  });

  it("finds a batch of unknown fate harmless when a later one was taken, and else a gap", () => {
    const sequences = introduced();
    const [lost, later] = [2, 2].map((count) => send(sequences, count));
    sequences.lost(lost);
    expect(sequences.mayDrain(batchOf(1))).toBe(false);
    expect(sequences.resolve()).toEqual([]);
    sequences.acked(later, 4);
    expect(sequences.resolve()).toEqual([]);
    const gone = send(sequences, 1);
    sequences.lost(gone);
    expect(sequences.resolve()).toEqual(["t/0"]);
  });

  it("closes the gap of a batch that was given up in a transaction", () => {
    const sequences = introduced();
    const [refused, behind] = [3, 2].map((count) => send(sequences, count));
    sequences.closeGap(refused);
    expect(behind.sequence?.baseSequence).toBe(1);
    expect(send(sequences, 1).sequence?.baseSequence).toBe(3);
  });

  it("puts the parts of a batch where it was", () => {
    const sequences = introduced();
    const [large, behind] = [4, 1].map((count) => send(sequences, count));
    const parts = [batchOf(2), batchOf(2)];
    sequences.split(large, parts);
    expect([...parts, behind].map(({ sequence }) => sequence?.baseSequence)).toEqual([1, 3, 5]);
    expect(parts.map((part) => sequences.mayDrain(part))).toEqual([true, false]);
  });
});
