import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { SqlLogStore } from "#worker/storage/sql-log-store.ts";
import { openTables, STORED_FORMAT_VERSION } from "#worker/storage/tables.ts";
import { appendOne, openLogs, readAll, TOPIC } from "../log/setup.ts";
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
