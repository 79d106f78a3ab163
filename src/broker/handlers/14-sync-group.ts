// SyncGroup (14), versions 0-5. The leader brings the assignment, everybody gets their part; from version 5 on protocol type and name
// must be given and be the group's (INCONSISTENT_GROUP_PROTOCOL).
// Departures from Kafka: a second sync of one member answers the first one (REBALANCE_IN_PROGRESS); so does a member's removal (UNKNOWN_MEMBER_ID).

import { syncError } from "#group/turn.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { SyncGroupRequest, SyncGroupResponse } from "#protocol/messages/14-sync-group.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_PROTOCOL = 5;

export const syncGroup = handler({
  request: SyncGroupRequest,
  response: SyncGroupResponse,
  min: 0,
  max: 5,
  async handle({ broker, apiVersion }, request) {
    const lacksProtocol = request.protocolType === null || request.protocolName === null;
    if (apiVersion >= FIRST_VERSION_WITH_PROTOCOL && lacksProtocol) {
      return syncError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    return broker.groups.syncGroup(request);
  },
});
