/** Requests about offsets, each once, at one broker. Failures of the whole are outcomes; those of partitions stand in the answer. */
import { ErrorCode } from "#protocol/errors.ts";
import { listOffsetsApi, offsetCommitApi, offsetFetchApi, offsetForLeaderEpochApi } from "../apis.ts";
import type { CallOptions, Client } from "../client.ts";
import { failed, failure, type Outcome, success } from "../outcome.ts";
import { type GroupMetadata, type OffsetAndMetadata, partitionKey, type TopicPartition } from "../topic-partition.ts";

export interface Asking {
  readonly client: Client;
  readonly call: CallOptions;
  readonly brokerId: number;
}

export interface OffsetQuestion extends TopicPartition {
  /** Milliseconds, or -1 for the end, -2 for the beginning. */
  readonly timestamp: number;
  /** -1: not known, not checked. */
  readonly currentLeaderEpoch: number;
}

export interface OffsetAnswer extends TopicPartition {
  readonly errorCode: ErrorCode;
  /** -1: no record is that late. */
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

export async function listOffsetsAt(
  { client, call, brokerId }: Asking,
  questions: readonly OffsetQuestion[],
  isolationLevel: number,
): Promise<Outcome<readonly OffsetAnswer[]>> {
  const topics = [...Map.groupBy(questions, ({ topic }) => topic)].map(([name, own]) => ({
    name,
    partitions: own.map(({ partition, timestamp, currentLeaderEpoch }) => ({
      partitionIndex: partition,
      timestamp,
      currentLeaderEpoch,
    })),
  }));
  const draft = { replicaId: -1, isolationLevel, timeoutMs: call.timeoutMs, topics };
  const answer = await client.call(brokerId, listOffsetsApi, draft, call);
  if (failed(answer)) return answer;
  return success(
    answer.value.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, offset, timestamp, leaderEpoch }) => ({
        topic: name,
        partition: partitionIndex,
        errorCode: errorCode as ErrorCode,
        offset,
        timestamp,
        leaderEpoch,
      })),
    ),
  );
}

export interface EpochQuestion extends TopicPartition {
  readonly currentLeaderEpoch: number;
  readonly leaderEpoch: number;
}

export interface EpochAnswer extends TopicPartition {
  readonly errorCode: ErrorCode;
  /** The last epoch up to the one asked for that the leader has, -1 for none, and where it ends. */
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** Where epochs end in the leader's history (KIP-320). */
export async function epochEnds(
  { client, call, brokerId }: Asking,
  questions: readonly EpochQuestion[],
): Promise<Outcome<readonly EpochAnswer[]>> {
  const topics = [...Map.groupBy(questions, ({ topic }) => topic)].map(([topic, own]) => ({
    topic,
    partitions: own.map(({ partition, currentLeaderEpoch, leaderEpoch }) => ({
      partition,
      currentLeaderEpoch,
      leaderEpoch,
    })),
  }));
  const answer = await client.call(brokerId, offsetForLeaderEpochApi, { replicaId: -1, topics }, call);
  if (failed(answer)) return answer;
  return success(
    answer.value.topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, errorCode, leaderEpoch, endOffset }) => ({
        topic,
        partition,
        errorCode: errorCode as ErrorCode,
        leaderEpoch,
        endOffset,
      })),
    ),
  );
}

/** What a group has committed, by `partitionKey`; partitions without a commit are missing. `partitions` null: all of the group's. */
export async function committedOffsets(
  { client, call, brokerId }: Asking,
  group: GroupMetadata,
  partitions: readonly TopicPartition[] | null,
): Promise<Outcome<ReadonlyMap<string, OffsetAndMetadata>>> {
  const topics =
    partitions &&
    [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, own]) => ({
      name,
      partitionIndexes: own.map(({ partition }) => partition),
    }));
  const { groupId, memberId, generationIdOrMemberEpoch = -1 } = group;
  const asked = { groupId, memberId: memberId || null, memberEpoch: memberId ? generationIdOrMemberEpoch : -1, topics };
  const answer = await client.call(brokerId, offsetFetchApi, { groups: [asked], requireStable: true }, call);
  if (failed(answer)) return answer;
  const found = answer.value.groups.find((one) => one.groupId === groupId);
  if (found === undefined) return failure(ErrorCode.UNKNOWN_SERVER_ERROR);
  if (found.errorCode !== ErrorCode.NONE) return failure(found.errorCode);
  const offsets = new Map<string, OffsetAndMetadata>();
  for (const { name, partitions: own } of found.topics) {
    for (const { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode } of own) {
      if (errorCode !== ErrorCode.NONE) return failure(errorCode);
      if (committedOffset < 0) continue;
      const committed = { topic: name, partition: partitionIndex, offset: committedOffset, metadata };
      offsets.set(partitionKey(committed), {
        ...committed,
        leaderEpoch: committedLeaderEpoch < 0 ? null : committedLeaderEpoch,
      });
    }
  }
  return success(offsets);
}

/** Commits; the first error of a partition is the outcome, though others may be committed. */
export async function commitOffsets(
  { client, call, brokerId }: Asking,
  group: GroupMetadata,
  offsets: readonly OffsetAndMetadata[],
): Promise<Outcome<void>> {
  const draft = {
    groupId: group.groupId,
    generationIdOrMemberEpoch: group.generationIdOrMemberEpoch ?? -1,
    memberId: group.memberId ?? "",
    groupInstanceId: group.groupInstanceId ?? null,
    topics: [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, own]) => ({
      name,
      partitions: own.map(({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        committedMetadata: metadata ?? "",
      })),
    })),
  };
  const answer = await client.call(brokerId, offsetCommitApi, draft, call);
  if (failed(answer)) return answer;
  const results = answer.value.topics.flatMap(({ partitions }) => partitions);
  const bad = results.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
  return bad === undefined ? success(undefined) : failure(bad.errorCode);
}
