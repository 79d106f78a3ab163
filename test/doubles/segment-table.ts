import type { ChangedSegment, LogCommit, SegmentRecord, SegmentState } from "#ports/log-store.ts";

interface Stored {
  readonly record: SegmentRecord;
  readonly state: SegmentState;
}

const NOTHING = new Uint8Array(0);

/** The manifest of a log store in memory: the tables `segments` and `garbage` of `worker/storage/tables.ts`. */
export class SegmentTable {
  private readonly stored: Map<string, Stored>;
  private readonly keys: Set<string>;

  constructor(stored = new Map<string, Stored>(), keys = new Set<string>()) {
    this.stored = stored;
    this.keys = keys;
  }

  copy(): SegmentTable {
    return new SegmentTable(new Map(this.stored), new Set(this.keys));
  }

  segments(partitionNumber: number): SegmentRecord[] {
    const all = [...this.stored.values()].map(({ record }) => record);
    return all
      .filter((record) => record.partitionNumber === partitionNumber)
      .sort((one, other) => one.number - other.number);
  }

  state(partitionNumber: number, segmentNumber: number): SegmentState {
    const found = this.stored.get(`${partitionNumber}/${segmentNumber}`);
    if (found === undefined) throw new Error(`segment ${segmentNumber} of partition ${partitionNumber} isn't stored`);
    return found.state;
  }

  /** Of all objects that segments refer to. */
  objectKeys(): string[] {
    return [...this.stored.values()].flatMap(({ record }) => record.object?.key ?? []);
  }

  garbage(limit: number): string[] {
    return [...this.keys].slice(0, limit);
  }

  apply(commit: LogCommit): void {
    for (const { state, ...record } of commit.newSegments) this.stored.set(keyOf(record), { record, state });
    for (const record of commit.changedSegments) this.change(record);
    for (const removed of commit.removedSegments) this.stored.delete(keyOf(removed));
    for (const key of commit.notGarbage) this.keys.delete(key);
    for (const key of commit.garbage) this.keys.add(key);
    for (const number of commit.removedPartitions) this.removePartition(number);
  }

  private change({ aborted: newAborted, ...record }: ChangedSegment): void {
    const { snapshot, aborted } = this.state(record.partitionNumber, record.number);
    this.stored.set(keyOf(record), {
      record,
      state: { snapshot: record.object === null ? snapshot : NOTHING, aborted: newAborted?.slice() ?? aborted },
    });
  }

  private removePartition(partitionNumber: number): void {
    for (const record of this.segments(partitionNumber)) {
      this.stored.delete(keyOf(record));
      if (record.object !== null) this.keys.add(record.object.key);
    }
  }
}

function keyOf({ partitionNumber, number }: Pick<SegmentRecord, "partitionNumber" | "number">): string {
  return `${partitionNumber}/${number}`;
}
