import { encodeStoredValue } from "#protocol/stored/record.ts";
import { StreamsGroupTopologyValue } from "#protocol/stored/streams-group.ts";
import { MAX_TOPOLOGY_BYTES } from "./limits.ts";

/** What an application is made of, as its members say it and the group keeps it. */
export type Topology = StreamsGroupTopologyValue;
export type Subtopology = Topology["subtopologies"][number];
export type InternalTopic = Subtopology["stateChangelogTopics"][number];

const TOPOLOGY_VERSION = 0;

export function encodeTopology(topology: Topology): Uint8Array {
  return encodeStoredValue(StreamsGroupTopologyValue, topology, TOPOLOGY_VERSION);
}

/** Whatever the topics of the cluster are: what makes this no topology, or one that is too large to keep. Null for nothing. */
export function topologyProblem(topology: Topology): string | null {
  if (topology.epoch < 0) return "The epoch of a topology can't be negative.";
  const ids = new Set<string>();
  for (const subtopology of topology.subtopologies) {
    const { subtopologyId, sourceTopics, repartitionSourceTopics, stateChangelogTopics, copartitionGroups } =
      subtopology;
    if (ids.has(subtopologyId)) return `There are two subtopologies ${subtopologyId}.`;
    ids.add(subtopologyId);
    if (sourceTopics.length + repartitionSourceTopics.length === 0) {
      return `Subtopology ${subtopologyId} reads nothing.`;
    }
    const changelog = stateChangelogTopics.find(({ partitions }) => partitions !== 0);
    if (changelog !== undefined) {
      return `The changelog topic ${changelog.name} may not have a number of partitions of its own; it says ${changelog.partitions}.`;
    }
    const wrong = repartitionSourceTopics.find(({ partitions }) => partitions < 0);
    if (wrong !== undefined) return `The repartition topic ${wrong.name} can't have ${wrong.partitions} partitions.`;
    for (const group of copartitionGroups) {
      const isWithin =
        group.sourceTopics.every((index) => index >= 0 && index < sourceTopics.length) &&
        group.repartitionSourceTopics.every((index) => index >= 0 && index < repartitionSourceTopics.length);
      if (!isWithin) return `A copartition group of subtopology ${subtopologyId} names a topic that isn't there.`;
    }
  }
  return encodeTopology(topology).length > MAX_TOPOLOGY_BYTES ? "The topology is too large." : null;
}

/** The order of subtopologies says nothing. */
export function isSameTopology(one: Topology, other: Topology): boolean {
  const [left, right] = [encodeTopology(inOrder(one)), encodeTopology(inOrder(other))];
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

function inOrder({ epoch, subtopologies }: Topology): Topology {
  return {
    epoch,
    subtopologies: subtopologies.toSorted((one, other) => (one.subtopologyId < other.subtopologyId ? -1 : 1)),
  };
}

/** All topics that tasks read: those of others, and the application's own repartition topics. By topic, the subtopology. */
export function sourcesOf(topology: Topology): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const { subtopologyId, sourceTopics, repartitionSourceTopics } of topology.subtopologies) {
    for (const name of sourceTopics) sources.set(name, subtopologyId);
    for (const { name } of repartitionSourceTopics) sources.set(name, subtopologyId);
  }
  return sources;
}

/** All topics that must be there for the application to run. */
export function requiredTopics(topology: Topology): ReadonlySet<string> {
  const names = new Set(sourcesOf(topology).keys());
  for (const { stateChangelogTopics } of topology.subtopologies)
    for (const { name } of stateChangelogTopics) names.add(name);
  return names;
}
