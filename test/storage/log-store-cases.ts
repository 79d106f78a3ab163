import { expect } from "vitest";
import { DELETION_SLICE_ROWS, MAX_ROW_BYTES, SNAPSHOT_EVERY_ROWS } from "#log/limits.ts";
import type { PartitionLogs } from "#log/partition-logs.ts";
import { emptyCommit, type LogStore } from "#ports/log-store.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { Codec } from "#records/batch.ts";
import {
  append,
  appendOne,
  batchOf,
  config,
  NOW_MS,
  OTHER_TOPIC,
  openLogs,
  readAll,
  TINY_CACHE,
  TOPIC,
} from "../log/setup.ts";

/** What a log does on any store. `open` gives a new store over what has been committed so far, as a restart would. */
export interface LogStoreCase {
  readonly name: string;
  run(open: () => LogStore): Promise<void>;
}

/** A value of `bytes` bytes that no codec makes small. */
function noise(bytes: number): Uint8Array {
  const value = new Uint8Array(bytes);
  let state = bytes;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    value[i] = state >>> 24;
  }
  return value;
}

const bigConfig = { ...config, maxMessageBytes: 8 << 20 };

export const logStoreCases: readonly LogStoreCase[] = [
  {
    name: "reads back what was appended, from memory, from the store and after a restart",
    async run(open) {
      const logs = openLogs(open(), TINY_CACHE);
      const expected = new Map<number, string[]>([0, 1, 2].map((partition) => [partition, []]));
      for (let round = 0; round < 30; round++) {
        for (const [partition, values] of expected) {
          const batch = Array.from({ length: 1 + ((round + partition) % 4) }, (_, i) => `${partition}/${round}/${i}`);
          appendOne(logs.getOrCreate(TOPIC, partition), { values: batch });
          values.push(...batch);
        }
        if (round % 3 === 0) await logs.committed();
      }
      await logs.committed();
      const reopened = openLogs(open(), TINY_CACHE);
      for (const [partition, values] of expected) {
        const wanted = values.map((value, offset) => ({ offset, value }));
        for (const maxBytes of [1, 300, Number.MAX_SAFE_INTEGER]) {
          expect(readAll(logs.getOrCreate(TOPIC, partition), maxBytes)).toEqual(wanted);
          expect(readAll(reopened.getOrCreate(TOPIC, partition), maxBytes)).toEqual(wanted);
        }
      }
      expect(reopened.partitionsOf(TOPIC)).toEqual([0, 1, 2]);
      expect(reopened.get(OTHER_TOPIC, 0)).toBeUndefined();
    },
  },
  {
    name: "keeps batches over MAX_ROW_BYTES in several rows and reads them whole",
    async run(open) {
      const logs = openLogs(open(), TINY_CACHE);
      const log = logs.getOrCreate(TOPIC, 0);
      const values = [noise(10), noise(3 * MAX_ROW_BYTES + 17), noise(20), noise(MAX_ROW_BYTES), noise(30)];
      for (const value of values) appendOne(log, { values: [value] }, { config: bigConfig });
      await logs.committed();
      for (const each of [log, openLogs(open(), TINY_CACHE).getOrCreate(TOPIC, 0)]) {
        for (const maxBytes of [1, 2 * MAX_ROW_BYTES, Number.MAX_SAFE_INTEGER]) {
          const read = readAll(each, maxBytes);
          expect(read.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4]);
          const isSame = read.map(({ value }, i) => value === new TextDecoder().decode(values[i]));
          expect(isSame).toEqual([true, true, true, true, true]);
        }
      }
      expect(log.deleteRecordsBefore(2).kind).toBe("deleted");
      await logs.committed();
      expect(readAll(openLogs(open()).getOrCreate(TOPIC, 0)).map(({ offset }) => offset)).toEqual([2, 3, 4]);
    },
  },
  {
    name: "takes a batch over its hard limit for too large whatever the topic says",
    async run(open) {
      const log = openLogs(open()).getOrCreate(TOPIC, 0);
      const unbounded = { ...bigConfig, maxMessageBytes: 100 << 20 };
      const outcome = append(log, batchOf({ values: [noise(8 << 20)] }), { config: unbounded });
      expect(outcome).toMatchObject({ kind: "refused", errorCode: ErrorCode.MESSAGE_TOO_LARGE });
    },
  },
  {
    name: "deletes records for good, and never the ones behind",
    async run(open) {
      const logs = openLogs(open(), TINY_CACHE);
      const log = logs.getOrCreate(TOPIC, 0);
      for (let i = 0; i < 20; i++) {
        appendOne(log, { values: [`a${i}`, `b${i}`] });
        await logs.committed();
      }
      expect(log.deleteRecordsBefore(41)).toEqual({ kind: "refused", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
      expect(log.deleteRecordsBefore(-2)).toEqual({ kind: "refused", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
      expect(log.deleteRecordsBefore(15)).toEqual({ kind: "deleted", logStartOffset: 15 });
      expect(log.deleteRecordsBefore(3)).toEqual({ kind: "deleted", logStartOffset: 15 });
      await logs.committed();
      for (const each of [log, openLogs(open()).getOrCreate(TOPIC, 0)]) {
        expect(each.logStartOffset).toBe(15);
        expect(readAll(each)[0]).toEqual({ offset: 15, value: "b7" });
        expect(each.read(14, { maxBytes: 1, upperBound: 40, minOneMessage: true }).kind).toBe("refused");
      }
      expect(log.deleteRecordsBefore(-1)).toEqual({ kind: "deleted", logStartOffset: 40 });
      await logs.committed();
      const emptied = openLogs(open()).getOrCreate(TOPIC, 0);
      expect([emptied.logStartOffset, emptied.highWatermark, emptied.logEndOffset]).toEqual([40, 40, 40]);
      expect(appendOne(emptied, { values: ["on"] }).baseOffset).toBe(40);
    },
  },
  {
    name: "finds records by their timestamps, to the record",
    async run(open) {
      const logs = openLogs(open(), TINY_CACHE);
      const log = logs.getOrCreate(TOPIC, 0);
      expect([log.offsetForTimestamp(0), log.offsetOfMaxTimestamp()]).toEqual([null, null]);
      // 0..9 rising, 10..12 out of order with the largest in the middle, 13 late, then a compressed batch.
      for (let i = 0; i < 10; i++) {
        appendOne(log, { values: [`${i}`], timestampsMs: [1000 + 10 * i] });
        await logs.committed();
      }
      appendOne(log, { values: ["10", "11", "12"], timestampsMs: [1020, 5000, 1200] }, { leaderEpoch: 3 });
      await logs.committed();
      appendOne(log, { values: ["13"], timestampsMs: [1300] }, { leaderEpoch: 3 });
      await logs.committed();
      appendOne(log, { values: ["14", "15"], timestampsMs: [4000, 5000], codec: Codec.GZIP }, { leaderEpoch: 3 });
      await logs.committed();
      const find = (each: typeof log, timestampMs: number) => each.offsetForTimestamp(timestampMs)?.offset ?? -1;
      for (const each of [log, openLogs(open()).getOrCreate(TOPIC, 0)]) {
        expect([0, 1000, 1001, 1090, 1091, 5000, 5001].map((at) => find(each, at))).toEqual([0, 0, 1, 9, 11, 11, -1]);
        expect(each.offsetForTimestamp(1001)).toEqual({ offset: 1, timestampMs: 1010, leaderEpoch: 0 });
        expect(each.offsetOfMaxTimestamp()).toEqual({ offset: 11, timestampMs: 5000, leaderEpoch: 3 });
        expect(each.offsetOfMaxTimestamp(11)).toEqual({ offset: 9, timestampMs: 1090, leaderEpoch: 0 });
        expect(each.offsetForTimestamp(1091, 11)).toBeNull();
      }
      // What was seen and deleted must not be found, nor hide what is left.
      log.deleteRecordsBefore(12);
      await logs.committed();
      for (const each of [log, openLogs(open()).getOrCreate(TOPIC, 0)]) {
        expect([0, 1201, 1301, 4001].map((at) => find(each, at))).toEqual([12, 13, 14, 15]);
        expect(each.offsetOfMaxTimestamp()).toEqual({ offset: 15, timestampMs: 5000, leaderEpoch: 3 });
      }
    },
  },
  {
    name: "knows its producers and leader epochs after a restart",
    async run(open) {
      const logs = openLogs(open());
      const log = logs.getOrCreate(TOPIC, 0);
      for (let i = 0; i < 7; i++) {
        const producer = { producerId: 9, producerEpoch: 1, baseSequence: 2 * i };
        appendOne(log, { values: ["a", "b"], ...producer }, { leaderEpoch: i < 3 ? 1 : 4 });
        await logs.committed();
      }
      const restarted = openLogs(open()).getOrCreate(TOPIC, 0);
      const again = (baseSequence: number) =>
        append(restarted, batchOf({ values: ["a", "b"], producerId: 9, producerEpoch: 1, baseSequence }), {
          leaderEpoch: 4,
        });
      expect(again(12)).toMatchObject({ kind: "appended", baseOffset: 12, lastOffset: 13, duplicate: true });
      expect(again(4)).toMatchObject({ kind: "appended", baseOffset: 4, duplicate: true });
      expect(again(2)).toMatchObject({ kind: "refused", errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
      expect(again(14)).toMatchObject({ kind: "appended", baseOffset: 14, duplicate: false });
      expect(restarted.endOffsetForEpoch(1)).toEqual({ leaderEpoch: 1, endOffset: 6 });
      expect(restarted.endOffsetForEpoch(2)).toEqual({ leaderEpoch: 1, endOffset: 6 });
      expect(restarted.latestEpoch).toBe(4);
      expect([5, 6].map((offset) => restarted.epochForOffset(offset))).toEqual([1, 4]);
    },
  },
  {
    name: "replays no more than what came after the last snapshot",
    async run(open) {
      const logs = openLogs(open());
      const log = logs.getOrCreate(TOPIC, 0);
      for (let i = 0; i < SNAPSHOT_EVERY_ROWS + 40; i++) {
        appendOne(log, { values: [`${i}`], producerId: 5, producerEpoch: 0, baseSequence: i });
        await logs.committed();
      }
      const store = open();
      const replayed: number[] = [];
      const indexes = store.indexes.bind(store);
      store.indexes = (...args) => {
        const rows = indexes(...args);
        replayed.push(...rows.map(({ sequence }) => sequence));
        return rows;
      };
      const restarted = openLogs(store).getOrCreate(TOPIC, 0);
      expect(restarted.logEndOffset).toBe(SNAPSHOT_EVERY_ROWS + 40);
      // The very first commit holds a snapshot, too, and the row of record 0 with it.
      expect(replayed).toHaveLength(39);
      const next = { producerId: 5, producerEpoch: 0, baseSequence: SNAPSHOT_EVERY_ROWS + 40 };
      expect(append(restarted, batchOf({ values: ["on"], ...next })).kind).toBe("appended");
    },
  },
  {
    name: "removes a deleted topic's rows in slices, also after a restart, and nothing else",
    async run(open) {
      const logs = openLogs(open());
      const fill = async (all: PartitionLogs, topicId: string) => {
        for (let i = 0; i < 80; i++) {
          appendOne(all.getOrCreate(topicId, 0), { values: [`${topicId} ${i}`] });
          await all.committed();
        }
      };
      await fill(logs, TOPIC);
      await fill(logs, OTHER_TOPIC);
      logs.getOrCreate(TOPIC, 0).deleteRecordsBefore(10);
      const log = logs.getOrCreate(TOPIC, 0);
      await logs.deleteTopic(TOPIC);
      expect([log.isClosed, logs.get(TOPIC, 0)]).toEqual([true, undefined]);
      expect(append(log, batchOf({ values: ["late"] }))).toMatchObject({
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      });
      // The restart comes after the first slice.
      const store = open();
      expect(store.partitions().map(({ deleted }) => deleted)).toEqual([true, false]);
      const restarted = openLogs(store);
      expect(restarted.get(TOPIC, 0)).toBeUndefined();
      for (let slice = 0; slice < 4; slice++) await restarted.committed();
      expect(store.partitions().map(({ topicId }) => topicId)).toEqual([OTHER_TOPIC]);
      expect(store.nextSequence(0, 0)).toBe(0);
      expect(readAll(restarted.getOrCreate(OTHER_TOPIC, 0))).toHaveLength(80);
      expect(restarted.getOrCreate(TOPIC, 0).logEndOffset).toBe(0);
    },
  },
  {
    name: "removes deleted rows in slices, and goes on where a restart has interrupted it",
    async run(open) {
      const logs = openLogs(open());
      const log = logs.getOrCreate(TOPIC, 0);
      for (let i = 0; i < 150; i++) {
        appendOne(log, { values: [`${i}`] });
        await logs.committed();
      }
      const store = open();
      const slices: number[] = [];
      const commit = store.commit.bind(store);
      store.commit = (next) => {
        slices.push(next.deletedRows.reduce((sum, range) => sum + range.endSequence - range.fromSequence, 0));
        // The disk goes away after the second slice.
        return slices.length > 2 ? Promise.reject(new Error("gone")) : commit(next);
      };
      const deleting = openLogs(store);
      deleting.getOrCreate(TOPIC, 0).deleteRecordsBefore(140);
      await deleting.committed();
      await expect(deleting.committed()).resolves.toBeUndefined();
      await expect(deleting.committed()).rejects.toThrow("gone");
      expect(slices).toEqual([DELETION_SLICE_ROWS, DELETION_SLICE_ROWS, DELETION_SLICE_ROWS]);
      const restarted = openLogs(open());
      expect(readAll(restarted.getOrCreate(TOPIC, 0)).map(({ offset }) => offset)[0]).toBe(140);
      expect(open().firstSequence(0, -1)).toBe(2 * DELETION_SLICE_ROWS);
      for (let slice = 0; slice < 4; slice++) await restarted.committed();
      expect(open().firstSequence(0, -1)).toBe(140);
      expect(readAll(restarted.getOrCreate(TOPIC, 0))).toHaveLength(10);
    },
  },
  {
    name: "answers its own small questions",
    async run(open) {
      const store = open();
      const row = (partitionNumber: number, sequence: number, maxTimestamp: number) => ({
        partitionNumber,
        sequence,
        baseOffset: sequence * 10,
        nextOffset: sequence * 10 + 10,
        maxTimestamp,
        runningMaxTimestamp: 99,
        index: new Uint8Array(48),
        bytes: new Uint8Array([partitionNumber, sequence]),
      });
      const record = { number: 65_535, topicId: TOPIC, partitionIndex: 3, deleted: false };
      await store.commit({
        ...emptyCommit(),
        partitions: [{ ...record, snapshot: new Uint8Array([1, 2, 3]) }],
        rows: [row(7, 4, 40), row(7, 5, 90), row(7, 6, 60), row(65_535, 4, NOW_MS)],
      });
      expect(store.partitions()).toEqual([record]);
      expect(store.snapshot(65_535)).toEqual(new Uint8Array([1, 2, 3]));
      expect([store.nextSequence(7, 0), store.nextSequence(6, 2), store.nextSequence(65_535, 4)]).toEqual([7, 2, 5]);
      expect([store.firstSequence(7, 0), store.firstSequence(6, 2), store.firstSequence(65_535, 0)]).toEqual([4, 2, 4]);
      const rows = (from: number, maxRows: number, maxBytes: number) =>
        store.rows(7, from, { maxRows, maxBytes }).map(({ sequence, bytes }) => [sequence, ...bytes]);
      expect(rows(5, 9, 9)).toEqual([
        [5, 7, 5],
        [6, 7, 6],
      ]);
      expect([rows(4, 2, 9).length, rows(4, 9, 3).length, rows(4, 9, 2).length, rows(4, 9, 0).length]).toEqual([
        2, 2, 1, 1,
      ]);
      expect(store.head(7, 5)).toEqual({
        sequence: 5,
        baseOffset: 50,
        nextOffset: 60,
        maxTimestamp: 90,
        runningMaxTimestamp: 99,
      });
      expect(store.indexes(7, 5, 9).map(({ sequence, index }) => [sequence, index.length])).toEqual([
        [5, 48],
        [6, 48],
      ]);
      expect(store.indexes(7, 4, 1)).toHaveLength(1);
      expect([store.firstSequenceReaching(7, 0, 60), store.firstSequenceReaching(7, 6, 60)]).toEqual([5, 6]);
      expect(store.firstSequenceReaching(7, 0, 91)).toBe(-1);
      expect([store.maxTimestamp(7, 4, 7), store.maxTimestamp(7, 4, 5), store.maxTimestamp(7, 7, 9)]).toEqual([
        90, 40, -1,
      ]);
      expect(rows(1, 1, 1)).toEqual([[4, 7, 4]]);
      expect([store.head(7, 1)?.sequence, store.head(7, 7), rows(7, 1, 1)]).toEqual([4, null, []]);
      expect([store.batchBytes(7, 0, 6), store.batchBytes(7, 6, 9), store.batchBytes(8, 0, 9)]).toEqual([4, 2, 0]);
      expect(() => store.snapshot(7)).toThrow();
      const deletedRows = [{ partitionNumber: 7, fromSequence: 4, endSequence: 6 }];
      await store.commit({ ...emptyCommit(), deletedRows, removedPartitions: [65_535] });
      expect(open().partitions()).toEqual([]);
      expect(
        open()
          .indexes(7, 0, 9)
          .map(({ sequence }) => sequence),
      ).toEqual([6]);
    },
  },
];
