// ConsumerGroupHeartbeat (68), versions 0-1 (KIP-848). Members join a consumer group, learn their partitions and leave by it; the coordinator
// assigns (`uniform`, `range`). Version 1 brings subscriptions by regular expression (RE2) and member ids that the client makes.
// Departures from Kafka: an expression is matched with the topics in the heartbeat and not in the background, so that the first answer
// brings partitions already; where that would take more than some 50 ms (10,000 topics and more), the group's heartbeats go on with it once a
// second, and members keep what they have meanwhile; expressions are limited to 1,000 characters, 5,000 instructions and 100 a group
// (INVALID_REGULAR_EXPRESSION); `group.consumer.max.size` is 10,000, and the memory of members, of what they are assigned and of what their
// expressions match is limited for each broker (GROUP_MAX_SIZE_REACHED for who joins, or asks for topics that its group does not read yet); groups
// are limited, too (POLICY_VIOLATION); records of coordinators aren't held to `max.message.bytes` of their topics, where Kafka refuses what
// would write a longer one (UNKNOWN_SERVER_ERROR): their own limits keep them below 8 MiB, and a group that would be too long for the one
// record of a classic group doesn't become one; the hash of the topics' metadata in `__consumer_offsets` is another function.

import { isRefusal, sortedPartitions } from "#group/consumer/world.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "#protocol/messages/68-consumer-group-heartbeat.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_CLIENT_MADE_IDS = 1;

type ReportedTopics = ConsumerGroupHeartbeatRequest["topicPartitions"];

export const consumerGroupHeartbeat = handler({
  request: ConsumerGroupHeartbeatRequest,
  response: ConsumerGroupHeartbeatResponse,
  min: 0,
  max: 1,
  async handle({ broker, apiVersion, clientId, clientHost }, request) {
    if (request.groupId.trim() === "") {
      return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: "GroupId can't be empty." };
    }
    const reply = await broker.groups.consumerHeartbeat({
      groupId: request.groupId,
      memberId: request.memberId,
      memberEpoch: request.memberEpoch,
      groupInstanceId: request.instanceId,
      rackId: request.rackId,
      clientId: clientId ?? "",
      // Kafka shows the address as Java prints one, with an empty host name before the slash; tools expect it.
      clientHost: `/${clientHost}`,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      topicNames: request.subscribedTopicNames,
      topicRegex: request.subscribedTopicRegex,
      serverAssignor: request.serverAssignor,
      reported: reportedOf(request.topicPartitions),
      requiresMemberId: apiVersion >= FIRST_VERSION_WITH_CLIENT_MADE_IDS,
    });
    if (isRefusal(reply))
      return { errorCode: reply.errorCode, errorMessage: reply.message ?? errorMessage(reply.errorCode) };
    const { memberId, memberEpoch, heartbeatIntervalMs, assigned } = reply;
    const assignment = assigned === null ? null : { topicPartitions: sortedPartitions(assigned) };
    return { memberId, memberEpoch, heartbeatIntervalMs, assignment };
  },
});

function reportedOf(topics: ReportedTopics): ReadonlyMap<string, ReadonlySet<number>> | null {
  return topics === null ? null : new Map(topics.map(({ topicId, partitions }) => [topicId, new Set(partitions)]));
}
