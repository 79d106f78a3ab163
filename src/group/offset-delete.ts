import { ErrorCode } from "#protocol/errors.ts";
import { type CommittedOffsets, forgetOffsets, type PartitionOutcome } from "./offsets.ts";
import type { OffsetPosition } from "./stored.ts";
import type { Turn } from "./turn.ts";

export interface TopicToDelete {
  readonly topic: string;
  readonly partitionIndexes: readonly number[];
}

export interface DeletedTopic {
  readonly topic: string;
  readonly partitions: readonly PartitionOutcome[];
}

export interface OffsetDeleteCommand {
  readonly groupId: string;
  readonly topics: readonly TopicToDelete[];
}

/**
 * OffsetDelete (KIP-496): topics that the group subscribes to (`keeps`) get GROUP_SUBSCRIBED_TO_TOPIC; what was never committed is as good
 * as deleted.
 */
export function deleteOffsets(
  offsets: CommittedOffsets,
  command: OffsetDeleteCommand,
  keeps: (topic: string) => boolean,
  turn: Turn,
): DeletedTopic[] {
  const gone: OffsetPosition[] = [];
  const topics = command.topics.map(({ topic, partitionIndexes }) => {
    const errorCode = keeps(topic) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE;
    const partitions = partitionIndexes.map((partitionIndex) => {
      const position = { groupId: command.groupId, topic, partitionIndex };
      if (errorCode === ErrorCode.NONE && offsets.has(position)) gone.push(position);
      return { partitionIndex, errorCode };
    });
    return { topic, partitions };
  });
  for (const tombstone of forgetOffsets(offsets, gone)) turn.records.push(tombstone);
  return topics;
}
