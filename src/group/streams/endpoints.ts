import type { GroupTopics } from "#ports/coordinator-log.ts";
import type { StreamsGroup } from "./group.ts";
import type { UserEndpoint } from "./member.ts";
import type { AnyTasks } from "./tasks.ts";

export interface NamedPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** What one member has of what the application reads, and where it answers queries. */
export interface EndpointPartitions {
  readonly userEndpoint: UserEndpoint;
  readonly activePartitions: readonly NamedPartitions[];
  readonly standbyPartitions: readonly NamedPartitions[];
}

/** One entry for each member that answers queries. */
export function partitionsByEndpoint(group: StreamsGroup, topics: GroupTopics): EndpointPartitions[] {
  const entries: EndpointPartitions[] = [];
  for (const { userEndpoint, assigned } of group.members.values()) {
    if (userEndpoint === null) continue;
    const { active, standby, warmup } = assigned;
    entries.push({
      userEndpoint,
      activePartitions: partitionsOf(group, [active], topics),
      standbyPartitions: partitionsOf(group, [standby, warmup], topics),
    });
  }
  return entries;
}

function partitionsOf(
  { configured }: StreamsGroup,
  roles: readonly AnyTasks[],
  topics: GroupTopics,
): NamedPartitions[] {
  const byTopic = new Map<string, Set<number>>();
  for (const tasks of roles) {
    for (const [subtopologyId, partitions] of tasks) {
      const subtopology = configured?.subtopologies.get(subtopologyId);
      if (subtopology === undefined) continue;
      const { sourceTopics, repartitionSourceTopics } = subtopology;
      for (const topic of [...sourceTopics, ...repartitionSourceTopics.map(({ name }) => name)]) {
        const count = topics.partitionCountOf(topic);
        const known = byTopic.get(topic) ?? new Set();
        for (const partition of partitions.keys()) if (partition < count) known.add(partition);
        if (known.size > 0) byTopic.set(topic, known);
      }
    }
  }
  return [...byTopic]
    .map(([topic, partitions]) => ({ topic, partitions: [...partitions].sort((one, other) => one - other) }))
    .sort((one, other) => (one.topic < other.topic ? -1 : 1));
}
