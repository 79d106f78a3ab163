import type { Uuid } from "#bytes/uuid.ts";
import type { ConsumerGroup } from "./group.ts";
import type { OwnedPartitions } from "./member.ts";
import { preferredAssignor } from "./target.ts";
import { type ConsumerWorld, sortedPartitions } from "./world.ts";

export interface DescribedPartitions {
  readonly topicId: Uuid;
  readonly topicName: string;
  readonly partitions: readonly number[];
}

export interface DescribedConsumer {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly rackId: string | null;
  readonly memberEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly topicNames: readonly string[];
  readonly topicRegex: string;
  readonly assigned: readonly DescribedPartitions[];
  readonly target: readonly DescribedPartitions[];
  readonly isClassic: boolean;
}

export interface DescribedConsumerGroup {
  readonly groupId: string;
  readonly groupState: string;
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  readonly assignorName: string;
  readonly members: readonly DescribedConsumer[];
}

/** ConsumerGroupDescribe: what a member has includes what it has yet to give back; topics that are gone aren't told. */
export function describeConsumerGroup(world: ConsumerWorld, group: ConsumerGroup): DescribedConsumerGroup {
  const { topics } = world.space;
  const named = (owned: OwnedPartitions | ReadonlyMap<Uuid, ReadonlySet<number>>) =>
    sortedPartitions(owned).flatMap(({ topicId, partitions }) => {
      const topicName = topics.topicName(topicId);
      return topicName === undefined ? [] : [{ topicId, topicName, partitions }];
    });
  return {
    groupId: group.groupId,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.targetEpoch,
    assignorName: preferredAssignor(world, group),
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      rackId: member.rackId,
      memberEpoch: member.memberEpoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      topicNames: member.topicNames,
      topicRegex: member.topicRegex,
      assigned: named(bothOf(member.assigned, member.pendingRevocation)),
      target: named(group.target(member.memberId)),
      isClassic: member.classic !== null,
    })),
  };
}

function bothOf(one: OwnedPartitions, other: OwnedPartitions): OwnedPartitions {
  if (other.size === 0) return one;
  const both = new Map(one);
  for (const [topicId, partitions] of other) both.set(topicId, new Map([...(one.get(topicId) ?? []), ...partitions]));
  return both;
}
