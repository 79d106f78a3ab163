// JoinGroup (11), versions 0-9. A member joins a classic group and is answered when the generation begins that it is part of.
// Version 4+ gives a new dynamic member its id first (MEMBER_ID_REQUIRED), 5+ knows static members, 9+ can tell a returning static leader
// to leave the assignment as it is.
// A member may join a consumer group, too (KIP-848's online migration): it is answered at once, and an empty group changes its protocol.
// Departures from Kafka: a join that is refused creates no group; a second join of one member answers the first one (REBALANCE_IN_PROGRESS);
// limits on names, protocols and metadata (INVALID_REQUEST), on members, on ids that were given out and on what the members of all groups
// hold together (GROUP_MAX_SIZE_REACHED), and on groups (POLICY_VIOLATION);
// `group.initial.rebalance.delay.ms` is 0 by default.

import { JoinGroupRequest, JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_REBALANCE_TIMEOUT = 1;
const FIRST_VERSION_WITH_KNOWN_MEMBER_ID = 4;
const FIRST_VERSION_WITH_NULLABLE_PROTOCOL = 7;
const FIRST_VERSION_WITH_SKIP_ASSIGNMENT = 9;

export const joinGroup = handler({
  request: JoinGroupRequest,
  response: JoinGroupResponse,
  min: 0,
  max: 9,
  async handle({ broker, apiVersion, clientId, clientHost }, request) {
    const { sessionTimeoutMs } = request;
    const hasRebalanceTimeout = apiVersion >= FIRST_VERSION_WITH_REBALANCE_TIMEOUT;
    const reply = await broker.groups.joinGroup({
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      clientId: clientId ?? "",
      // Kafka shows the address as Java prints one, with an empty host name before the slash; tools expect it.
      clientHost: `/${clientHost}`,
      sessionTimeoutMs,
      rebalanceTimeoutMs: hasRebalanceTimeout ? request.rebalanceTimeoutMs : sessionTimeoutMs,
      protocolType: request.protocolType,
      protocols: request.protocols,
      requiresKnownMemberId: apiVersion >= FIRST_VERSION_WITH_KNOWN_MEMBER_ID,
      canSkipAssignment: apiVersion >= FIRST_VERSION_WITH_SKIP_ASSIGNMENT,
    });
    const isNullable = apiVersion >= FIRST_VERSION_WITH_NULLABLE_PROTOCOL;
    return isNullable ? reply : { ...reply, protocolName: reply.protocolName ?? "" };
  },
});
