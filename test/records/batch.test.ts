import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import {
  type BatchHeader,
  codecOf,
  hasDeleteHorizon,
  isControl,
  lastOffsetOf,
  lastSequenceOf,
  makeAttributes,
  peekBatch,
  readBatchHeader,
  stampBatch,
  timestampTypeOf,
  writeBatchHeader,
} from "#records/batch.ts";
import { vector } from "./verdict-cases.ts";

describe("a batch header", () => {
  const header: BatchHeader = {
    baseOffset: 2 ** 40 + 3,
    sizeInBytes: 61,
    partitionLeaderEpoch: 5,
    magic: 2,
    crc: 0,
    attributes: 0x13,
    lastOffsetDelta: 0,
    baseTimestamp: -1,
    maxTimestamp: 1_700_000_000_000,
    producerId: 2 ** 50,
    producerEpoch: -1,
    baseSequence: 2 ** 31 - 1,
    recordCount: 1,
  };

  it("is read as it was written, at any place", () => {
    const bytes = new Uint8Array(80);
    writeBatchHeader(bytes, 13, header);
    expect(readBatchHeader(bytes, 13)).toEqual(header);
  });

  it("saturates what no safe integer holds", () => {
    const bytes = vector("java-none");
    const view = new DataView(bytes.buffer);
    view.setBigInt64(27, 2n ** 62n);
    view.setBigInt64(35, -(2n ** 63n));
    expect(readBatchHeader(bytes, 0)).toMatchObject({
      baseTimestamp: Number.MAX_SAFE_INTEGER,
      maxTimestamp: Number.MIN_SAFE_INTEGER,
    });
  });

  it("is not read out of too little, or from another magic", () => {
    const bytes = vector("java-none");
    expect(() => readBatchHeader(bytes.subarray(0, 60), 0)).toThrow(MalformedMessageError);
    expect(() => readBatchHeader(bytes.with(16, 1), 0)).toThrow(MalformedMessageError);
  });

  it("gets the leader's stamp without another byte changing", () => {
    const bytes = vector("java-lz4");
    const before = bytes.slice();
    stampBatch(bytes, 0, 2 ** 33 + 1, 7);
    expect(readBatchHeader(bytes, 0)).toMatchObject({ baseOffset: 2 ** 33 + 1, partitionLeaderEpoch: 7 });
    expect(lastOffsetOf(readBatchHeader(bytes, 0))).toBe(2 ** 33 + 20);
    expect(bytes.subarray(16)).toEqual(before.subarray(16));
    expect(bytes.subarray(8, 12)).toEqual(before.subarray(8, 12));
  });

  it("counts sequences around the end of the range", () => {
    expect(lastSequenceOf({ ...header, lastOffsetDelta: 0 })).toBe(2 ** 31 - 1);
    expect(lastSequenceOf({ ...header, lastOffsetDelta: 3 })).toBe(2);
    expect(lastSequenceOf({ ...header, baseSequence: -1, lastOffsetDelta: 3 })).toBe(-1);
  });

  it("packs and unpacks attributes", () => {
    const attributes = makeAttributes({ codec: 4, timestampType: "LogAppendTime", control: true });
    expect(attributes).toBe(0x2c);
    expect([codecOf(attributes), timestampTypeOf(attributes), isControl(attributes)]).toEqual([
      4,
      "LogAppendTime",
      true,
    ]);
    expect([hasDeleteHorizon(0x40), hasDeleteHorizon(0x3f)]).toEqual([true, false]);
  });
});

describe("a row of batches", () => {
  it("is looked at only as far as it goes", () => {
    const batch = vector("java-none");
    expect(peekBatch(batch, 0, batch.length)).toEqual({ kind: "batch", sizeInBytes: batch.length, magic: 2 });
    for (const end of [0, 11, 12, 16, 17, 61, batch.length - 1]) {
      expect([end, peekBatch(batch, 0, end).kind]).toEqual([end, "end"]);
    }
    expect(peekBatch(new Uint8Array(12), 0, 12).kind).toBe("corrupt");
    expect(peekBatch(batch.with(16, 3), 0, batch.length).kind).toBe("corrupt");
  });
});
