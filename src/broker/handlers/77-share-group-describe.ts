// ShareGroupDescribe (77), version 1. Share groups with their members and what these are assigned (KIP-932).
// Departures from Kafka: the answer keeps the order of the request, and a group that is named twice is answered once.

import type { DescribedShareGroup } from "#group/share/describe.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import { ShareGroupDescribeRequest, ShareGroupDescribeResponse } from "#protocol/messages/77-share-group-describe.ts";
import { groupOperations, NOT_ASKED } from "../authorized-operations.ts";
import { handler } from "../handler.ts";

export const shareGroupDescribe = handler({
  request: ShareGroupDescribeRequest,
  response: ShareGroupDescribeResponse,
  min: 1,
  max: 1,
  async handle(context, { groupIds, includeAuthorizedOperations }) {
    const { broker } = context;
    const groups = await Promise.all(
      [...new Set(groupIds)].map(async (groupId) => {
        if (groupId === "") {
          return {
            groupId,
            errorCode: ErrorCode.INVALID_GROUP_ID,
            errorMessage: errorMessage(ErrorCode.INVALID_GROUP_ID),
          };
        }
        const found = await broker.groups.look<DescribedShareGroup | undefined>(groupId, (machine) =>
          machine.shares.describe(groupId),
        );
        if (found.errorCode !== ErrorCode.NONE) {
          return { groupId, errorCode: found.errorCode, errorMessage: errorMessage(found.errorCode) };
        }
        if (found.value === undefined) {
          return {
            groupId,
            errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
            errorMessage: `Share group ${groupId} not found.`,
          };
        }
        const authorizedOperations = includeAuthorizedOperations ? groupOperations(context, groupId) : NOT_ASKED;
        return { ...found.value, authorizedOperations };
      }),
    );
    return { groups };
  },
});
