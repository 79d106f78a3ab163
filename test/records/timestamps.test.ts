import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { Codec, stampMaxTimestamp } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { forEachTimestamp, openBatch, readRecords } from "#records/reader.ts";
import { zlibCodecs } from "#worker/codecs.ts";

const compression = { kernels: referenceKernels, codecs: zlibCodecs };
const encoder = new TextEncoder();
const records = [5, -3, 2 ** 41, 0].map((ms, i) => ({
  timestampMs: ms,
  key: i % 2 === 0 ? null : encoder.encode("key"),
  value: encoder.encode("v".repeat(i * 100)),
  headers: [{ key: "h", value: encoder.encode("x") }],
}));

function timestampsOf(batch: Uint8Array): [number, number][] {
  const seen: [number, number][] = [];
  forEachTimestamp(openBatch(compression, batch, 0), (offset, timestampMs) => {
    seen.push([offset, timestampMs]);
    return false;
  });
  return seen;
}

describe("forEachTimestamp", () => {
  it.each(Object.entries(Codec))("sees what reading the records shows: %s", (_, codec) => {
    const batch = buildBatch(compression, records, { codec, baseOffset: 77 });
    const shown = readRecords(compression, batch, 0).map((record) => [record.offset, record.timestampMs]);
    expect(timestampsOf(batch)).toEqual(shown);
    expect(shown.map(([, timestampMs]) => timestampMs)).toEqual(records.map((record) => record.timestampMs));
  });

  it("gives every record of a LogAppendTime batch the batch's time", () => {
    const batch = buildBatch(compression, records);
    stampMaxTimestamp(referenceKernels, batch, 0, { timestampType: "LogAppendTime", maxTimestampMs: 99 });
    expect(timestampsOf(batch)).toEqual(readRecords(compression, batch, 0).map(({ offset }) => [offset, 99]));
  });

  it("stops when it is told to", () => {
    let calls = 0;
    forEachTimestamp(openBatch(compression, buildBatch(compression, records), 0), () => {
      calls += 1;
      return calls === 2;
    });
    expect(calls).toBe(2);
  });

  it("refuses records that reach beyond their batch", () => {
    const batch = buildBatch(compression, records);
    for (const bytes of [batch.length - 1, 70, 62]) {
      const opened = openBatch(compression, batch, 0);
      const cut = { ...opened, bytes: opened.bytes.subarray(0, bytes - 61) };
      expect(() => forEachTimestamp(cut, () => false)).toThrow(MalformedMessageError);
    }
  });
});
