/** What a Node client must be able to do, so that one set of scenarios drives them all. */
import type { WireRecord } from "../records.ts";

/** How long a consumer's fetch may wait at the broker for records. */
export const FETCH_WAIT_MS = 200;

export type Codec = "none" | "gzip" | "snappy" | "lz4" | "zstd";

export interface ReadRecord extends WireRecord {
  readonly offset: number;
}

export interface TopicShape {
  readonly partitions: number;
  /** Partitions that have a leader. */
  readonly led: number;
}

export interface ProduceHow {
  readonly codec: Codec;
  readonly idempotent: boolean;
  /** Records handed over in one call. */
  readonly chunk: number;
}

export interface GroupMember {
  /** Partitions of the topic that this member holds now, ascending. */
  assignment(): number[];
  /** `partition/offset` of all that was handed to this member so far, in order. */
  readonly seen: string[];
  /** Commits what was seen. */
  commit(): Promise<void>;
  close(): Promise<void>;
}

export interface ClientUnderTest {
  readonly name: string;
  readonly codecs: readonly Codec[];
  createTopic(topic: string, partitions: number, configs?: Record<string, string>): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  listTopics(): Promise<string[]>;
  describeTopic(topic: string): Promise<TopicShape>;
  topicConfig(topic: string, name: string): Promise<string | null>;
  growTopic(topic: string, partitions: number): Promise<void>;
  produce(topic: string, records: readonly WireRecord[], how: ProduceHow): Promise<void>;
  /** Reads from the beginning until `count` records came. */
  read(topic: string, count: number): Promise<ReadRecord[]>;
  /** The offset of each partition: of its end, its start, or the first record at or after a timestamp. */
  offsets(topic: string, at: "latest" | "earliest" | number): Promise<number[]>;
  join(groupId: string, topic: string): Promise<GroupMember>;
  close(): Promise<void>;
}
