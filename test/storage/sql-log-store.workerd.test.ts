import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { PartitionLogs } from "#log/partition-logs.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { SqlLogStore } from "#worker/storage/sql-log-store.ts";
import { openTables, STORED_FORMAT_VERSION } from "#worker/storage/tables.ts";
import { append, appendOne, batchOf, compression, openLogs, readAll, TOPIC } from "../log/setup.ts";
import { logStoreCases } from "./log-store-cases.ts";
import { segmentCases } from "./segment-cases.ts";
import { makeVersionOneStore, VERSION_ONE_VALUES } from "./version-one.ts";

/** Runs in the storage of an object of its own. */
function inObject(name: string, run: (storage: DurableObjectStorage) => Promise<void>): Promise<void> {
  const stub = env.CLUSTER.get(env.CLUSTER.idFromName(`log store: ${name}`));
  return runInDurableObject(stub, (_, state) => run(state.storage));
}

describe("a log on SQLite", () => {
  for (const { name, run } of [...logStoreCases, ...segmentCases]) {
    it(name, () => inObject(name, (storage) => run(() => new SqlLogStore(storage))));
  }

  it("opens what version 1 wrote, and goes on from there", () =>
    inObject("version one", async (storage) => {
      makeVersionOneStore(storage);
      const log = openLogs(new SqlLogStore(storage)).getOrCreate(TOPIC, 0);
      expect(readAll(log).map(({ value }) => value)).toEqual(VERSION_ONE_VALUES);
      expect(log.segments.active).toMatchObject({ number: 0, baseOffset: 0 });
      expect(log.segments.active.sizeInBytes).toBe(VERSION_ONE_VALUES.length * 74);
      const logs = openLogs(new SqlLogStore(storage));
      const again = logs.getOrCreate(TOPIC, 0);
      again.roll(1);
      appendOne(again, { values: ["new"] });
      await logs.committed();
      const reopened = openLogs(new SqlLogStore(storage)).getOrCreate(TOPIC, 0);
      expect(readAll(reopened).map(({ value }) => value)).toEqual([...VERSION_ONE_VALUES, "new"]);
      expect(reopened.segments.sealed).toHaveLength(1);
      const { version } = storage.sql.exec<{ version: number }>("SELECT version FROM stored_format").one();
      expect(version).toBe(STORED_FORMAT_VERSION);
    }));

  it("that has reached its limit refuses records, can be read, and takes them again when there is room", () =>
    inObject("full", async (storage) => {
      let nowMs = 0;
      const logs = new PartitionLogs({
        store: new SqlLogStore(storage),
        compression,
        clock: { nowMs: () => nowMs },
        spaceLimits: { crowdedBytes: 1e9, fullBytes: 6_000_000 },
      });
      const log = logs.getOrCreate(TOPIC, 0);
      const put = async () => {
        const outcome = append(log, batchOf({ values: ["v".repeat(100_000)], timestampsMs: [nowMs] }), { nowMs });
        await logs.committed();
        return outcome.kind === "refused" ? outcome.errorCode : ErrorCode.NONE;
      };
      let stored = 0;
      while ((await put()) === ErrorCode.NONE) stored += 1;
      expect(stored).toBeGreaterThan(50);
      expect(await put()).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(readAll(log)).toHaveLength(stored);
      log.deleteRecordsBefore(stored - 5);
      for (let i = 0; i < 20; i++) await logs.committed();
      nowMs += 1_000;
      expect(await put()).toBe(ErrorCode.NONE);
      expect(readAll(log)).toHaveLength(6);
    }));

  it("leaves no statement open, which would hold memory and the write-ahead log", () =>
    inObject("statements", async (storage) => {
      const store = new SqlLogStore(storage);
      const logs = openLogs(store);
      const log = logs.getOrCreate(TOPIC, 0);
      for (let i = 0; i < 12; i++) {
        appendOne(log, { values: ["v".repeat(i < 6 ? 1_000 : 400_000)] });
        await logs.committed();
      }
      const { number } = log;
      const questions = [
        () => store.partitions(),
        () => store.snapshot(number),
        () => [store.firstSequence(number, -1), store.nextSequence(number, -1)],
        () => store.head(number, 3),
        () => store.indexes(number, 0, 4),
        () => store.rows(number, 0, { maxRows: 3, maxBytes: 1 << 20 }),
        () => store.rows(number, 0, { maxRows: 256, maxBytes: 256 << 10 }),
        () => store.rows(number, 7, { maxRows: 256, maxBytes: 1_000_000 }),
        () => store.batchBytes(number, 0, 9),
        () => [store.firstSequenceReaching(number, 0, 1), store.maxTimestamp(number, 0, 9)],
        () => [store.segments(number), store.garbage(9), store.sizeInBytes()],
      ];
      storage.sql.exec("CREATE TABLE probe (id INTEGER PRIMARY KEY)");
      for (const ask of questions) {
        expect(ask()).toBeDefined();
        // SQLite drops no table while a statement of the connection is at work.
        storage.sql.exec("DROP TABLE probe");
        storage.sql.exec("CREATE TABLE probe (id INTEGER PRIMARY KEY)");
      }
    }));

  it("says how large it is without the pages that will be used again", () =>
    inObject("size", async (storage) => {
      const store = new SqlLogStore(storage);
      const logs = openLogs(store);
      const log = logs.getOrCreate(TOPIC, 0);
      for (let i = 0; i < 40; i++) {
        appendOne(log, { values: ["v".repeat(100_000)] });
        await logs.committed();
      }
      const full = store.sizeInBytes();
      expect(full).toBeGreaterThan(4_000_000);
      log.deleteRecordsBefore(40);
      for (let slice = 0; slice < 4; slice++) await logs.committed();
      expect(store.sizeInBytes()).toBeLessThan(full / 4);
    }));

  it("refuses what a newer Kedge wrote, and says what to do", () =>
    inObject("newer", async (storage) => {
      openTables(storage);
      storage.sql.exec("UPDATE stored_format SET version = ?", STORED_FORMAT_VERSION + 1);
      expect(() => new SqlLogStore(storage)).toThrow("start it with the newer Kedge");
    }));
});
