// ConsumerGroupDescribe (69), versions 0-1 (KIP-848). Epochs, members, what each has and what it is to have; version 1 says which members
// speak the classic protocol. A group of another protocol isn't found here.
// Departures from Kafka: the answer keeps the order of the request, and a group that is named twice is answered once: an answer is never
// larger than what there is to describe.

import type { DescribedConsumer } from "#group/consumer/describe.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from "#protocol/messages/69-consumer-group-describe.ts";
import { groupOperations, NOT_ASKED } from "../authorized-operations.ts";
import { handler } from "../handler.ts";

const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

export const consumerGroupDescribe = handler({
  request: ConsumerGroupDescribeRequest,
  response: ConsumerGroupDescribeResponse,
  min: 0,
  max: 1,
  async handle(context, { groupIds, includeAuthorizedOperations }) {
    const { groups } = context.broker;
    const described = await Promise.all(
      [...new Set(groupIds)].map(async (groupId) => {
        if (groupId === "") return { groupId, errorCode: ErrorCode.INVALID_GROUP_ID };
        const found = await groups.look(groupId, (machine) => ({
          group: machine.consumers.describe(groupId),
          kind: machine.kindOf(groupId),
        }));
        if (found.errorCode !== ErrorCode.NONE) return { groupId, errorCode: found.errorCode };
        const { group, kind } = found.value;
        if (group === undefined) {
          const errorMessage =
            kind === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a consumer group.`;
          return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
        }
        const authorizedOperations = includeAuthorizedOperations ? groupOperations(context, groupId) : NOT_ASKED;
        return { ...group, authorizedOperations, members: group.members.map(memberDraft) };
      }),
    );
    return { groups: described };
  },
});

function memberDraft(member: DescribedConsumer) {
  return {
    memberId: member.memberId,
    instanceId: member.groupInstanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.topicNames,
    // Kafka tells a member of the consumer protocol without one, too, by an empty text.
    subscribedTopicRegex: member.topicRegex,
    assignment: { topicPartitions: member.assigned },
    targetAssignment: { topicPartitions: member.target },
    memberType: member.isClassic ? CLASSIC_MEMBER : CONSUMER_MEMBER,
  };
}
