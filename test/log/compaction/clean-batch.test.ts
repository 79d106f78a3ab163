import { describe, expect, it } from "vitest";
import { type CleanedBatch, type CleaningRules, cleanBatch } from "#log/compaction/clean-batch.ts";
import { TransactionWalk } from "#log/compaction/transactions.ts";
import {
  Codec,
  hasDeleteHorizon,
  lastOffsetOf,
  readBatchHeader,
  stampCrc,
  stampLogAppendTime,
} from "#records/batch.ts";
import { ABORT, COMMIT, compression, keyedBatch, markerBatch, NOW_MS, plainRecords, rulesOf } from "./setup.ts";

const clean = (batch: Uint8Array, rules: CleaningRules, transactions = new TransactionWalk()) =>
  cleanBatch(compression, batch, rules, transactions);

function rewritten(cleaned: CleanedBatch): Uint8Array {
  if (cleaned.kind !== "rewritten") throw new Error(`the batch is ${cleaned.kind}`);
  const header = readBatchHeader(cleaned.bytes, 0);
  if (header.sizeInBytes !== cleaned.bytes.length) throw new Error("the length of the batch is wrong");
  if (!compression.kernels.scanBatch(cleaned.bytes, 0, cleaned.bytes.length).crcMatches) throw new Error("wrong CRC");
  expect(header.recordCount).toBe(cleaned.recordCount);
  return cleaned.bytes;
}

describe("cleaning a batch", () => {
  it("keeps one of which nothing goes, to the byte", () => {
    const batch = keyedBatch({
      records: [
        ["a", "1"],
        ["b", "2"],
      ],
    });
    expect(clean(batch, rulesOf([batch])).kind).toBe("kept");
  });

  it("drops one of which everything goes", () => {
    const old = keyedBatch({ records: [["a", "1"]] });
    const newer = keyedBatch({ baseOffset: 1, records: [["a", "2"]] });
    expect(clean(old, rulesOf([old, newer])).kind).toBe("dropped");
  });

  it.each(Object.entries(Codec))("keeps offsets, timestamps, headers and codec of what stays (%s)", (_, codec) => {
    const old = keyedBatch({
      baseOffset: 10,
      codec,
      producerId: 7,
      producerEpoch: 2,
      baseSequence: 40,
      partitionLeaderEpoch: 5,
      records: [
        ["a", "1", 900],
        ["b", "2", 1000],
        ["a", "3", 1300],
        ["c", "4", 1100],
        ["d", "5", 2000],
      ],
    });
    const newer = keyedBatch({ baseOffset: 15, records: [["d", "6"]] });
    const bytes = rewritten(clean(old, rulesOf([old, newer])));
    expect(plainRecords(bytes)).toEqual([
      { offset: 11, key: "b", value: "2", timestampMs: 1000 },
      { offset: 12, key: "a", value: "3", timestampMs: 1300 },
      { offset: 13, key: "c", value: "4", timestampMs: 1100 },
    ]);
    expect(readBatchHeader(bytes, 0)).toMatchObject({
      baseOffset: 10,
      lastOffsetDelta: 4,
      partitionLeaderEpoch: 5,
      attributes: codec,
      baseTimestamp: 1000,
      maxTimestamp: 1300,
      producerId: 7,
      producerEpoch: 2,
      baseSequence: 40,
    });
  });

  it("keeps the broker's time of a batch that has one", () => {
    const old = keyedBatch({
      records: [
        ["a", "1", 5],
        ["b", "2", 6],
        ["a", "3", 7],
      ],
    });
    stampLogAppendTime(compression.kernels, old, 0, 50_000);
    const bytes = rewritten(clean(old, rulesOf([old])));
    expect(plainRecords(bytes).map((record) => [record.offset, record.timestampMs])).toEqual([
      [1, 50_000],
      [2, 50_000],
    ]);
    expect(readBatchHeader(bytes, 0)).toMatchObject({ baseTimestamp: 50_000, maxTimestamp: 50_000, attributes: 8 });
  });

  it("keeps what lies beyond the map", () => {
    const batch = keyedBatch({
      records: [
        ["a", "1"],
        ["a", "2"],
        ["b", "3"],
        ["b", "4"],
      ],
    });
    const rules = rulesOf([], {});
    rules.latest.put(new TextEncoder().encode("a"), 0, 1, 1);
    rules.latest.reaches(1);
    expect(plainRecords(rewritten(clean(batch, rules))).map((record) => record.offset)).toEqual([1, 2, 3]);
  });

  it("drops records without a key", () => {
    const batch = keyedBatch({
      records: [
        [null, "1"],
        ["b", "2"],
      ],
    });
    expect(plainRecords(rewritten(clean(batch, rulesOf([batch])))).map((record) => record.key)).toEqual(["b"]);
  });

  it("keeps what nobody can open, and what it would replace", () => {
    const old = keyedBatch({ records: [["a", "1"]] });
    const broken = keyedBatch({ baseOffset: 1, codec: Codec.GZIP, records: [["a", "2"]] });
    broken.fill(0xff, 70);
    const rules = rulesOf([old, broken]);
    expect(rules.latest.latestOffset).toBe(1);
    expect(clean(broken, rules).kind).toBe("kept");
    expect(clean(old, rules).kind).toBe("kept");
  });

  it("lets no key of a compressed batch count that lies about a later record", () => {
    const old = keyedBatch({ records: [["a", "1"]] });
    const liar = keyedBatch({
      baseOffset: 1,
      codec: Codec.SNAPPY,
      records: [
        ["a", "2"],
        ["b", "3"],
      ],
    });
    liar[60] = 3;
    const rules = rulesOf([old, liar]);
    expect(clean(old, rules).kind).toBe("kept");
    expect(clean(liar, rules).kind).toBe("kept");
  });

  it("tells timestamps that are too far apart as they were told", () => {
    const batch = keyedBatch({
      records: [
        ["a", "1", 0],
        ["b", "2", 2 ** 52],
        ["a", "3", 5],
        ["c", null, 6],
      ],
    });
    const bytes = rewritten(clean(batch, rulesOf([batch])));
    expect(plainRecords(bytes).map(({ key, timestampMs }) => [key, timestampMs])).toEqual([
      ["b", 2 ** 52],
      ["a", 5],
      ["c", 6],
    ]);
    // There is no base from which a horizon could be told, so the tombstone stays.
    expect(readBatchHeader(bytes, 0)).toMatchObject({ attributes: 0, baseTimestamp: 0, maxTimestamp: 2 ** 52 });
  });

  it("keeps timestamps that no number can hold", () => {
    const batch = keyedBatch({
      records: [
        ["a", "1", 7],
        ["a", "2", 7],
      ],
    });
    new DataView(batch.buffer, batch.byteOffset).setBigInt64(27, -(2n ** 62n));
    new DataView(batch.buffer, batch.byteOffset).setBigInt64(35, -(2n ** 62n));
    stampCrc(compression.kernels, batch, 0);
    const bytes = rewritten(clean(batch, rulesOf([batch])));
    expect(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(27)).toBe(-(2n ** 62n));
    expect(readBatchHeader(bytes, 0)).toMatchObject({ lastOffsetDelta: 1, recordCount: 1 });
  });
});

describe("tombstones", () => {
  const old = keyedBatch({
    records: [
      ["a", "1", 500],
      ["b", null, 400],
    ],
  });

  it("get a delete horizon when they are first met, and keep their timestamps", () => {
    const bytes = rewritten(clean(old, rulesOf([old])));
    const header = readBatchHeader(bytes, 0);
    expect(hasDeleteHorizon(header.attributes)).toBe(true);
    expect(header).toMatchObject({ baseTimestamp: NOW_MS + 1000, maxTimestamp: 500, recordCount: 2 });
    expect(plainRecords(bytes)).toEqual([
      { offset: 0, key: "a", value: "1", timestampMs: 500 },
      { offset: 1, key: "b", value: null, timestampMs: 400 },
    ]);
  });

  it("stay as they are until then, and go with the round that begins then", () => {
    const bytes = rewritten(clean(old, rulesOf([old])));
    expect(clean(bytes, rulesOf([bytes], { nowMs: NOW_MS + 999 })).kind).toBe("kept");
    const later = rewritten(clean(bytes, rulesOf([bytes], { nowMs: NOW_MS + 1000 })));
    expect(plainRecords(later)).toEqual([{ offset: 0, key: "a", value: "1", timestampMs: 500 }]);
    expect(readBatchHeader(later, 0)).toMatchObject({
      baseTimestamp: NOW_MS + 1000,
      attributes: 0x40,
      maxTimestamp: 500,
    });
  });

  it("go at once when a newer record has their key", () => {
    const newer = keyedBatch({ baseOffset: 2, records: [["b", "2"]] });
    const bytes = rewritten(clean(old, rulesOf([old, newer])));
    expect(plainRecords(bytes).map((record) => record.key)).toEqual(["a"]);
    expect(hasDeleteHorizon(readBatchHeader(bytes, 0).attributes)).toBe(false);
  });

  it("have a horizon that a number can hold, however long they are retained", () => {
    const bytes = rewritten(clean(old, rulesOf([old], { deleteRetentionMs: Number.MAX_SAFE_INTEGER })));
    expect(plainRecords(bytes).map((record) => record.timestampMs)).toEqual([500, 400]);
  });
});

describe("a producer's last batch", () => {
  const old = keyedBatch({
    baseOffset: 4,
    producerId: 9,
    producerEpoch: 1,
    baseSequence: 8,
    records: [
      ["a", "1", 70],
      ["a", "2", 80],
    ],
  });
  const newer = keyedBatch({ baseOffset: 6, records: [["a", "3"]] });

  it("stays empty as long as the producer is known", () => {
    const producers = { 9: { lastDataOffset: 5, producerEpoch: 1 } };
    const bytes = rewritten(clean(old, rulesOf([old, newer], { producers })));
    expect(bytes.length).toBe(61);
    expect(readBatchHeader(bytes, 0)).toMatchObject({
      baseOffset: 4,
      lastOffsetDelta: 1,
      producerId: 9,
      producerEpoch: 1,
      baseSequence: 8,
      recordCount: 0,
      baseTimestamp: -1,
      maxTimestamp: 80,
    });
    expect(clean(bytes, rulesOf([bytes], { producers })).kind).toBe("kept");
    expect(clean(bytes, rulesOf([bytes])).kind).toBe("dropped");
  });

  it("goes when the producer has appended more, or nobody knows it", () => {
    const producers = { 9: { lastDataOffset: 12, producerEpoch: 1 } };
    expect(clean(old, rulesOf([old, newer], { producers })).kind).toBe("dropped");
    expect(clean(old, rulesOf([old, newer])).kind).toBe("dropped");
  });

  it("keeps its last offset when its last record goes", () => {
    const mixed = keyedBatch({
      producerId: 9,
      records: [
        ["k", "1"],
        ["a", "2"],
      ],
    });
    const bytes = rewritten(clean(mixed, rulesOf([mixed, newer])));
    expect(lastOffsetOf(readBatchHeader(bytes, 0))).toBe(1);
  });

  it("stays when it is a marker and there is nothing else of the producer", () => {
    const marker = markerBatch(COMMIT, { baseOffset: 3, producerId: 9, producerEpoch: 4 });
    const stamped = rewritten(clean(marker, rulesOf([])));
    const due = { nowMs: NOW_MS + 1000 };
    const known = { 9: { lastDataOffset: null, producerEpoch: 4 } };
    expect(clean(stamped, rulesOf([], due)).kind).toBe("dropped");
    const bytes = rewritten(clean(stamped, rulesOf([], { ...due, producers: known })));
    expect(readBatchHeader(bytes, 0)).toMatchObject({ recordCount: 0, attributes: 0x30, producerEpoch: 4 });
    const fenced = { 9: { lastDataOffset: null, producerEpoch: 5 } };
    expect(clean(stamped, rulesOf([], { ...due, producers: fenced })).kind).toBe("dropped");
  });
});

it("the last batch of the log stays, empty if need be", () => {
  const old = keyedBatch({
    records: [
      [null, "1"],
      [null, "2"],
    ],
  });
  const bytes = rewritten(clean(old, rulesOf([old], { highWatermark: 2 })));
  expect(readBatchHeader(bytes, 0)).toMatchObject({ baseOffset: 0, lastOffsetDelta: 1, recordCount: 0 });
});

describe("transactions", () => {
  const data = keyedBatch({
    transactional: true,
    producerId: 9,
    records: [
      ["a", "1"],
      ["b", "2"],
    ],
  });
  const abort = markerBatch(ABORT, { baseOffset: 2, producerId: 9 });
  const aborted = [{ producerId: 9, firstOffset: 0, lastOffset: 2 }];

  it("that were aborted lose their data at once and replace nothing", () => {
    const rules = rulesOf([data, abort], { aborted });
    expect(rules.latest.size).toBe(0);
    const transactions = new TransactionWalk();
    transactions.add(aborted);
    expect(clean(data, rules, transactions).kind).toBe("dropped");
    // Its data was still there in this round, so the marker has to stay as it is.
    expect(clean(abort, rules, transactions).kind).toBe("kept");
  });

  it("that were aborted lose their marker when the horizon has passed since their data was gone", () => {
    const transactions = () => new TransactionWalk();
    const stamped = rewritten(clean(abort, rulesOf([]), transactions()));
    expect(readBatchHeader(stamped, 0)).toMatchObject({
      baseTimestamp: NOW_MS + 1000,
      attributes: 0x70,
      recordCount: 1,
    });
    expect(clean(stamped, rulesOf([], { nowMs: NOW_MS + 999 }), transactions()).kind).toBe("kept");
    expect(clean(stamped, rulesOf([], { nowMs: NOW_MS + 1000 }), transactions()).kind).toBe("dropped");
  });

  it("that were committed keep their marker as long as they have data", () => {
    const commit = markerBatch(COMMIT, { baseOffset: 2, producerId: 9 });
    const transactions = new TransactionWalk();
    const rules = rulesOf([data, commit]);
    expect(clean(data, rules, transactions).kind).toBe("kept");
    expect(clean(commit, rules, transactions).kind).toBe("kept");
    const { attributes } = readBatchHeader(rewritten(clean(commit, rules)), 0);
    expect(hasDeleteHorizon(attributes)).toBe(true);
  });

  it("that began after an aborted one whose marker is gone aren't aborted", () => {
    const transactions = new TransactionWalk();
    transactions.add(aborted);
    const later = keyedBatch({ baseOffset: 5, transactional: true, producerId: 9, records: [["a", "1"]] });
    expect(clean(later, rulesOf([later]), transactions).kind).toBe("kept");
  });
});
