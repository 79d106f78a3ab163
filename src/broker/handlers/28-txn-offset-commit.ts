/**
 * TxnOffsetCommit, 0–6: stores what a group has consumed as part of a producer's transaction. The offsets count once it is committed; until it has
 * ended, readers that ask for stable offsets get UNSTABLE_OFFSET_COMMIT. From version 3 on a consumer may name its group's member and
 * generation, to be fenced like it. From version 5 on the group's partition of `__consumer_offsets` is added to the transaction (transactions V2),
 * before that AddOffsetsToTxn must have done so. Topics are named by id from version 6 on.
 *
 * Departures from Kafka: the answer keeps the order of the request; each partition for which the broker has no room left gets POLICY_VIOLATION.
 */
import { ZERO_UUID } from "#bytes/uuid.ts";
import type { TopicToCommit } from "#group/offsets.ts";
import type { GroupEnvironment } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from "#protocol/messages/28-txn-offset-commit.ts";
import { handler, type RequestContext } from "../handler.ts";
import { commitInTransaction } from "../transaction/offsets.ts";

const FIRST_VERSION_WITH_LOAD_IN_PROGRESS = 2;
const FIRST_VERSION_WITH_TOPIC_IDS = 6;
/** GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH; before, both were called ILLEGAL_GENERATION. */
const FIRST_VERSION_WITH_GROUP_ERRORS = 6;

type RequestTopic = TxnOffsetCommitRequest["topics"][number];

export const txnOffsetCommit = handler({
  request: TxnOffsetCommitRequest,
  response: TxnOffsetCommitResponse,
  min: 0,
  max: 6,
  async handle(context, request) {
    const { environment } = context.broker.groups;
    const usesIds = context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
    const topics = request.topics.map((topic) => existing(environment, topic, usesIds));
    const known = topics.filter(({ partitions }) => partitions.length > 0);
    const errors = known.length === 0 ? new Map() : await commit(context, request, known);
    const unknownTopic = usesIds ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return {
      topics: request.topics.map(({ name, topicId, partitions }, index) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => {
          const isTopicKnown = topics[index].topicId !== ZERO_UUID;
          const unknown = isTopicKnown ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : unknownTopic;
          return { partitionIndex, errorCode: errors.get(topics[index])?.get(partitionIndex) ?? unknown };
        }),
      })),
    };
  },
});

type Errors = Map<TopicToCommit, ReadonlyMap<number, ErrorCode>>;

async function commit(
  { broker, apiVersion }: RequestContext,
  request: TxnOffsetCommitRequest,
  topics: readonly TopicToCommit[],
): Promise<Errors> {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch, transactionalId } = request;
  const errorsOf = (outcome: (topicAt: number, at: number) => ErrorCode): Errors =>
    new Map(
      topics.map((topic, topicAt) => [
        topic,
        new Map(topic.partitions.map(({ partitionIndex }, at) => [partitionIndex, outcome(topicAt, at)])),
      ]),
    );
  if (groupId === "") return errorsOf(() => ErrorCode.INVALID_GROUP_ID);
  const reply = await commitInTransaction(broker, {
    transactionalId,
    producer: { producerId: request.producerId, producerEpoch: request.producerEpoch },
    apiVersion,
    command: {
      groupId,
      memberId,
      groupInstanceId,
      generationId: generationIdOrMemberEpoch,
      knowsGroupIdNotFound: apiVersion >= FIRST_VERSION_WITH_GROUP_ERRORS,
      retentionTimeMs: -1,
      topics,
    },
  });
  return errorsOf((topicAt, at) => told(reply.outcomes?.[topicAt][at].errorCode ?? reply.errorCode, apiVersion));
}

function told(errorCode: ErrorCode, apiVersion: number): ErrorCode {
  if (errorCode === ErrorCode.STALE_MEMBER_EPOCH && apiVersion < FIRST_VERSION_WITH_GROUP_ERRORS) {
    return ErrorCode.ILLEGAL_GENERATION;
  }
  const isLoading = errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  return isLoading && apiVersion < FIRST_VERSION_WITH_LOAD_IN_PROGRESS
    ? ErrorCode.COORDINATOR_NOT_AVAILABLE
    : errorCode;
}

/** The topic with those of its partitions that the cluster has; its id is zero when there is no such topic. */
function existing(environment: GroupEnvironment, topic: RequestTopic, usesIds: boolean): TopicToCommit {
  const name = (usesIds ? environment.topicName(topic.topicId) : topic.name) ?? "";
  const found = topic.partitions.filter(({ partitionIndex }) => environment.hasPartition(name, partitionIndex));
  return {
    topic: name,
    topicId: environment.topicId(name) ?? ZERO_UUID,
    partitions: found.map((partition) => ({
      partitionIndex: partition.partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata: partition.committedMetadata,
    })),
  };
}
