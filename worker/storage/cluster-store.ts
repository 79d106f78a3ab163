import type { ClusterStore } from "#cluster/cluster.ts";
import type { StoredRow } from "#cluster/stored.ts";
import { CLUSTER_TABLES } from "./cluster-tables.ts";

/** The cluster's rows in the SQLite of its object. */
export function sqliteClusterStore(storage: DurableObjectStorage): ClusterStore {
  for (const { create } of CLUSTER_TABLES) storage.sql.exec(create);
  return {
    load: () => storage.sql.exec<{ key: string; value: string }>("SELECT key, value FROM cluster_metadata").toArray(),
    async write(rows: readonly StoredRow[]) {
      storage.transactionSync(() => {
        for (const { key, value } of rows) {
          if (value === null) storage.sql.exec("DELETE FROM cluster_metadata WHERE key = ?", key);
          else storage.sql.exec("INSERT OR REPLACE INTO cluster_metadata (key, value) VALUES (?, ?)", key, value);
        }
      });
      await storage.sync();
    },
  };
}
