// ShareGroupHeartbeat (76), version 1. A member of a share group joins (epoch 0), stays, changes its subscription or leaves (-1) (KIP-932). A
// partition is assigned once its state is with a share coordinator, so that a new group's first member gets its assignment with its second
// heartbeat, as in Kafka.
// Departures from Kafka: a member subscribes to at most 10,000 topics, a group shares at most 100,000 partitions, and a member for whose
// subscription the broker has no memory gets GROUP_MAX_SIZE_REACHED.

import { sortedPartitions } from "#group/consumer/world.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponse,
} from "#protocol/messages/76-share-group-heartbeat.ts";
import { handler } from "../handler.ts";
import { sessionMember } from "../share/acknowledgements.ts";
import { heartbeat } from "../share/groups.ts";

export const shareGroupHeartbeat = handler({
  request: ShareGroupHeartbeatRequest,
  response: ShareGroupHeartbeatResponse,
  min: 1,
  max: 1,
  async handle({ broker, clientId, clientHost }, request) {
    const { groupId, memberId, memberEpoch, rackId, subscribedTopicNames } = request;
    if (groupId.trim() === "" || memberId.trim() === "" || sessionMember(groupId, memberId) === null) {
      return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: "The group or the member has no proper id." };
    }
    const reply = await heartbeat(broker, {
      groupId,
      memberId,
      memberEpoch,
      rackId,
      clientId: clientId ?? "",
      // Java's way to print an address without a name.
      clientHost: `/${clientHost}`,
      topicNames: subscribedTopicNames,
    });
    if (reply.kind === "refused") return { errorCode: reply.errorCode, errorMessage: reply.message };
    const { assigned, heartbeatIntervalMs } = reply;
    return {
      memberId,
      memberEpoch: reply.memberEpoch,
      heartbeatIntervalMs,
      assignment: assigned === null ? null : { topicPartitions: sortedPartitions(assigned) },
    };
  },
});
