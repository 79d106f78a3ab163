import type { Subtopology, Topology } from "#group/streams/topology.ts";

export function topic(name: string, more: Partial<Subtopology["stateChangelogTopics"][number]> = {}) {
  return { name, partitions: 0, replicationFactor: 0, topicConfigs: [], ...more };
}

export function subtopology(subtopologyId: string, more: Partial<Subtopology> = {}): Subtopology {
  return {
    subtopologyId,
    sourceTopics: [],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...more,
  };
}

export function topology(subtopologies: Subtopology[], epoch = 0): Topology {
  return { epoch, subtopologies };
}

/** Reads `t`, repartitions it into `r` and counts that, with its state in `c`. */
export const COUNTING = topology([
  subtopology("0", { sourceTopics: ["t"], repartitionSinkTopics: ["r"] }),
  subtopology("1", { repartitionSourceTopics: [topic("r")], stateChangelogTopics: [topic("c")] }),
]);
