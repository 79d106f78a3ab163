import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { type AbortedTransaction, FetchedRecords } from "#client/consumer/fetched-records.ts";
import { type BatchOptions, buildBatch } from "#records/builder.ts";
import { compression, utf8 } from "../../doubles/rest-cluster.ts";
import { text } from "./setup.ts";

function batch(baseOffset: number, values: readonly string[], options: BatchOptions = {}): Uint8Array {
  const records = values.map((value) => ({ timestampMs: 1, key: null, value: utf8(value) }));
  return buildBatch(compression, records, { baseOffset, partitionLeaderEpoch: 3, ...options });
}

/** A control batch: its key is a version and a type, 0 abort and 1 commit. */
function marker(baseOffset: number, producerId: number, type: 0 | 1): Uint8Array {
  const records = [{ timestampMs: 1, key: Uint8Array.of(0, 0, 0, type), value: Uint8Array.of(0, 0, 0, 0, 0, 0) }];
  return buildBatch(compression, records, {
    baseOffset,
    producerId,
    producerEpoch: 0,
    transactional: true,
    control: true,
  });
}

function txn(baseOffset: number, producerId: number, values: readonly string[]): Uint8Array {
  return batch(baseOffset, values, { producerId, producerEpoch: 0, baseSequence: 0, transactional: true });
}

interface Reading {
  readonly fetchOffset?: number;
  readonly aborted?: readonly AbortedTransaction[] | null;
  readonly checksCrcs?: boolean;
}

function open(bytes: Uint8Array, { fetchOffset = 0, aborted = null, checksCrcs = true }: Reading = {}): FetchedRecords {
  const fetched = { bytes, fetchOffset, aborted, checksCrcs, maxBatchBytes: 1_000_000 };
  return new FetchedRecords(compression, fetched, { offset: fetchOffset, offsetEpoch: -1 });
}

function all(records: FetchedRecords): string[] {
  const values: string[] = [];
  for (let record = records.next(); record !== null; record = records.next()) values.push(text(record));
  return values;
}

function joined(...chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(chunks));
}

describe("FetchedRecords", () => {
  it("begins where it was asked to, inside a batch, and leaves a batch out that is cut off", () => {
    const whole = joined(batch(0, ["a", "b", "c"]), batch(3, ["d"]));
    const records = open(joined(whole, batch(4, ["e"]).subarray(0, 65)), { fetchOffset: 1 });
    expect(all(records)).toEqual(["b", "c", "d"]);
    expect(records.position).toEqual({ offset: 4, offsetEpoch: 3 });
  });

  it("tells after each record where to read on", () => {
    const records = open(batch(10, ["a", "b"]), { fetchOffset: 10 });
    records.next();
    expect(records.position).toEqual({ offset: 11, offsetEpoch: 3 });
    records.next();
    expect(records.position).toEqual({ offset: 12, offsetEpoch: 3 });
  });

  it("shows no control records, and reads on behind them", () => {
    const records = open(joined(txn(0, 1, ["a"]), marker(1, 1, 1)));
    expect(all(records)).toEqual(["a"]);
    expect(records.position.offset).toBe(2);
  });

  it("leaves out aborted transactions under read_committed, and only them", () => {
    const bytes = joined(
      txn(0, 1, ["aborted 1"]),
      batch(1, ["plain"]),
      txn(2, 2, ["committed 2"]),
      txn(3, 1, ["aborted 1, too"]),
      marker(4, 1, 0),
      txn(5, 1, ["committed 1"]),
      marker(6, 2, 1),
      marker(7, 1, 1),
      txn(8, 2, ["aborted 2"]),
      marker(9, 2, 0),
      txn(10, 2, ["open"]),
    );
    const aborted = [
      { producerId: 2, firstOffset: 8 },
      { producerId: 1, firstOffset: 0 },
    ];
    expect(all(open(bytes, { aborted }))).toEqual(["plain", "committed 2", "committed 1", "open"]);
    expect(all(open(bytes))).toHaveLength(7);
  });

  it("knows a transaction as aborted that began before what was fetched", () => {
    const bytes = joined(txn(5, 1, ["aborted"]), marker(6, 1, 0), txn(7, 1, ["kept"]));
    expect(all(open(bytes, { fetchOffset: 5, aborted: [{ producerId: 1, firstOffset: 2 }] }))).toEqual(["kept"]);
  });

  it("finds a byte that was changed, if it is to look", () => {
    const bytes = batch(0, ["aaaa"]);
    bytes[bytes.length - 2] ^= 1;
    expect(() => all(open(bytes))).toThrow(MalformedMessageError);
    expect(all(open(bytes, { checksCrcs: false }))).toHaveLength(1);
  });
});
