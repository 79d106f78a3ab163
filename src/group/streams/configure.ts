import type { GroupTopics } from "#ports/coordinator-log.ts";
import { MAX_REPARTITION_PASSES, MAX_TASKS_PER_GROUP } from "./limits.ts";
import { type StatusEntry, StreamsStatus } from "./status.ts";
import { type InternalTopic, requiredTopics, type Subtopology, type Topology } from "./topology.ts";

// What a topology comes to with the topics that the cluster has: how many partitions its internal topics must have, and with that how many
// tasks each subtopology has.

/** An internal topic with its number of partitions. */
export interface ConfiguredTopic {
  readonly name: string;
  readonly partitions: number;
  /** 0 = the cluster's default. */
  readonly replicationFactor: number;
  readonly topicConfigs: InternalTopic["topicConfigs"];
}

export interface ConfiguredSubtopology {
  readonly subtopologyId: string;
  readonly taskCount: number;
  readonly isStateful: boolean;
  readonly sourceTopics: readonly string[];
  readonly repartitionSinkTopics: readonly string[];
  readonly repartitionSourceTopics: readonly ConfiguredTopic[];
  readonly stateChangelogTopics: readonly ConfiguredTopic[];
}

export interface ConfiguredTopology {
  readonly epoch: number;
  /** By id, in the order of the ids; empty while that can't be told. */
  readonly subtopologies: ReadonlyMap<string, ConfiguredSubtopology>;
  readonly missingTopics: readonly ConfiguredTopic[];
  /** Why nothing can be assigned yet; null when all topics are there as they must be. */
  readonly problem: StatusEntry | null;
}

/** No topology of an application, whatever topics there are: STREAMS_INVALID_TOPOLOGY. */
export interface InvalidTopology {
  readonly kind: "invalid";
  readonly message: string;
}

type Counts = ReadonlyMap<string, number>;

export function configureTopology(topology: Topology, topics: GroupTopics): ConfiguredTopology | InvalidTopology {
  const missing = missingSources(topology, topics);
  if (missing.length > 0) {
    return unready(topology, StreamsStatus.MISSING_SOURCE_TOPICS, `Source topics are missing: ${listed(missing)}.`);
  }
  const external = (name: string) => (topics.topicId(name) === undefined ? undefined : topics.partitionCountOf(name));
  const decided = repartitionCounts(topology, external);
  if ("kind" in decided) return decided;
  const countOf = (name: string) => external(name) ?? decided.get(name);
  for (const subtopology of topology.subtopologies) {
    for (const group of copartitioned(subtopology)) {
      const problem = copartition(group, decided, { countOf, subtopology });
      if (problem !== null) return unready(topology, StreamsStatus.INCORRECTLY_PARTITIONED_TOPICS, problem);
    }
  }
  const subtopologies = new Map<string, ConfiguredSubtopology>();
  let taskCount = 0;
  for (const subtopology of topology.subtopologies.toSorted(byId)) {
    const configured = configureSubtopology(subtopology, { countOf, decided });
    taskCount += configured.taskCount;
    subtopologies.set(subtopology.subtopologyId, configured);
  }
  if (taskCount > MAX_TASKS_PER_GROUP) {
    return invalid(`The topology has ${taskCount} tasks; a group may have ${MAX_TASKS_PER_GROUP}.`);
  }
  return withMissingTopics(topology, subtopologies, topics);
}

function byId(one: Subtopology, other: Subtopology): number {
  return one.subtopologyId < other.subtopologyId ? -1 : 1;
}

function missingSources({ subtopologies }: Topology, topics: GroupTopics): string[] {
  const names = new Set(subtopologies.flatMap(({ sourceTopics }) => sourceTopics));
  return [...names].filter((name) => topics.topicId(name) === undefined).sort();
}

/**
 * How many partitions the repartition topics have: what the application says, or as many as the largest topic that is read by who writes
 * to it. Passes are repeated as long as they find something: an application may write from one repartition topic to the next.
 */
function repartitionCounts(
  { subtopologies }: Topology,
  external: (name: string) => number | undefined,
): Map<string, number> | InvalidTopology {
  const counts = new Map<string, number>();
  for (const { repartitionSourceTopics } of subtopologies) {
    for (const { name, partitions } of repartitionSourceTopics) if (partitions !== 0) counts.set(name, partitions);
  }
  for (let passes = 1; ; passes++) {
    let isStuck = false;
    let hasProgressed = false;
    for (const { sourceTopics, repartitionSourceTopics, repartitionSinkTopics } of subtopologies) {
      const open = repartitionSinkTopics.filter((sink) => !counts.has(sink));
      if (open.length === 0) continue;
      const sources = [...repartitionSourceTopics.map(({ name }) => counts.get(name)), ...sourceTopics.map(external)];
      const known = sources.filter((count) => count !== undefined);
      if (known.length === 0) {
        isStuck = true;
        continue;
      }
      const count = largest(known);
      for (const sink of open) counts.set(sink, count);
      hasProgressed = true;
    }
    if (!isStuck) break;
    if (!hasProgressed)
      return invalid("Repartition topics that are written and read in a circle have no number of partitions.");
    if (passes === MAX_REPARTITION_PASSES)
      return invalid(
        `It takes more than ${MAX_REPARTITION_PASSES} passes to tell how many partitions the topics have.`,
      );
  }
  for (const { repartitionSourceTopics } of subtopologies) {
    const unwritten = repartitionSourceTopics.find(({ name }) => !counts.has(name));
    if (unwritten !== undefined) return invalid(`Nothing writes to the repartition topic ${unwritten.name}.`);
  }
  return counts;
}

function largest(counts: readonly number[]): number {
  return counts.reduce((most, count) => Math.max(most, count));
}

interface CopartitionGroup {
  readonly sources: readonly string[];
  readonly repartition: readonly InternalTopic[];
}

function copartitioned({ sourceTopics, repartitionSourceTopics, copartitionGroups }: Subtopology): CopartitionGroup[] {
  return copartitionGroups.map((group) => ({
    sources: group.sourceTopics.map((index) => sourceTopics[index]),
    repartition: group.repartitionSourceTopics.map((index) => repartitionSourceTopics[index]),
  }));
}

/**
 * Topics that are joined must have equally many partitions: repartition topics take over what others have, or what one of them says, or
 * the most of them. Answers what can't be put right.
 */
function copartition(
  { sources, repartition }: CopartitionGroup,
  decided: Map<string, number>,
  { countOf, subtopology }: { countOf: (name: string) => number | undefined; subtopology: Subtopology },
): string | null {
  if (repartition.length === 0 && sources.length === 0) return null;
  const fixed = repartition.filter(({ partitions }) => partitions !== 0);
  const leading = sources.length > 0 ? sources : (fixed.length > 0 ? fixed : repartition).map(({ name }) => name);
  const counts = leading.map((name) => countOf(name) as number);
  const count = largest(counts);
  const mustAgree = sources.length > 0 || fixed.length > 0;
  if (mustAgree && counts.some((one) => one !== count)) {
    const said = leading.map((name, at) => `${name} ${counts[at]}`).sort();
    return `Topics that subtopology ${subtopology.subtopologyId} joins have different numbers of partitions: ${listed(said)}.`;
  }
  for (const { name, partitions } of repartition) {
    if (partitions !== 0 && (countOf(name) as number) !== count) {
      return `Repartition topic ${name} is to have ${countOf(name)} partitions, but what it is joined with has ${count}.`;
    }
    decided.set(name, count);
  }
  return null;
}

function configureSubtopology(
  subtopology: Subtopology,
  { countOf, decided }: { countOf: (name: string) => number | undefined; decided: Counts },
): ConfiguredSubtopology {
  const { subtopologyId, sourceTopics, repartitionSinkTopics } = subtopology;
  const read = [...sourceTopics, ...subtopology.repartitionSourceTopics.map(({ name }) => name)];
  const taskCount = largest(read.map((name) => countOf(name) as number));
  const repartitionSourceTopics = subtopology.repartitionSourceTopics.map((topic) => ({
    ...topic,
    partitions: topic.partitions === 0 ? (decided.get(topic.name) as number) : topic.partitions,
  }));
  const stateChangelogTopics = subtopology.stateChangelogTopics.map((topic) => ({ ...topic, partitions: taskCount }));
  const isStateful = stateChangelogTopics.length > 0;
  return {
    subtopologyId,
    taskCount,
    isStateful,
    sourceTopics,
    repartitionSinkTopics,
    repartitionSourceTopics,
    stateChangelogTopics,
  };
}

function withMissingTopics(
  topology: Topology,
  subtopologies: ReadonlyMap<string, ConfiguredSubtopology>,
  topics: GroupTopics,
): ConfiguredTopology {
  const internal = new Map<string, ConfiguredTopic>();
  for (const { repartitionSourceTopics, stateChangelogTopics } of subtopologies.values()) {
    for (const topic of [...repartitionSourceTopics, ...stateChangelogTopics]) internal.set(topic.name, topic);
  }
  for (const name of requiredTopics(topology)) {
    if (topics.topicId(name) === undefined) continue;
    const expected = internal.get(name)?.partitions;
    const count = topics.partitionCountOf(name);
    if (expected !== undefined && expected !== count) {
      const detail = `Topic ${name} has ${count} partitions, and should have ${expected}.`;
      return unready(topology, StreamsStatus.INCORRECTLY_PARTITIONED_TOPICS, detail);
    }
    internal.delete(name);
  }
  const missingTopics = [...internal.values()];
  if (missingTopics.length === 0) return { epoch: topology.epoch, subtopologies, missingTopics, problem: null };
  const statusDetail = `Internal topics are missing: ${listed(missingTopics.map(({ name }) => name).sort())}`;
  const problem = { statusCode: StreamsStatus.MISSING_INTERNAL_TOPICS, statusDetail };
  return { epoch: topology.epoch, subtopologies, missingTopics, problem };
}

function unready({ epoch }: Topology, statusCode: StreamsStatus, statusDetail: string): ConfiguredTopology {
  return { epoch, subtopologies: new Map(), missingTopics: [], problem: { statusCode, statusDetail } };
}

function invalid(message: string): InvalidTopology {
  return { kind: "invalid", message };
}

const MAX_LISTED = 3;

/** As many as are of use to somebody who reads. */
function listed(names: readonly string[]): string {
  const more = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
