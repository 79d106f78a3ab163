import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { pause } from "./consumer-groups.ts";

const GROUP = 32;
const ANSWER_RETRIES = 60;
const CONFIG_MS = 300;

/** A target assignment stands for a second before there is another one. */
export const TARGET_MS = 1_200;

export function topicInfo(name: string, more: object = {}) {
  return { name, partitions: 0, replicationFactor: 0, topicConfigs: [] as { key: string; value: string }[], ...more };
}

export function subtopology(subtopologyId: string, more: object = {}) {
  return {
    subtopologyId,
    sourceTopics: [] as string[],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [] as string[],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...more,
  };
}

/** What a member says when it joins; everything may be said otherwise. */
export function join(memberId: string, subtopologies: readonly object[], more: object = {}) {
  return {
    memberId,
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    topology: { epoch: 0, subtopologies },
    activeTasks: [],
    standbyTasks: [],
    warmupTasks: [],
    processId: "p",
    clientTags: [],
    ...more,
  };
}

export function beatOf(session: Session, groupId: string, version: number) {
  return (what: string, draft: object) =>
    session.ask(what, m.StreamsGroupHeartbeat, version, { groupId, ...draft } as never);
}

/** Heartbeats until nothing is missing and the member has got what there is. */
export async function settled(session: Session, groupId: string, memberId: string, { version = 1 } = {}) {
  let memberEpoch = 2;
  for (let attempt = 0; ; attempt++) {
    const answer = await session.tell(m.StreamsGroupHeartbeat, version, { groupId, memberId, memberEpoch });
    memberEpoch = answer.memberEpoch;
    if ((answer.activeTasks?.length ?? 0) > 0 || attempt === ANSWER_RETRIES) return answer;
    await pause(100);
  }
}

export async function setConfigs(session: Session, groupId: string, settings: Record<string, string>) {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, configOperation: 0, value }));
  const answer = await session.tell(m.IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: GROUP, resourceName: groupId, configs }],
  });
  await pause(CONFIG_MS);
  return answer.responses.map(({ errorCode }) => errorCode);
}

export async function describeGroup(session: Session, groupId: string, version: number): Promise<void> {
  for (const includeTopologyDescription of version === 0 ? [false] : [false, true]) {
    const answer = await session.tell(m.StreamsGroupDescribe, version, {
      groupIds: [groupId, session.topic("no-group")],
      includeAuthorizedOperations: true,
      includeTopologyDescription,
    });
    for (const { members } of answer.groups) {
      for (const { clientHost } of members) session.call("clientHost", clientHost, "the host");
      members.sort((one, other) => (one.memberId < other.memberId ? -1 : 1));
    }
    session.note("described", answer);
  }
  await session.ask("described as consumers", m.ConsumerGroupDescribe, 1, { groupIds: [groupId] });
  await session.ask("described as classic", m.DescribeGroups, 6, { groups: [groupId] });
  for (const typesFilter of [["streams"], ["classic"], []]) {
    const listed = await session.tell(m.ListGroups, 5, { typesFilter });
    session.note(
      `listed ${typesFilter}`,
      listed.groups.filter((group) => group.groupId === groupId),
    );
  }
}

/** Commits for two partitions of a topic that is there, and of one that isn't. */
export function commit([session, read]: readonly [Session, string], what: string, version: number, draft: object) {
  const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, committedOffset: 7, committedMetadata: "" }));
  const topics = [session.topic(read), session.topic("elsewhere")].map((name) => ({ name, partitions }));
  return session.ask(what, m.OffsetCommit, version, { topics, ...draft } as never);
}
