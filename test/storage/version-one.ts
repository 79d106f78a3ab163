import { Writer } from "#bytes/writer.ts";
import { BatchIndex } from "#log/batch-index.ts";
import { ROW_SEQUENCES } from "#log/limits.ts";
import { readBatchHeader, stampBatch } from "#records/batch.ts";
import { batchOf, TOPIC } from "../log/setup.ts";

export const VERSION_ONE_VALUES = Array.from({ length: 20 }, (_, i) => `old${i}`.padEnd(6, "."));

interface SqlLike {
  exec(query: string, ...bindings: unknown[]): unknown;
}

/** The tables of format 1, as its Kedge made them. */
const TABLES = [
  "CREATE TABLE stored_format (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL) STRICT",
  `CREATE TABLE partitions (number INTEGER PRIMARY KEY, topic_id TEXT NOT NULL, partition_index INTEGER NOT NULL,
     deleted INTEGER NOT NULL, snapshot BLOB NOT NULL) STRICT`,
  `CREATE TABLE log_rows (id INTEGER PRIMARY KEY, base_offset INTEGER NOT NULL, next_offset INTEGER NOT NULL,
     max_timestamp INTEGER NOT NULL, running_max_timestamp INTEGER NOT NULL, batches BLOB NOT NULL, bytes BLOB NOT NULL) STRICT`,
];

/** A partition of 20 rows with one record each, of which its snapshot knows the first eight. */
export function makeVersionOneStore(storage: { readonly sql: SqlLike }): void {
  const { sql } = storage;
  for (const table of TABLES) sql.exec(table);
  sql.exec("INSERT INTO stored_format (id, version) VALUES (1, 1)");
  const number = 7;
  const row = "INSERT INTO log_rows VALUES (?, ?, ?, ?, ?, ?, ?)";
  for (const [offset, value] of VERSION_ONE_VALUES.entries()) {
    const batch = batchOf({ values: [value] });
    stampBatch(batch, 0, offset, 0);
    const header = readBatchHeader(batch, 0);
    const index = new BatchIndex();
    index.append(0, header);
    const id = number * ROW_SEQUENCES + offset;
    sql.exec(row, id, offset, offset + 1, header.maxTimestamp, header.maxTimestamp, index.encode(), batch);
  }
  sql.exec("INSERT INTO partitions VALUES (?, ?, 0, 0, ?)", number, TOPIC, snapshotOf(8));
}

/** `encodeSnapshot` of version 1: no producers, no leader epochs. */
function snapshotOf(offset: number): Uint8Array {
  const writer = new Writer();
  writer.int16(1);
  writer.int64(0);
  writer.int64(offset);
  writer.int64(offset);
  writer.float64(-1);
  writer.int32(0);
  writer.int32(0);
  return writer.finish();
}
