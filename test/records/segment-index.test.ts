import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SegmentFault } from "#kernels/kernels.ts";
import { lastOffsetOf } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches } from "#records/reader.ts";
import { positionOfOffset, positionOfTimestamp, SegmentIndexer } from "#records/segment-index.ts";
import { zlibCodecs as codecs } from "#worker/codecs.ts";
import { concat, noise } from "../kernels/inputs.ts";
import { twins, wasmKernels } from "../kernels/twins.ts";

function vector(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../vectors/records/${name}`, import.meta.url)));
}

const BASE_MS = 1_700_000_000_000;

interface Plan {
  readonly gap: number;
  readonly records: number;
  readonly valueBytes: number;
  readonly timestampMs: number;
}

const plan = fc.record({
  gap: fc.oneof(fc.constant(0), fc.nat(5)),
  records: fc.integer({ min: 1, max: 4 }),
  valueBytes: fc.oneof(fc.nat(300), fc.nat(20_000)),
  timestampMs: fc.oneof(fc.constant(-1), fc.integer({ min: BASE_MS, max: BASE_MS + 50 })),
});

const FILL = noise(20_000);

function segmentOf(plans: readonly Plan[], baseOffset: number): Uint8Array {
  let offset = baseOffset;
  return concat(
    ...plans.map((one) => {
      const record = { timestampMs: one.timestampMs, key: null, value: FILL.subarray(0, one.valueBytes), headers: [] };
      offset += one.gap;
      const records = Array.from({ length: one.records }, () => record);
      const batch = buildBatch({ kernels: wasmKernels, codecs }, records, { baseOffset: offset });
      offset += one.records;
      return batch;
    }),
  );
}

/** The same indexes by the plain rules, over the whole segment at once. */
function expectedIndexes(segment: Uint8Array, baseOffset: number, intervalBytes: number) {
  const offsets: [number, number][] = [];
  const times: [number, number][] = [];
  let largest = { timestampMs: -1, offset: baseOffset };
  let indexedAt = 0;
  const noteTime = () => {
    if (largest.timestampMs > (times.at(-1)?.[0] ?? -1)) times.push([largest.timestampMs, largest.offset - baseOffset]);
  };
  for (const { header, at } of readBatches(segment)) {
    if (header.maxTimestamp > largest.timestampMs) {
      largest = { timestampMs: header.maxTimestamp, offset: lastOffsetOf(header) };
    }
    if (at - indexedAt <= intervalBytes) continue;
    offsets.push([lastOffsetOf(header) - baseOffset, at]);
    noteTime();
    indexedAt = at;
  }
  noteTime();
  return { offsets, times };
}

function offsetEntries(index: Uint8Array): [number, number][] {
  const view = new DataView(index.buffer, index.byteOffset, index.length);
  return Array.from({ length: index.length / 8 }, (_, i) => [view.getInt32(i * 8), view.getInt32(i * 8 + 4)]);
}

function timeEntries(index: Uint8Array): [number, number][] {
  const view = new DataView(index.buffer, index.byteOffset, index.length);
  return Array.from({ length: index.length / 12 }, (_, i) => [
    Number(view.getBigInt64(i * 12)),
    view.getInt32(i * 12 + 8),
  ]);
}

/** Pieces of the given lengths, over and over. */
function* pieces(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length];
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

describe.each(twins)("the indexes of a segment ($name)", (kernels) => {
  const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 50_000 })), {
    minLength: 1,
    maxLength: 5,
  });
  const segment = fc.record({
    plans: fc.array(plan, { maxLength: 30 }),
    baseOffset: fc.constantFrom(0, 7, 5_000_000_000),
    intervalBytes: fc.constantFrom(0, 100, 4096, 30_000),
    cuts,
    verifies: fc.boolean(),
  });

  it("are what Kafka's rules make of its batches, however the segment is cut", () => {
    fc.assert(
      fc.property(segment, ({ plans, cuts, ...options }) => {
        const bytes = segmentOf(plans, options.baseOffset);
        const indexer = new SegmentIndexer(kernels, options);
        for (const piece of pieces(bytes, cuts)) indexer.add(piece.slice());
        expect(indexer.fault).toBe(SegmentFault.NONE);
        const indexed = indexer.finish();
        const expected = expectedIndexes(bytes, options.baseOffset, options.intervalBytes);
        expect(offsetEntries(indexed.offsetIndex)).toEqual(expected.offsets);
        expect(timeEntries(indexed.timeIndex)).toEqual(expected.times);
        const records = plans.reduce((sum, one) => sum + one.gap + one.records, 0);
        expect(indexed).toMatchObject({
          sizeInBytes: bytes.length,
          batchCount: plans.length,
          nextOffset: options.baseOffset + records,
          maxTimestamp: Math.max(-1, ...plans.map((one) => one.timestampMs)),
        });
      }),
      { numRuns: 150 },
    );
  });

  it("lead to a place before what is looked for, and not far before it", () => {
    const plans = Array.from({ length: 200 }, (_, i) => ({
      gap: i % 7 === 0 ? 3 : 0,
      records: 1 + (i % 3),
      valueBytes: 50 * (i % 11),
      timestampMs: BASE_MS + ((i * 37) % 150) + i,
    }));
    const bytes = segmentOf(plans, 1000);
    const indexer = new SegmentIndexer(kernels, { baseOffset: 1000, intervalBytes: 2000 });
    indexer.add(bytes);
    const indexed = indexer.finish();
    const batches = [...readBatches(bytes)];
    for (let offset = 990; offset < indexed.nextOffset + 3; offset++) {
      const position = positionOfOffset(kernels, indexed, offset);
      const wanted = batches.find(({ header }) => lastOffsetOf(header) >= offset)?.at ?? bytes.length;
      expect(batches.some(({ at }) => at === position) && position <= wanted).toBe(true);
      expect(wanted - position).toBeLessThanOrEqual(2000 + 2 * 1700);
    }
    for (let timestampMs = BASE_MS - 2; timestampMs < BASE_MS + 360; timestampMs++) {
      const position = positionOfTimestamp(kernels, indexed, timestampMs);
      const wanted = batches.find(({ header }) => header.maxTimestamp >= timestampMs)?.at ?? bytes.length;
      expect(batches.some(({ at }) => at === position) && position <= wanted).toBe(true);
    }
  });

  it("end before a batch that is not whole, or broken", () => {
    const plans = Array.from({ length: 9 }, () => ({ gap: 0, records: 2, valueBytes: 700, timestampMs: BASE_MS }));
    const sound = segmentOf(plans, 0);
    const size = sound.length / 9;
    const run = (bytes: Uint8Array, cut: number) => {
      const indexer = new SegmentIndexer(kernels, { baseOffset: 0, intervalBytes: 0, verifies: true });
      for (const piece of pieces(bytes, [cut])) indexer.add(piece);
      return { fault: indexer.fault, ...indexer.finish() };
    };
    const damaged = (at: number, value: number) => sound.with(5 * size + at, value);
    for (const cut of [10, 61, 1000, sound.length]) {
      const until5 = { sizeInBytes: 5 * size, batchCount: 5, nextOffset: 10 };
      expect(run(damaged(8, 0x80), cut)).toMatchObject({ fault: SegmentFault.LENGTH, ...until5 });
      expect(run(damaged(16, 1), cut)).toMatchObject({ fault: SegmentFault.MAGIC, ...until5 });
      expect(run(damaged(600, 1), cut)).toMatchObject({ fault: SegmentFault.CRC, ...until5 });
      expect(run(damaged(7, 3), cut)).toMatchObject({ fault: SegmentFault.OFFSET, ...until5 });
      expect(run(damaged(2, 1), cut)).toMatchObject({ fault: SegmentFault.OFFSET, ...until5 });
      for (const rest of [0, 1, 60, 61, size - 1]) {
        expect(run(sound.subarray(0, 5 * size + rest), cut)).toMatchObject({ fault: SegmentFault.NONE, ...until5 });
      }
      expect(run(damaged(600, 1), cut).offsetIndex.length).toBe(4 * 8);
    }
  });
});

describe.each(twins)("a segment that Kafka wrote ($name)", (kernels) => {
  it.each([1, 100, 1 << 20])("gets the indexes that Kafka gave it, %i bytes at a time", (cut) => {
    const indexer = new SegmentIndexer(kernels, { baseOffset: 5_000_000_000, intervalBytes: 500, verifies: true });
    for (const piece of pieces(vector("segment.bin"), [cut])) indexer.add(piece);
    const indexed = indexer.finish();
    expect(indexer.fault).toBe(SegmentFault.NONE);
    expect(offsetEntries(indexed.offsetIndex)).toEqual(offsetEntries(vector("segment.index")));
    expect(timeEntries(indexed.timeIndex)).toEqual(timeEntries(vector("segment.timeindex")));
  });
});

it("both twins walk damaged segments alike", () => {
  const sound = segmentOf(
    Array.from({ length: 6 }, (_, i) => ({ gap: 0, records: 2, valueBytes: 40 * i, timestampMs: BASE_MS + i })),
    0,
  );
  const damage = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(damage, fc.integer({ min: 1, max: 500 }), fc.boolean(), (changes, cut, verifies) => {
      const bytes = sound.slice();
      for (const [at, value] of changes) bytes[at] = value;
      const [left, right] = twins.map((kernels) => {
        const indexer = new SegmentIndexer(kernels, { baseOffset: 0, intervalBytes: 0, verifies });
        for (const piece of pieces(bytes, [cut])) indexer.add(piece);
        return { fault: indexer.fault, ...indexer.finish() };
      });
      expect(right).toEqual(left);
    }),
    { numRuns: 1000 },
  );
});
