// LeaveGroup (13), versions 0-5. One member leaves (0-2), or several do, by member id or by group instance id alone (3+); the reason that
// version 5 carries is for the log of a broker only. Members of consumer groups are removed by it as well. Departures from Kafka: none known.

import { ErrorCode } from "#protocol/errors.ts";
import { LeaveGroupRequest, LeaveGroupResponse } from "#protocol/messages/13-leave-group.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_MANY_MEMBERS = 3;

export const leaveGroup = handler({
  request: LeaveGroupRequest,
  response: LeaveGroupResponse,
  min: 0,
  max: 5,
  async handle({ broker, apiVersion }, { groupId, memberId, members }) {
    const isMany = apiVersion >= FIRST_VERSION_WITH_MANY_MEMBERS;
    const leaving = isMany
      ? members.map((member) => ({ memberId: member.memberId, groupInstanceId: member.groupInstanceId }))
      : [{ memberId, groupInstanceId: null }];
    const reply = await broker.groups.leaveGroup({ groupId, members: leaving });
    if (isMany) return reply;
    return { errorCode: reply.errorCode !== ErrorCode.NONE ? reply.errorCode : reply.members[0].errorCode };
  },
});
