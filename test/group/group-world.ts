import { type Uuid, uuidFromBytes } from "#bytes/uuid.ts";
import type {
  CoordinatorLog,
  CoordinatorLogVisitor,
  CoordinatorRecord,
  GroupEnvironment,
  TransactionalProducer,
  TransactionMarker,
} from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ManualTime } from "../doubles/manual-time.ts";

/** What stands in the log: a record, for a producer or not, or the end of a transaction. */
export type LogEntry =
  | (CoordinatorRecord & { readonly producer?: TransactionalProducer })
  | (CoordinatorRecord & { readonly marker: TransactionMarker });

interface HeldAppend {
  readonly partitionIndex: number;
  readonly records: readonly LogEntry[];
  readonly resolve: (errorCode: ErrorCode) => void;
}

const NO_BYTES = new Uint8Array(0);

/** `__consumer_offsets` in memory. Appends commit at once, or when the test says so, or fail as it says. */
export class MemoryCoordinatorLog implements CoordinatorLog {
  /** What is committed and hasn't been trimmed, by partition. */
  readonly partitions = new Map<number, LogEntry[]>();
  private readonly startOffsets = new Map<number, number>();
  /** Appends that are held count: their offsets are given. */
  private readonly endOffsets = new Map<number, number>();
  /** Stands in for the outcome of every trim from now on. */
  trimError: ErrorCode = ErrorCode.NONE;
  trims = 0;
  readonly held: HeldAppend[] = [];
  appends = 0;
  replays = 0;
  isHolding = false;
  /** Stands in for the outcome of every replay from now on. */
  replayError: ErrorCode = ErrorCode.NONE;
  /** A replay waits for it. */
  beforeReplay: Promise<void> = Promise.resolve();

  append(
    partitionIndex: number,
    records: readonly CoordinatorRecord[],
    producer: TransactionalProducer | null = null,
  ): Promise<ErrorCode> {
    return this.appendEntries(
      partitionIndex,
      producer === null ? records : records.map((one) => ({ ...one, producer })),
    );
  }

  objectionTo(): ErrorCode {
    return ErrorCode.NONE;
  }

  appendMarker(partitionIndex: number, marker: TransactionMarker): Promise<ErrorCode> {
    return this.appendEntries(partitionIndex, [{ key: NO_BYTES, value: null, marker }]);
  }

  private appendEntries(partitionIndex: number, records: readonly LogEntry[]): Promise<ErrorCode> {
    this.appends++;
    this.endOffsets.set(partitionIndex, this.endOffset(partitionIndex) + records.length);
    if (!this.isHolding) {
      this.commit(partitionIndex, records);
      return Promise.resolve(ErrorCode.NONE);
    }
    return new Promise((resolve) => this.held.push({ partitionIndex, records, resolve }));
  }

  async replay(partitionIndex: number, visitor: CoordinatorLogVisitor): Promise<ErrorCode> {
    this.replays++;
    await this.beforeReplay;
    for (const entry of this.partitions.get(partitionIndex) ?? []) {
      if ("marker" in entry) visitor.marker(entry.marker);
      else visitor.record(entry, entry.producer ?? null);
    }
    return this.replayError;
  }

  endOffset(partitionIndex: number): number {
    return this.endOffsets.get(partitionIndex) ?? 0;
  }

  trimBefore(partitionIndex: number, offset: number): Promise<ErrorCode> {
    if (this.trimError !== ErrorCode.NONE) return Promise.resolve(this.trimError);
    const startOffset = this.startOffsets.get(partitionIndex) ?? 0;
    const records = this.partitions.get(partitionIndex) ?? [];
    if (offset > startOffset + records.length) throw new Error(`offset ${offset} isn't committed yet`);
    this.partitions.set(partitionIndex, records.slice(offset - startOffset));
    this.startOffsets.set(partitionIndex, offset);
    this.trims++;
    return Promise.resolve(ErrorCode.NONE);
  }

  /** The log as a broker finds it that starts now. */
  crashed(): MemoryCoordinatorLog {
    const log = new MemoryCoordinatorLog();
    for (const [partitionIndex, records] of this.partitions) {
      log.commit(partitionIndex, records);
      log.endOffsets.set(partitionIndex, records.length);
    }
    return log;
  }

  /** Lets the oldest held append end. */
  release(errorCode: ErrorCode = ErrorCode.NONE): void {
    const next = this.held.shift();
    if (next === undefined) throw new Error("no append is held");
    if (errorCode === ErrorCode.NONE) this.commit(next.partitionIndex, next.records);
    next.resolve(errorCode);
  }

  private commit(partitionIndex: number, records: readonly LogEntry[]): void {
    const committed = this.partitions.get(partitionIndex) ?? [];
    committed.push(...records);
    this.partitions.set(partitionIndex, committed);
  }
}

/** The surroundings of the group coordinators of broker 1, which leads every partition until the test takes one away. */
export class GroupWorld implements GroupEnvironment {
  log = new MemoryCoordinatorLog();
  /** Only `advance` fires timers. */
  readonly time = new ManualTime(-1);
  readonly clock = this.time;
  readonly timers = this.time;
  readonly random;
  offsetsPartitions = 50;
  /** Of `__consumer_offsets`. */
  offsetsId: Uuid = "offsetsoffsetsoffsetsA";
  /** What `ensureInternalTopic` makes. */
  creatable = 50;
  readonly epochs = new Map<number, number | null>();
  readonly topics = new Map<string, { topicId: Uuid; partitions: number }>();
  private uuids = 0;

  constructor() {
    const uuid = () => {
      this.uuids++;
      const last = [1 + (this.uuids >> 8), this.uuids & 0xff];
      return uuidFromBytes(Uint8Array.from({ length: 16 }, (_, i) => last[i - 14] ?? 1));
    };
    this.random = { uuid, below: () => 0 };
    this.topics.set("t", { topicId: uuid(), partitions: 3 });
    this.topics.set("u", { topicId: uuid(), partitions: 1 });
  }

  internalTopicId(): Uuid | undefined {
    return this.offsetsPartitions === 0 ? undefined : this.offsetsId;
  }

  partitionCount(): number {
    return this.offsetsPartitions;
  }

  ensureInternalTopic(): Promise<number> {
    this.offsetsPartitions = this.creatable;
    return Promise.resolve(this.creatable);
  }

  leaderEpoch(partitionIndex: number): number | null {
    const epoch = this.epochs.get(partitionIndex);
    return epoch === undefined ? 0 : epoch;
  }

  leader(partitionIndex: number) {
    const brokerId = this.leaderEpoch(partitionIndex) === null ? 2 : 1;
    return { brokerId, host: `host-${brokerId}`, port: 9090 + brokerId };
  }

  topicName(topicId: Uuid): string | undefined {
    return [...this.topics].find(([, topic]) => topic.topicId === topicId)?.[0];
  }

  topicId(topicName: string): Uuid | undefined {
    return this.topics.get(topicName)?.topicId;
  }

  /** Tests that change topics count it up. */
  version = 1;

  imageVersion(): number {
    return this.version;
  }

  partitionCountOf(topicName: string): number {
    return this.topics.get(topicName)?.partitions ?? 0;
  }

  topicNames(): Iterable<string> {
    return this.topics.keys();
  }

  hasPartition(topicName: string, partitionIndex: number): boolean {
    return partitionIndex < (this.topics.get(topicName)?.partitions ?? 0);
  }
}
