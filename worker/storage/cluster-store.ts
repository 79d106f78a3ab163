import type { ClusterStore } from "#cluster/cluster.ts";
import type { StoredRow } from "#cluster/stored.ts";
import { FORMAT_KEY, openClusterTable } from "./cluster-tables.ts";

interface Row extends Record<string, SqlStorageValue> {
  key: string;
  value: string;
}

/** The cluster's rows in the SQLite of its object. */
export function sqliteClusterStore(storage: DurableObjectStorage): ClusterStore {
  openClusterTable(storage);
  return {
    load: () => storage.sql.exec<Row>("SELECT key, value FROM cluster_metadata WHERE key <> ?", FORMAT_KEY).toArray(),
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
