// OffsetCommit (8), versions 2-10. Stores what a group has consumed, for members of its current generation and, while the group is empty, for
// anybody. Members of a consumer group commit with their epoch from version 9 on (STALE_MEMBER_EPOCH; UNSUPPORTED_VERSION before).
// Topics are named by id from version 10 on; a topic or partition that isn't there gets its error alone
// (UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION), an objection of the group goes to all that is left.
// Departures from Kafka: the answer keeps the order of the request; a commit that would create one group too many gets POLICY_VIOLATION, and
// so does each partition for which the broker has no room left (MAX_OFFSET_BYTES over all groups); what was committed before stays, and a
// commit that holds no more than the one before it is always taken.

import { ZERO_UUID } from "#bytes/uuid.ts";
import type { TopicToCommit } from "#group/offsets.ts";
import type { GroupEnvironment } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_TOPIC_IDS = 10;
const FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND = 9;

type RequestTopic = OffsetCommitRequest["topics"][number];

export const offsetCommit = handler({
  request: OffsetCommitRequest,
  response: OffsetCommitResponse,
  min: 2,
  max: 10,
  async handle({ broker, apiVersion }, request) {
    const { environment } = broker.groups;
    const usesIds = apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
    const names = request.topics.map((topic) => (usesIds ? environment.topicName(topic.topicId) : topic.name));
    const topics = request.topics.map((topic, index) => existing(environment, topic, names[index]));
    const known = topics.filter((topic) => topic.partitions.length > 0);
    const answer = (errorOf: (topic: TopicToCommit, partitionIndex: number) => ErrorCode) => ({
      topics: request.topics.map(({ name, topicId, partitions }, index) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: errorOf(topics[index], partitionIndex),
        })),
      })),
    });
    const unknownTopic = usesIds ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const unknownError = (topic: TopicToCommit) =>
      environment.topicId(topic.topic) === undefined ? unknownTopic : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (known.length === 0) return answer(unknownError);

    const reply = await broker.groups.commitOffsets({
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generationId: request.generationIdOrMemberEpoch,
      knowsGroupIdNotFound: apiVersion >= FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND,
      isBeforeMemberEpochs: apiVersion < FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND,
      retentionTimeMs: request.retentionTimeMs,
      topics: known,
    });
    const outcomes = new Map(
      known.map((topic, index) => {
        const outcomesOfTopic = reply.outcomes?.[index];
        const errorOf = (at: number) => outcomesOfTopic?.[at].errorCode ?? reply.errorCode;
        return [topic, new Map(topic.partitions.map(({ partitionIndex }, at) => [partitionIndex, errorOf(at)]))];
      }),
    );
    return answer((topic, partitionIndex) => outcomes.get(topic)?.get(partitionIndex) ?? unknownError(topic));
  },
});

/** The topic with those of its partitions that the cluster has. */
function existing(environment: GroupEnvironment, topic: RequestTopic, name: string | undefined): TopicToCommit {
  const found = topic.partitions.filter(
    ({ partitionIndex }) => name !== undefined && environment.hasPartition(name, partitionIndex),
  );
  return {
    topic: name ?? "",
    topicId: (name === undefined ? undefined : environment.topicId(name)) ?? ZERO_UUID,
    partitions: found.map((partition) => ({
      partitionIndex: partition.partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata: partition.committedMetadata,
    })),
  };
}
