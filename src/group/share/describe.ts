import type { GroupTopics } from "#ports/coordinator-log.ts";
import { sortedPartitions } from "../consumer/world.ts";
import type { ShareGroup } from "./group.ts";

export type DescribedShareGroup = ReturnType<typeof describeShareGroup>;

/** A share group as ShareGroupDescribe tells of it. Partitions of topics that are gone aren't told. */
export function describeShareGroup(group: ShareGroup, topics: GroupTopics) {
  return {
    groupId: group.groupId,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.targetEpoch,
    assignorName: "simple",
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      rackId: member.rackId,
      memberEpoch: member.memberEpoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: member.topicNames,
      assignment: {
        topicPartitions: sortedPartitions(member.assigned).flatMap(({ topicId, partitions }) => {
          const topicName = topics.topicName(topicId);
          return topicName === undefined ? [] : [{ topicId, topicName, partitions }];
        }),
      },
    })),
  };
}
