import { ROW_SEQUENCES } from "#log/limits.ts";
import type { LogCommit, NewSegment, SegmentObject, SegmentRecord, SegmentState } from "#ports/log-store.ts";

type SegmentColumns = {
  id: number;
  base_offset: number;
  end_offset: number;
  size_in_bytes: number;
  first_timestamp: number;
  max_timestamp: number;
  sealed_at_ms: number;
  from_sequence: number;
  end_sequence: number;
  has_aborted: number;
  object_key: string | null;
  object_batch_bytes: number | null;
  object_offset_index_bytes: number | null;
  object_time_index_bytes: number | null;
};

const COLUMNS = [
  "id",
  "base_offset",
  "end_offset",
  "size_in_bytes",
  "first_timestamp",
  "max_timestamp",
  "sealed_at_ms",
  "from_sequence",
  "end_sequence",
  "has_aborted",
  "object_key",
  "object_batch_bytes",
  "object_offset_index_bytes",
  "object_time_index_bytes",
];
const LIST = COLUMNS.join(", ");
const INSERT = `INSERT INTO segments (${LIST}, aborted, snapshot) VALUES (${COLUMNS.map(() => "?").join(", ")}, ?, ?)`;
/** A segment with an object has its snapshot there. */
const UPDATE = `UPDATE segments SET ${COLUMNS.map((column) => `${column} = ?`).join(", ")},
  aborted = COALESCE(?, aborted), snapshot = CASE WHEN object_key IS NULL AND ? IS NULL THEN snapshot ELSE x'' END WHERE id = ?`;

/** The tables `segments` and `garbage`. */
export class SqlManifest {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  segments(partitionNumber: number): SegmentRecord[] {
    const rows = this.sql.exec<SegmentColumns>(
      `SELECT ${LIST} FROM segments WHERE id >= ? AND id < ? ORDER BY id`,
      segmentId(partitionNumber, 0),
      segmentId(partitionNumber + 1, 0),
    );
    return rows.toArray().map(recordOf);
  }

  state(partitionNumber: number, segmentNumber: number): SegmentState {
    const { snapshot, aborted } = this.sql
      .exec<{ snapshot: ArrayBuffer; aborted: ArrayBuffer }>(
        "SELECT snapshot, aborted FROM segments WHERE id = ?",
        segmentId(partitionNumber, segmentNumber),
      )
      .one();
    return { snapshot: new Uint8Array(snapshot), aborted: new Uint8Array(aborted) };
  }

  garbage(limit: number): string[] {
    const rows = this.sql.exec<{ object_key: string }>("SELECT object_key FROM garbage ORDER BY id LIMIT ?", limit);
    return rows.toArray().map(({ object_key }) => object_key);
  }

  apply(commit: LogCommit): void {
    for (const segment of commit.newSegments) this.insert(segment);
    for (const segment of commit.changedSegments) {
      this.sql.exec(UPDATE, ...valuesOf(segment), segment.aborted ?? null, segment.object?.key ?? null, idOf(segment));
    }
    for (const removed of commit.removedSegments) this.sql.exec("DELETE FROM segments WHERE id = ?", idOf(removed));
    for (const key of commit.notGarbage) this.sql.exec("DELETE FROM garbage WHERE object_key = ?", key);
    for (const key of commit.garbage) this.sql.exec("INSERT OR IGNORE INTO garbage (object_key) VALUES (?)", key);
    for (const number of commit.removedPartitions) this.removePartition(number);
  }

  private insert(segment: NewSegment): void {
    this.sql.exec(INSERT, ...valuesOf(segment), segment.state.aborted, segment.state.snapshot);
  }

  private removePartition(partitionNumber: number): void {
    const range = [segmentId(partitionNumber, 0), segmentId(partitionNumber + 1, 0)];
    this.sql.exec(
      `INSERT OR IGNORE INTO garbage (object_key)
       SELECT object_key FROM segments WHERE id >= ? AND id < ? AND object_key IS NOT NULL`,
      ...range,
    );
    this.sql.exec("DELETE FROM segments WHERE id >= ? AND id < ?", ...range);
  }
}

/** Segments are numbered like rows: at most 2^37 of them in a partition. */
function segmentId(partitionNumber: number, segmentNumber: number): number {
  return partitionNumber * ROW_SEQUENCES + segmentNumber;
}

function idOf({ partitionNumber, number }: Pick<SegmentRecord, "partitionNumber" | "number">): number {
  return segmentId(partitionNumber, number);
}

function valuesOf(segment: SegmentRecord): SqlStorageValue[] {
  const { object } = segment;
  return [
    idOf(segment),
    segment.baseOffset,
    segment.endOffset,
    segment.sizeInBytes,
    segment.firstTimestamp,
    segment.maxTimestamp,
    segment.sealedAtMs,
    segment.fromSequence,
    segment.endSequence,
    segment.hasAborted ? 1 : 0,
    object?.key ?? null,
    object?.batchBytes ?? null,
    object?.offsetIndexBytes ?? null,
    object?.timeIndexBytes ?? null,
  ];
}

function recordOf(row: SegmentColumns): SegmentRecord {
  return {
    partitionNumber: Math.floor(row.id / ROW_SEQUENCES),
    number: row.id % ROW_SEQUENCES,
    baseOffset: row.base_offset,
    endOffset: row.end_offset,
    sizeInBytes: row.size_in_bytes,
    firstTimestamp: row.first_timestamp,
    maxTimestamp: row.max_timestamp,
    sealedAtMs: row.sealed_at_ms,
    fromSequence: row.from_sequence,
    endSequence: row.end_sequence,
    object: objectOf(row),
    hasAborted: row.has_aborted === 1,
  };
}

function objectOf(row: SegmentColumns): SegmentObject | null {
  if (row.object_key === null) return null;
  return {
    key: row.object_key,
    batchBytes: row.object_batch_bytes as number,
    offsetIndexBytes: row.object_offset_index_bytes as number,
    timeIndexBytes: row.object_time_index_bytes as number,
  };
}
