// StreamsGroupHeartbeat (88), versions 0-1 (KIP-1071). Members of a Kafka Streams application join with their topology, learn their tasks and
// leave by it; the coordinator creates the internal topics and assigns (`sticky`). As in Kafka 4.4, source topics can't be given by regular
// expression, a group's topology can't be changed, nobody is given warm-up tasks, and version 1 tells members which client tags they lack.
// Departures from Kafka: topologies that Kafka answers with UNKNOWN_SERVER_ERROR (two subtopologies of one name, one that reads nothing, a
// copartition group of topics that aren't there) get STREAMS_INVALID_TOPOLOGY, as do those of more than 600,000 bytes or 20,000 tasks, or with a
// chain of more than 100 repartition topics that is told backwards; a
// member that answers queries may join before the source topics are there; numbers of partitions of repartition topics are compared within
// a copartition group, not over all of the topology; who isn't a member can't end the application; `group.streams.max.size` is 10,000, and
// the memory of members is limited (GROUP_MAX_SIZE_REACHED); groups are, too (POLICY_VIOLATION).

import { isInternalTopic, topicNameProblem } from "#cluster/topic-names.ts";
import { ACCEPTABLE_RECOVERY_LAG, TASK_OFFSET_INTERVAL_MS } from "#group/streams/limits.ts";
import { sortedTasks, type TaskIds, tasksOf } from "#group/streams/tasks.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponse,
} from "#protocol/messages/88-streams-group-heartbeat.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_CLIENT_TAGS = 1;

/** Texts of a client that are repeated in a sentence for people. */
const MAX_TOLD_NAMES = 3;

export const streamsGroupHeartbeat = handler({
  request: StreamsGroupHeartbeatRequest,
  response: StreamsGroupHeartbeatResponse,
  min: 0,
  max: 1,
  async handle({ broker, apiVersion, clientId, clientHost }, request) {
    const problem = topicProblem(request.topology);
    if (problem !== null) return { errorCode: ErrorCode.STREAMS_INVALID_TOPOLOGY, errorMessage: problem };
    if (request.groupId.trim() === "") {
      return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: "GroupId can't be empty." };
    }
    const { memberId, memberEpoch, clientTags } = request;
    const reply = await broker.streamsTopics.heartbeat({
      groupId: request.groupId,
      memberId,
      memberEpoch,
      groupInstanceId: request.instanceId,
      rackId: request.rackId,
      clientId: clientId ?? "",
      // Kafka shows the address as Java prints one, with an empty host name before the slash; tools expect it.
      clientHost: `/${clientHost}`,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      topology: request.topology,
      tasks: {
        active: reportedOf(request.activeTasks),
        standby: reportedOf(request.standbyTasks),
        warmup: reportedOf(request.warmupTasks),
      },
      processId: request.processId,
      userEndpoint: request.userEndpoint,
      clientTags: clientTags === null ? null : new Map(clientTags.map(({ key, value }) => [key, value])),
      taskOffsets: request.taskOffsets,
      taskEndOffsets: request.taskEndOffsets,
      endpointEpoch: request.endpointInformationEpoch,
      isShutdown: request.shutdownApplication,
      knowsClientTags: apiVersion >= FIRST_VERSION_WITH_CLIENT_TAGS,
    });
    if (reply.kind === "refused")
      return { errorCode: reply.errorCode, errorMessage: reply.message ?? errorMessage(reply.errorCode) };
    if (reply.kind === "left") return { memberId, memberEpoch, status: [] };
    const { assigned } = reply;
    return {
      memberId,
      memberEpoch: reply.memberEpoch,
      heartbeatIntervalMs: reply.heartbeatIntervalMs,
      taskOffsetIntervalMs: TASK_OFFSET_INTERVAL_MS,
      acceptableRecoveryLag: ACCEPTABLE_RECOVERY_LAG,
      status: reply.statuses,
      activeTasks: assigned === null ? null : sortedTasks(assigned.active),
      standbyTasks: assigned === null ? null : sortedTasks(assigned.standby),
      warmupTasks: assigned === null ? null : sortedTasks(assigned.warmup),
      endpointInformationEpoch: reply.endpointEpoch,
      partitionsByUserEndpoint: reply.endpoints,
    };
  },
});

function reportedOf(taskIds: readonly TaskIds[] | null) {
  return taskIds === null ? null : tasksOf(taskIds);
}

/** Applications may use topics of proper names that aren't the brokers' own. */
function topicProblem(topology: StreamsGroupHeartbeatRequest["topology"]): string | null {
  const names = (topology?.subtopologies ?? []).flatMap((subtopology) => [
    ...subtopology.sourceTopics,
    ...subtopology.repartitionSinkTopics,
    ...subtopology.repartitionSourceTopics.map(({ name }) => name),
    ...subtopology.stateChangelogTopics.map(({ name }) => name),
  ]);
  const internal = new Set(names.filter(isInternalTopic));
  if (internal.size > 0) return `The topology uses topics of the brokers: ${[...internal].join(", ")}.`;
  const wrong = names.map(topicNameProblem).filter((problem) => problem !== null);
  return wrong.length === 0 ? null : wrong.slice(0, MAX_TOLD_NAMES).join(" ");
}
