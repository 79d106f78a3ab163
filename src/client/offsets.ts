import { ErrorCode } from "#protocol/errors.ts";
import { listOffsetsApi } from "./apis.ts";
import type { Client } from "./client.ts";
import { failed, failure, type Outcome, success } from "./outcome.ts";
import { isStaleMetadata, MAX_ATTEMPTS } from "./retry.ts";

/** Questions that ListOffsets takes in place of a timestamp. */
export const LATEST_TIMESTAMP = -1;
export const EARLIEST_TIMESTAMP = -2;

const LIST_OFFSETS_TIMEOUT_MS = 10_000;

/**
 * The offset of each partition at `timestamp` (milliseconds, or one of the questions above); -1 where no record is that
 * late. One request to each leader. A partition that the topic doesn't have is UNKNOWN_TOPIC_OR_PARTITION for all.
 */
export async function listOffsets(
  client: Client,
  topicName: string,
  partitions: readonly number[],
  timestamp: number,
): Promise<Outcome<ReadonlyMap<number, number>>> {
  const offsets = new Map<number, number>();
  let missing = partitions;
  for (let attempt = 1; ; attempt++) {
    const topic = await client.topic(topicName);
    if (failed(topic)) return topic;
    const leaders = Map.groupBy(missing, (partition) => topic.value.partitions[partition]?.leaderId ?? -1);
    const answers = await Promise.all(
      [...leaders].map(([leaderId, led]) => askLeader(client, leaderId, topicName, { partitions: led, timestamp })),
    );
    let problem: number = ErrorCode.NONE;
    for (const answer of answers) {
      if (failed(answer)) problem = answer.errorCode;
      else for (const [partition, offset] of answer.value) offsets.set(partition, offset);
    }
    missing = partitions.filter((partition) => !offsets.has(partition));
    if (missing.length === 0) return success(offsets);
    if (problem === ErrorCode.NONE) problem = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (!isStaleMetadata(problem) || attempt >= MAX_ATTEMPTS) return failure(problem);
    client.forget(topicName);
    await client.backOff(attempt);
  }
}

async function askLeader(
  client: Client,
  leaderId: number,
  topicName: string,
  question: { readonly partitions: readonly number[]; readonly timestamp: number },
): Promise<Outcome<ReadonlyMap<number, number>>> {
  if (leaderId < 0) return failure(ErrorCode.LEADER_NOT_AVAILABLE);
  const partitions = question.partitions.map((partitionIndex) => ({ partitionIndex, timestamp: question.timestamp }));
  const draft = { replicaId: -1, timeoutMs: LIST_OFFSETS_TIMEOUT_MS, topics: [{ name: topicName, partitions }] };
  const answer = await client.call(leaderId, listOffsetsApi, draft);
  if (failed(answer)) return answer;
  const offsets = new Map<number, number>();
  for (const partition of answer.value.topics.flatMap((topic) => topic.partitions)) {
    if (partition.errorCode !== ErrorCode.NONE) return failure(partition.errorCode);
    offsets.set(partition.partitionIndex, partition.offset);
  }
  return success(offsets);
}
