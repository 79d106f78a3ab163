import type { ConfiguredTopic } from "./configure.ts";
import type { StreamsGroup } from "./group.ts";
import { sortedOffsets } from "./offsets.ts";
import { type HeldTasks, type RoleTasks, sortedTasks } from "./tasks.ts";

export type DescribedStreamsGroup = ReturnType<typeof describeStreamsGroup>;

/** A streams group as StreamsGroupDescribe tells of it: the topology with its numbers of partitions once they are known. */
export function describeStreamsGroup(group: StreamsGroup) {
  return {
    groupId: group.groupId,
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.targetEpoch,
    assignorName: "sticky",
    topology: topologyOf(group),
    members: [...group.members.values()].map((member) => {
      const { offsets, endOffsets } = group.offsetsOf(member.memberId);
      return {
        memberId: member.memberId,
        memberEpoch: member.memberEpoch,
        instanceId: member.groupInstanceId,
        rackId: member.rackId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        topologyEpoch: member.topologyEpoch,
        processId: member.processId,
        userEndpoint: member.userEndpoint,
        clientTags: [...member.clientTags].map(([key, value]) => ({ key, value })),
        taskOffsets: sortedOffsets(offsets),
        taskEndOffsets: sortedOffsets(endOffsets),
        assignment: assignmentOf(member.assigned),
        targetAssignment: assignmentOf(group.target(member.memberId)),
        isClassic: false,
      };
    }),
  };
}

function assignmentOf({ active, standby, warmup }: HeldTasks | RoleTasks) {
  return { activeTasks: sortedTasks(active), standbyTasks: sortedTasks(standby), warmupTasks: sortedTasks(warmup) };
}

function topologyOf({ topology, configured }: StreamsGroup) {
  if (topology === null) return null;
  const isReady = configured !== null && configured.problem === null;
  const subtopologies = isReady ? [...configured.subtopologies.values()] : topology.subtopologies;
  return {
    epoch: topology.epoch,
    subtopologies: subtopologies
      .toSorted((one, other) => (one.subtopologyId < other.subtopologyId ? -1 : 1))
      .map(({ subtopologyId, sourceTopics, repartitionSinkTopics, stateChangelogTopics, repartitionSourceTopics }) => ({
        subtopologyId,
        sourceTopics: [...sourceTopics].sort(),
        repartitionSinkTopics: [...repartitionSinkTopics].sort(),
        stateChangelogTopics: stateChangelogTopics.toSorted(byName),
        repartitionSourceTopics: repartitionSourceTopics.toSorted(byName),
      })),
  };
}

function byName(one: ConfiguredTopic, other: ConfiguredTopic): number {
  return one.name < other.name ? -1 : 1;
}
