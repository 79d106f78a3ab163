import { describe, expect, it } from "vitest";
import type { PartitionLog } from "#log/partition-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { appendOne, config, join, openLogs, readValues, TOPIC } from "./setup.ts";

/** Ten batches of two records each, of equal size, in four rows. */
async function filled(): Promise<{ log: PartitionLog; batchBytes: number }> {
  const logs = openLogs(new MemoryLogStore());
  const log = logs.getOrCreate(TOPIC, 0);
  for (let i = 0; i < 10; i++) {
    appendOne(log, { values: [`a${i}`, `b${i}`] });
    if (i % 3 === 2) await logs.committed();
  }
  await logs.committed();
  const outcome = log.read(0, { maxBytes: 1, upperBound: 20, minOneMessage: true });
  return { log, batchBytes: outcome.kind === "read" ? outcome.sizeInBytes : 0 };
}

/** More than is joined with its neighbours; and a tail for three rows of it. */
const LARGE = "x".repeat(20_000);
const THREE_ROWS = { tailMaxBytes: 3 * 32_768, readRowsMaxBytes: 4096 };

const LARGE_ALLOWED = { config: { ...config, maxMessageBytes: 4_000_000 } };

interface Limits {
  readonly maxBytes?: number;
  readonly upperBound?: number;
  readonly minOneMessage?: boolean;
}

function read(log: PartitionLog, fromOffset: number, limits: Limits = {}) {
  const outcome = log.read(fromOffset, {
    maxBytes: 9999,
    upperBound: log.highWatermark,
    minOneMessage: true,
    ...limits,
  });
  if (outcome.kind === "refused") throw new Error(`refused: ${outcome.errorCode}`);
  return outcome;
}

/** How often the store is asked for rows from now on. */
function countQuestions(store: MemoryLogStore): () => number {
  let questions = 0;
  const rows = store.rows.bind(store);
  store.rows = (...args) => {
    questions += 1;
    return rows(...args);
  };
  return () => questions;
}

describe("reading a log", () => {
  it("begins with the batch that holds the offset", async () => {
    const { log } = await filled();
    expect(readValues(log, 7)[0]).toEqual({ offset: 6, value: "a3" });
    expect(readValues(log, 6)[0]).toEqual({ offset: 6, value: "a3" });
  });

  it("gives whole batches, within and across rows, up to the byte limit", async () => {
    const { log, batchBytes } = await filled();
    for (const from of [0, 3, 4, 9]) {
      const left = 10 - Math.floor(from / 2);
      for (let count = 1; count <= 12; count++) {
        const wanted = Math.min(count, left) * batchBytes;
        expect(read(log, from, { maxBytes: count * batchBytes }).sizeInBytes).toBe(wanted);
        expect(read(log, from, { maxBytes: count * batchBytes + batchBytes - 1 }).sizeInBytes).toBe(wanted);
      }
    }
  });

  it("gives one batch beyond the limit only when asked to", async () => {
    const { log, batchBytes } = await filled();
    expect(read(log, 0, { maxBytes: batchBytes - 1 }).sizeInBytes).toBe(batchBytes);
    expect(read(log, 0, { maxBytes: 0 }).sizeInBytes).toBe(batchBytes);
    expect(read(log, 0, { maxBytes: batchBytes - 1, minOneMessage: false })).toMatchObject({
      sizeInBytes: 0,
      nextOffset: 0,
    });
  });

  it("never gives a batch that reaches the upper bound", async () => {
    const { log, batchBytes } = await filled();
    for (let upperBound = 0; upperBound <= 20; upperBound++) {
      const outcome = read(log, 0, { upperBound });
      expect(outcome.sizeInBytes).toBe(Math.floor(upperBound / 2) * batchBytes);
      expect(outcome.nextOffset).toBe(Math.floor(upperBound / 2) * 2);
    }
  });

  it("is empty at the end and out of range outside the log", async () => {
    const { log } = await filled();
    expect(read(log, 20)).toMatchObject({ sizeInBytes: 0, nextOffset: 20, chunks: [] });
    const outOfRange = { kind: "refused", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };
    for (const offset of [-1, 21, Number.MAX_SAFE_INTEGER]) {
      expect(log.read(offset, { maxBytes: 1, upperBound: 20, minOneMessage: true })).toEqual(outOfRange);
    }
  });

  it("joins small pieces, and leaves large ones where they are", async () => {
    const logs = openLogs(new MemoryLogStore());
    const log = logs.getOrCreate(TOPIC, 0);
    for (const value of ["a", "b", LARGE, "c", "d", "e"]) {
      appendOne(log, { values: [value] });
      await logs.committed();
    }
    const { chunks } = read(log, 0, { maxBytes: 1 << 20 });
    expect(chunks).toHaveLength(3);
    expect(readValues(log, 0).map(({ value }) => value)).toEqual(["a", "b", LARGE, "c", "d", "e"]);
  });

  it("reads many small rows with few questions to the store", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store, { tailMaxBytes: 4096, readRowsMaxBytes: 1 << 20 });
    const log = logs.getOrCreate(TOPIC, 0);
    for (let i = 0; i < 600; i++) {
      appendOne(log, { values: [`${i}`] });
      await logs.committed();
    }
    const questions = countQuestions(store);
    expect(readValues(log, 0)).toHaveLength(600);
    expect(questions()).toBe(3);
  });

  it("keeps no more small rows than their bytes and what they take besides allow", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store, { tailMaxBytes: 4096, readRowsMaxBytes: 64 << 10 });
    const log = logs.getOrCreate(TOPIC, 0);
    for (let i = 0; i < 200; i++) {
      appendOne(log, { values: [`${i}`] });
      await logs.committed();
    }
    readValues(log, 0);
    const questions = countQuestions(store);
    // 200 rows of less than 100 bytes each, but of 1 KB more.
    expect(readValues(log, 0)).toHaveLength(200);
    expect(questions()).toBeGreaterThan(0);
  });

  it("leaves bytes that are still looked at alone, whatever happens to their rows", async () => {
    const logs = openLogs(new MemoryLogStore(), THREE_ROWS);
    const log = logs.getOrCreate(TOPIC, 0);
    appendOne(log, { values: [LARGE] });
    await logs.committed();
    const { chunks } = read(log, 0);
    const before = join(chunks);
    for (let i = 0; i < 20; i++) {
      appendOne(log, { values: [`later ${i}`.padEnd(LARGE.length)] });
      await logs.committed();
    }
    expect(join(chunks)).toEqual(before);
  });

  it("uses the memory of a released read again", async () => {
    const logs = openLogs(new MemoryLogStore(), THREE_ROWS);
    const log = logs.getOrCreate(TOPIC, 0);
    appendOne(log, { values: [LARGE] });
    await logs.committed();
    const outcome = read(log, 0);
    const { buffer } = outcome.chunks[0];
    outcome.release();
    const buffers: unknown[] = [];
    for (let i = 0; i < 20; i++) {
      appendOne(log, { values: [`later ${i}`.padEnd(LARGE.length)] });
      await logs.committed();
      buffers.push(read(log, i + 1).chunks[0].buffer);
    }
    expect(buffers).toContain(buffer);
  });
});

describe("what a read would find", () => {
  it("is known without reading, exactly where the log is in memory", async () => {
    const logs = openLogs(new MemoryLogStore());
    const log = logs.getOrCreate(TOPIC, 0);
    for (let i = 0; i < 12; i++) {
      appendOne(log, { values: [`a${i}`, i === 7 ? "x".repeat(2_500_000) : LARGE] }, LARGE_ALLOWED);
      if (i % 3 === 2) await logs.committed();
    }
    // Of what is staged nobody may see anything.
    appendOne(log, { values: ["staged"] });
    for (let from = 0; from <= log.logEndOffset; from++) {
      const found = read(log, from, { maxBytes: Number.MAX_SAFE_INTEGER }).sizeInBytes;
      for (const limit of [1, 20_000, 100_000, 1 << 24]) {
        expect(log.bytesAvailable(from, limit), `from ${from} up to ${limit}`).toBe(Math.min(found, limit));
      }
    }
  });

  it("counts as enough where it isn't known, or where a read would be refused", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store, THREE_ROWS);
    const log = logs.getOrCreate(TOPIC, 0);
    for (let i = 0; i < 10; i++) {
      appendOne(log, { values: [LARGE] });
      await logs.committed();
    }
    expect(log.bytesAvailable(0, 1_000_000)).toBe(1_000_000);
    expect(log.bytesAvailable(9, 1_000_000)).toBe(read(log, 9, { maxBytes: 1_000_000 }).sizeInBytes);
    expect(log.bytesAvailable(10, 7)).toBe(0);
    for (const refused of [11, -1]) expect(log.bytesAvailable(refused, 7)).toBe(Number.POSITIVE_INFINITY);
    await logs.deleteTopic(TOPIC);
    expect(log.bytesAvailable(10, 7)).toBe(Number.POSITIVE_INFINITY);
    const again = openLogs(store.reopened()).getOrCreate(TOPIC, 0);
    expect(again.bytesAvailable(0, 7)).toBe(0);
  });
});
