/**
 * Everything that a broker object stores. (The cluster object's table: `cluster-tables.ts`.)
 *
 * | table | key | holds | owner | lifetime |
 * |---|---|---|---|---|
 * | `stored_format` | always 1 | the version of the tables below | BrokerObject | the object's |
 * | `partitions` | the partition's number | topic id, partition index, snapshot (`src/log/snapshot.ts`) | `PartitionLogs` | the partition's, then until its rows are removed |
 * | `log_rows` | number * 2^37 + row sequence | batches as on the wire, and their index (`src/log/batch-index.ts`) | `PartitionRows` | until DeleteRecords or the end of the partition passes them |
 *
 * Keys are integers of rowid tables (design.md section 8): inserts are twice as fast as with any other key, and rows of one
 * partition lie together so that it can move. Small columns stand before the blobs: a look at them reads no overflow page.
 *
 * A change of a table is a new STORED_FORMAT_VERSION and a step in `openTables`.
 */
export const STORED_FORMAT_VERSION = 1;

export const BROKER_TABLES = [
  `CREATE TABLE IF NOT EXISTS stored_format (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     version INTEGER NOT NULL
   ) STRICT`,
  `CREATE TABLE IF NOT EXISTS partitions (
     number INTEGER PRIMARY KEY,
     topic_id TEXT NOT NULL,
     partition_index INTEGER NOT NULL,
     deleted INTEGER NOT NULL,
     snapshot BLOB NOT NULL
   ) STRICT`,
  `CREATE TABLE IF NOT EXISTS log_rows (
     id INTEGER PRIMARY KEY,
     base_offset INTEGER NOT NULL,
     next_offset INTEGER NOT NULL,
     max_timestamp INTEGER NOT NULL,
     running_max_timestamp INTEGER NOT NULL,
     batches BLOB NOT NULL,
     bytes BLOB NOT NULL
   ) STRICT`,
] as const;

/**
 * Makes the tables, or checks that they are ours to use.
 * @throws Error when a newer Kedge wrote them: an older one would not know what it damages.
 */
export function openTables(storage: DurableObjectStorage): void {
  storage.transactionSync(() => {
    for (const create of BROKER_TABLES) storage.sql.exec(create);
    storage.sql.exec("INSERT OR IGNORE INTO stored_format (id, version) VALUES (1, ?)", STORED_FORMAT_VERSION);
  });
  const { version } = storage.sql.exec<{ version: number }>("SELECT version FROM stored_format").one();
  if (version === STORED_FORMAT_VERSION) return;
  throw new Error(
    `the broker's data has format ${version}, but this Kedge knows ${STORED_FORMAT_VERSION}: ` +
      "start it with the newer Kedge that wrote the data, or give it another data directory",
  );
}
