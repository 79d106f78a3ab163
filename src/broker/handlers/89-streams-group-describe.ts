// StreamsGroupDescribe (89), versions 0-1 (KIP-1071). Epochs, topology, members, the tasks that each has and is to have. Version 1 names the
// assignor; as in a Kafka without a plugin for it, nobody's description of the topology is kept (`topologyDescriptionStatus` 1).
// Departures from Kafka: the answer keeps the order of the request, and a group that is named twice is answered once: an answer is never
// larger than what there is to describe.

import { ErrorCode } from "#protocol/errors.ts";
import {
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponse,
} from "#protocol/messages/89-streams-group-describe.ts";
import { groupOperations, NOT_ASKED } from "../authorized-operations.ts";
import { handler } from "../handler.ts";

const NOT_REQUESTED = 0;
const NOT_STORED = 1;

export const streamsGroupDescribe = handler({
  request: StreamsGroupDescribeRequest,
  response: StreamsGroupDescribeResponse,
  min: 0,
  max: 1,
  async handle(context, { groupIds, includeAuthorizedOperations, includeTopologyDescription }) {
    const { groups } = context.broker;
    const topologyDescriptionStatus = includeTopologyDescription ? NOT_STORED : NOT_REQUESTED;
    const described = await Promise.all(
      [...new Set(groupIds)].map(async (groupId) => {
        if (groupId === "") return { groupId, errorCode: ErrorCode.INVALID_GROUP_ID };
        const found = await groups.look(groupId, (machine) => ({
          group: machine.streams.describe(groupId),
          kind: machine.kindOf(groupId),
        }));
        if (found.errorCode !== ErrorCode.NONE) return { groupId, errorCode: found.errorCode };
        const { group, kind } = found.value;
        if (group === undefined) {
          const errorMessage =
            kind === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a streams group.`;
          return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
        }
        const authorizedOperations = includeAuthorizedOperations ? groupOperations(context, groupId) : NOT_ASKED;
        return { ...group, authorizedOperations, topologyDescriptionStatus };
      }),
    );
    return { groups: described };
  },
});
