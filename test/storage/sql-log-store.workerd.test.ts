import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { SqlLogStore } from "#worker/storage/sql-log-store.ts";
import { openTables, STORED_FORMAT_VERSION } from "#worker/storage/tables.ts";
import { logStoreCases } from "./log-store-cases.ts";

/** Runs in the storage of an object of its own. */
function inObject(name: string, run: (storage: DurableObjectStorage) => Promise<void>): Promise<void> {
  const stub = env.CLUSTER.get(env.CLUSTER.idFromName(`log store: ${name}`));
  return runInDurableObject(stub, (_, state) => run(state.storage));
}

describe("a log on SQLite", () => {
  for (const { name, run } of logStoreCases) {
    it(name, () => inObject(name, (storage) => run(() => new SqlLogStore(storage))));
  }

  it("refuses what a newer Kedge wrote, and says what to do", () =>
    inObject("newer", async (storage) => {
      openTables(storage);
      storage.sql.exec("UPDATE stored_format SET version = ?", STORED_FORMAT_VERSION + 1);
      expect(() => new SqlLogStore(storage)).toThrow("start it with the newer Kedge");
    }));
});
