import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { Codec, codecOf, readBatchHeader, timestampTypeOf } from "#records/batch.ts";
import { readRecords } from "#records/reader.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { append, appendOne, batchOf, compression, config, join, NOW_MS, openLogs, TOPIC } from "./setup.ts";

function newLog() {
  const logs = openLogs(new MemoryLogStore());
  return { logs, log: logs.getOrCreate(TOPIC, 0) };
}

async function stored({ logs, log }: ReturnType<typeof newLog>): Promise<Uint8Array> {
  await logs.committed();
  const outcome = log.read(0, { maxBytes: 1 << 24, upperBound: log.highWatermark, minOneMessage: true });
  return outcome.kind === "read" ? join(outcome.chunks) : new Uint8Array(0);
}

describe("appending", () => {
  it("stamps offset and leader epoch, and leaves every other byte and the input as they were", async () => {
    const target = newLog();
    const first = batchOf({ values: ["a", "b", "c"], codec: Codec.LZ4 });
    const second = batchOf({ values: ["d"] });
    const asSent = second.slice();
    append(target.log, first, { leaderEpoch: 4 });
    expect(append(target.log, second, { leaderEpoch: 5 })).toEqual({
      kind: "appended",
      baseOffset: 3,
      lastOffset: 3,
      logAppendTimeMs: -1,
      logStartOffset: 0,
      duplicate: false,
    });
    expect(second).toEqual(asSent);
    const bytes = await stored(target);
    const header = readBatchHeader(bytes, first.length);
    expect([header.baseOffset, header.partitionLeaderEpoch]).toEqual([3, 5]);
    // What follows the leader epoch.
    expect(bytes.subarray(first.length + 16)).toEqual(second.subarray(16));
    expect(bytes.subarray(16, first.length)).toEqual(first.subarray(16));
  });

  it("stores what the frame held, also when its buffer is used again at once", async () => {
    const target = newLog();
    const frame = batchOf({ values: ["precious"] });
    const asSent = frame.slice();
    append(target.log, frame);
    frame.fill(0);
    expect((await stored(target)).subarray(16)).toEqual(asSent.subarray(16));
  });

  it("drops what follows the batch unfinished", async () => {
    const target = newLog();
    const batch = batchOf({ values: ["a"] });
    append(target.log, join([batch, batch.subarray(0, 30)]));
    expect((await stored(target)).length).toBe(batch.length);
  });

  it("makes log append time the time of every record, with a CRC that fits", async () => {
    const target = newLog();
    const appendTime = { config: { ...config, timestampType: "LogAppendTime" as const }, nowMs: NOW_MS + 77 };
    const outcome = append(target.log, batchOf({ values: ["a"], timestampsMs: [5] }), appendTime);
    expect(outcome).toMatchObject({ logAppendTimeMs: NOW_MS + 77 });
    const bytes = await stored(target);
    const header = readBatchHeader(bytes, 0);
    expect([timestampTypeOf(header.attributes), header.maxTimestamp]).toEqual(["LogAppendTime", NOW_MS + 77]);
    expect(compression.kernels.scanBatch(bytes, 0, bytes.length).crcMatches).toBe(true);
    expect(target.log.offsetForTimestamp(NOW_MS + 77)).toEqual({ offset: 0, timestampMs: NOW_MS + 77, leaderEpoch: 0 });
  });

  it("refuses without a trace", async () => {
    const target = newLog();
    appendOne(target.log, { values: ["good"] });
    const flipped = batchOf({ values: ["bad"] });
    flipped[flipped.length - 1] ^= 1;
    const refusals = [
      [append(target.log, flipped), ErrorCode.CORRUPT_MESSAGE],
      [append(target.log, new Uint8Array(0)), ErrorCode.INVALID_RECORD],
      [
        append(target.log, batchOf({ values: ["x".repeat(2000)] }), { config: { ...config, maxMessageBytes: 2000 } }),
        ErrorCode.MESSAGE_TOO_LARGE,
      ],
      [append(target.log, batchOf({ values: ["x"], timestampsMs: [NOW_MS + 3_600_001] })), ErrorCode.INVALID_TIMESTAMP],
      [
        append(target.log, batchOf({ values: ["x"] }), { config: { ...config, compacted: true } }),
        ErrorCode.INVALID_RECORD,
      ],
      [
        append(
          target.log,
          batchOf({ values: ["x"], producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true }),
          { config: { ...config, verifiesTransactions: true } },
        ),
        ErrorCode.INVALID_TXN_STATE,
      ],
    ] as const;
    for (const [outcome, errorCode] of refusals) expect(outcome).toMatchObject({ kind: "refused", errorCode });
    expect(target.log.logEndOffset).toBe(1);
    expect([...target.log.producers.entries()]).toEqual([]);
    expect(readBatchHeader(await stored(target), 0).recordCount).toBe(1);
  });

  it("names the records at fault", () => {
    const batch = batchOf({ values: ["a", "b", "c"], timestampsMs: [NOW_MS, NOW_MS + 4_000_000, NOW_MS] });
    const outcome = append(newLog().log, batch);
    expect(outcome.kind === "refused" && outcome.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1]);
  });

  it("gives a batch the codec that the topic wants, and the leader's time with it", async () => {
    const values = Array.from({ length: 50 }, (_, i) => `value ${i % 3} of a batch that packs well`);
    for (const sent of [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD]) {
      for (const [compressionType, codec] of [
        ["uncompressed", 0],
        ["gzip", 1],
        ["lz4", 3],
        ["producer", sent],
      ] as const) {
        const target = newLog();
        const wanted = { ...config, compressionType, timestampType: "LogAppendTime" as const };
        const outcome = append(target.log, batchOf({ values, codec: sent }), { config: wanted, nowMs: NOW_MS + 9 });
        expect(outcome).toMatchObject({ kind: "appended", lastOffset: 49, logAppendTimeMs: NOW_MS + 9 });
        const bytes = await stored(target);
        const header = readBatchHeader(bytes, 0);
        expect(header).toMatchObject({ maxTimestamp: NOW_MS + 9, sizeInBytes: bytes.length, recordCount: 50 });
        expect([codecOf(header.attributes), timestampTypeOf(header.attributes)]).toEqual([codec, "LogAppendTime"]);
        expect(compression.kernels.scanBatch(bytes, 0, bytes.length).crcMatches).toBe(true);
        const kept = readRecords(compression, bytes, 0);
        expect(kept.map(({ value }) => new TextDecoder().decode(value ?? undefined))).toEqual(values);
      }
    }
  });
});
