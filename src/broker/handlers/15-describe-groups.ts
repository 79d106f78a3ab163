// DescribeGroups (15), versions 0-6. Classic groups with their members; a group that isn't there, or is one of another
// protocol, is Dead, from version 6 on with GROUP_ID_NOT_FOUND and a sentence.
// Departures from Kafka: the answer keeps the order of the request, and a group that is named twice is answered once: an answer is never
// larger than what there is to describe.

import { DEAD_STATE } from "#group/classic/group.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { DescribeGroupsRequest, DescribeGroupsResponse } from "#protocol/messages/15-describe-groups.ts";
import { groupOperations, NOT_ASKED } from "../authorized-operations.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_NOT_FOUND = 6;

export const describeGroups = handler({
  request: DescribeGroupsRequest,
  response: DescribeGroupsResponse,
  min: 0,
  max: 6,
  async handle(context, { groups, includeAuthorizedOperations }) {
    const { broker, apiVersion } = context;
    const operations = (groupId: string) =>
      includeAuthorizedOperations ? groupOperations(context, groupId) : NOT_ASKED;
    const described = await Promise.all(
      [...new Set(groups)].map(async (groupId) => {
        const result = await broker.groups.describeGroup(groupId);
        if (result.errorCode === ErrorCode.NONE) return { ...result.value, authorizedOperations: operations(groupId) };
        if (result.errorCode !== ErrorCode.GROUP_ID_NOT_FOUND) return { groupId, errorCode: result.errorCode };
        if (apiVersion < FIRST_VERSION_WITH_NOT_FOUND) {
          return { groupId, groupState: DEAD_STATE, authorizedOperations: operations(groupId) };
        }
        const kind = await broker.groups.look(groupId, (machine) => machine.kindOf(groupId));
        const isOther = kind.errorCode === ErrorCode.NONE && kind.value !== undefined;
        const errorMessage = isOther ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`;
        return { groupId, groupState: DEAD_STATE, errorCode: result.errorCode, errorMessage };
      }),
    );
    return { groups: described };
  },
});
