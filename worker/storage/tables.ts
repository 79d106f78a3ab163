/**
 * Everything that a broker object stores. (The cluster object's table: `cluster-tables.ts`.)
 *
 * | table | key | holds | owner | lifetime |
 * |---|---|---|---|---|
 * | `stored_format` | always 1 | the version of the tables below | BrokerObject | the object's |
 * | `partitions` | the partition's number | topic id, partition index, snapshot (`src/log/snapshot.ts`) | `PartitionLogs` | the partition's, then until its rows are removed |
 * | `log_rows` | number * 2^37 + row sequence | batches as on the wire, and their index (`src/log/batch-index.ts`) | `PartitionRows` | until the log start passes them, their segment lives in an object only, compaction replaces them, or the partition ends |
 * | `segments` | number * 2^37 + segment number | a sealed segment: offsets, timestamps, where its rows and its object are; until it has an object, the partition's snapshot at its end; its index of aborted transactions | `PartitionSegments` | until the log start passes it or the partition ends |
 * | `garbage` | rising | the key of an object that nobody refers to, or doesn't yet | `ObjectGarbage` | until the object is deleted, or referred to |
 *
 * Objects in the object store, by keys that are never used twice (`src/log/tiering/object-key.ts`): batches and indexes of one segment
 * (`src/log/tiering/segment-object.ts`), alive as long as a row of `segments` names them.
 *
 * Keys are integers of rowid tables: inserts are twice as fast as with any other key, and rows of one
 * partition lie together so that it can move. Small columns stand before the blobs: a look at them reads no overflow page.
 *
 * A change of a table is a new STORED_FORMAT_VERSION and a step in `openTables`. Version 1 had neither `segments` nor `garbage`, and
 * snapshots of version 1: all of a log was what is the active segment now. A store of version 1 is opened and becomes one of version 2.
 */
export const STORED_FORMAT_VERSION = 2;
const OLDEST_READABLE_VERSION = 1;

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
  `CREATE TABLE IF NOT EXISTS segments (
     id INTEGER PRIMARY KEY,
     base_offset INTEGER NOT NULL,
     end_offset INTEGER NOT NULL,
     size_in_bytes INTEGER NOT NULL,
     first_timestamp INTEGER NOT NULL,
     max_timestamp INTEGER NOT NULL,
     sealed_at_ms INTEGER NOT NULL,
     from_sequence INTEGER NOT NULL,
     end_sequence INTEGER NOT NULL,
     has_aborted INTEGER NOT NULL,
     object_key TEXT,
     object_batch_bytes INTEGER,
     object_offset_index_bytes INTEGER,
     object_time_index_bytes INTEGER,
     aborted BLOB NOT NULL,
     snapshot BLOB NOT NULL
   ) STRICT`,
  `CREATE TABLE IF NOT EXISTS garbage (
     id INTEGER PRIMARY KEY,
     object_key TEXT NOT NULL UNIQUE
   ) STRICT`,
] as const;

/**
 * Makes the tables, or checks that they are ours to use, and brings older ones up to date. Nothing is changed when it throws.
 * @throws Error when a newer Kedge wrote them: an older one would not know what it damages.
 */
export function openTables(storage: DurableObjectStorage): void {
  const { sql } = storage;
  const version = storedVersion(sql);
  // Nothing is written where nothing must: a broker whose disk is full still opens and serves what it has.
  if (version === STORED_FORMAT_VERSION) return;
  if (version === null || (version >= OLDEST_READABLE_VERSION && version < STORED_FORMAT_VERSION)) {
    storage.transactionSync(() => {
      for (const create of BROKER_TABLES) sql.exec(create);
      sql.exec("INSERT OR REPLACE INTO stored_format (id, version) VALUES (1, ?)", STORED_FORMAT_VERSION);
    });
    return;
  }
  throw new Error(
    `the broker's data has format ${version}, but this Kedge knows ${STORED_FORMAT_VERSION}: ` +
      "start it with the newer Kedge that wrote the data, or give it another data directory",
  );
}

/** Null when nothing is stored yet. */
function storedVersion(sql: SqlStorage): number | null {
  const tables = sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'stored_format'").toArray();
  if (tables.length === 0) return null;
  return sql.exec<{ version: number }>("SELECT version FROM stored_format").toArray().at(0)?.version ?? null;
}
