import { describe, expect, it } from "vitest";
import type { Kernels } from "#kernels/kernels.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { Codec, readBatchHeader, stampCrc, stampLogAppendTime, stampMaxTimestamp } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { readRecords } from "#records/reader.ts";
import { MAX_RECORD_ERRORS } from "#records/record-errors.ts";
import { type BatchOutcome, type ValidationRules, validateBatch } from "#records/validate.ts";
import { zlibCodecs as codecs } from "#worker/codecs.ts";
import { twins } from "../kernels/twins.ts";
import { DEFAULT_RULES, NOW_MS, vector } from "./verdict-cases.ts";

const COMPRESSED = [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD];

// What Kafka decides, too, stands in verdicts.test.ts; here is what only we decide.
describe.each(twins)("a produced batch ($name)", (kernels) => {
  const compression = { kernels, codecs };
  const keyed = { timestampMs: NOW_MS, key: Uint8Array.of(1), value: new Uint8Array(2_000_000) };

  function errorOf(outcome: BatchOutcome): ErrorCode {
    return outcome.ok ? ErrorCode.NONE : outcome.errorCode;
  }

  it.each(COMPRESSED)("may inflate to the limit and no further where it must be opened: codec %i", (codec) => {
    const batch = buildBatch(compression, [keyed], { codec });
    const rules = { ...DEFAULT_RULES, compacted: true };
    expect(errorOf(validateBatch(compression, batch, { ...rules, maxDecompressedBytes: 1_000_000 }))).toBe(
      ErrorCode.MESSAGE_TOO_LARGE,
    );
    expect(errorOf(validateBatch(compression, batch, { ...rules, maxDecompressedBytes: 2_000_100 }))).toBe(
      ErrorCode.NONE,
    );
    // On any other topic nobody looks inside.
    expect(errorOf(validateBatch(compression, batch, { ...DEFAULT_RULES, maxDecompressedBytes: 0 }))).toBe(
      ErrorCode.NONE,
    );
  });

  it.each(COMPRESSED)("is refused if it cannot be opened: codec %i", (codec) => {
    const batch = buildBatch(compression, [keyed], { codec }).slice();
    batch.fill(0xee, 64, 80);
    stampCrc(kernels, batch, 0);
    expect(errorOf(validateBatch(compression, batch, { ...DEFAULT_RULES, compacted: true }))).toBe(
      ErrorCode.INVALID_RECORD,
    );
  });

  it("is opened when its header tells of the future, and only then", () => {
    const late = { timestampMs: NOW_MS + 9e6, key: null, value: null };
    const batch = buildBatch(compression, [{ ...late, timestampMs: NOW_MS }, late], { codec: Codec.LZ4 });
    const outcome = validateBatch(compression, batch, DEFAULT_RULES);
    expect(outcome).toMatchObject({
      ok: false,
      errorCode: ErrorCode.INVALID_TIMESTAMP,
      recordErrors: [{ batchIndex: 1 }],
    });
  });

  it("lists at most so many record errors", () => {
    const records = Array.from({ length: MAX_RECORD_ERRORS + 5 }, () => ({
      timestampMs: NOW_MS,
      key: null,
      value: null,
    }));
    const outcome = validateBatch(compression, buildBatch(compression, records), { ...DEFAULT_RULES, compacted: true });
    expect(!outcome.ok && outcome.recordErrors.length).toBe(MAX_RECORD_ERRORS);
  });

  it("is checked where it lies in a larger buffer, and left as it was", () => {
    const batch = vector("java-none");
    const buffer = new Uint8Array(batch.length + 20).fill(0xaa);
    buffer.set(batch, 7);
    const before = buffer.slice();
    expect(validateBatch(compression, buffer.subarray(7, 7 + batch.length), DEFAULT_RULES).ok).toBe(true);
    expect(buffer).toEqual(before);
  });

  it("has no verdict but a value, wherever it is cut or changed", () => {
    for (const name of ["java-none", "java-lz4", "java-snappy", "java-gzip", "java-zstd"]) {
      const batch = vector(name);
      for (let at = 0; at < batch.length; at++) {
        expect(errorOf(validateBatch(compression, batch.subarray(0, at), DEFAULT_RULES))).not.toBe(ErrorCode.NONE);
        // Outside the CRC are the leader's two fields; the epoch may be anything, and 16 is the magic.
        const changed = batch.with(at, batch[at] ^ 0x10);
        const isFree = at >= 12 && at < 16;
        expect([at, validateBatch(compression, changed, DEFAULT_RULES).ok]).toEqual([at, isFree]);
        if (at < 61) continue;
        stampCrc(kernels, changed, 0);
        validateBatch(compression, changed, { ...DEFAULT_RULES, compacted: true });
      }
    }
  });

  it("takes the leader's time for all of its records", () => {
    const batch = vector("java-lz4");
    stampLogAppendTime(kernels, batch, 0, NOW_MS + 77);
    expect(kernels.scanBatch(batch, 0, batch.length).crcMatches).toBe(true);
    expect(readBatchHeader(batch, 0).maxTimestamp).toBe(NOW_MS + 77);
    expect(new Set(readRecords(compression, batch, 0).map((record) => record.timestampMs))).toEqual(
      new Set([NOW_MS + 77]),
    );
  });

  it("costs one call of a kernel, and one more to open or to stamp it", () => {
    const callsOf = (name: string, rules: Partial<ValidationRules>) => {
      const calls: string[] = [];
      const counting = new Proxy(kernels, {
        get(target, property) {
          const value = target[property as keyof Kernels];
          if (typeof value !== "function") return value;
          calls.push(String(property));
          return value.bind(target);
        },
      });
      const batch = vector(name).slice();
      const outcome = validateBatch({ kernels: counting, codecs }, batch, { ...DEFAULT_RULES, ...rules });
      if (outcome.ok && outcome.stamp !== null) stampMaxTimestamp(counting, batch, 0, outcome.stamp);
      return [outcome.ok, ...calls];
    };
    const appendTime = { timestampType: "LogAppendTime" } as const;
    expect(callsOf("java-none", {})).toEqual([true, "scanBatch"]);
    expect(callsOf("java-lz4", {})).toEqual([true, "scanBatch"]);
    expect(callsOf("java-none", appendTime)).toEqual([true, "scanBatch", "crc32cPatched"]);
    expect(callsOf("java-lz4", appendTime)).toEqual([true, "scanBatch", "crc32cPatched"]);
    expect(callsOf("java-snappy", { timestampBeforeMaxMs: 1000 })).toEqual([true, "scanBatch", "repackBatch"]);
    expect(callsOf("java-lz4", { codec: Codec.ZSTD, ...appendTime })).toEqual([true, "scanBatch", "repackBatch"]);
  });
});
