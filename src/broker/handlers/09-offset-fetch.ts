// OffsetFetch (9), versions 1-10. What a group has committed: for the named partitions, or for all of them with null topics (2+); several
// groups at once from version 8 on, topics by id from version 10 on. Offset -1 where nothing was committed. Version 7+ can ask for stable offsets
// (`requireStable`): UNSTABLE_OFFSET_COMMIT where an open transaction has committed one. A member of a consumer group says who it is (9+):
// UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH.
// Departures from Kafka: an offset that was committed for another topic of the same name, deleted since, isn't shown in any version (Kafka
// forgets such offsets in the background); only commits with a retention of their own (OffsetCommit 2-4) are stored without a topic id, so
// theirs are told by the name alone after a restart. What is asked for twice is answered once: a group with named topics and the same
// group with null topics are two things, partitions named in several places are one, and who asks is what the first mention says. So an answer is never larger than what is stored
// and what was asked together.

import { type Uuid, ZERO_UUID } from "#bytes/uuid.ts";
import type { FetchedTopic } from "#group/offsets.ts";
import type { GroupEnvironment } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import type { GroupCoordinators } from "../coordinator/group-coordinators.ts";
import { handler } from "../handler.ts";

const FIRST_VERSION_WITH_TOP_LEVEL_ERROR = 2;
const FIRST_VERSION_WITH_GROUPS = 8;
const FIRST_VERSION_WITH_TOPIC_IDS = 10;

type AskedTopic = Pick<
  NonNullable<OffsetFetchRequest["groups"][number]["topics"]>[number],
  "name" | "partitionIndexes"
> & {
  readonly topicId?: Uuid;
};

interface Partition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string;
  readonly errorCode: ErrorCode;
}

interface Answer {
  readonly errorCode: ErrorCode;
  readonly topics: readonly {
    readonly name: string;
    readonly topicId: Uuid;
    readonly partitions: readonly Partition[];
  }[];
}

export const offsetFetch = handler({
  request: OffsetFetchRequest,
  response: OffsetFetchResponse,
  min: 1,
  max: 10,
  async handle({ broker, apiVersion }, request) {
    const { groups } = broker;
    const { requireStable } = request;
    if (apiVersion >= FIRST_VERSION_WITH_GROUPS) {
      const usesIds = apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
      const answers = await Promise.all(
        distinctGroups(request.groups).map(async (asked) => ({
          groupId: asked.groupId,
          ...(await fetchGroup(groups, { ...asked, requireStable }, usesIds)),
        })),
      );
      return { groups: answers };
    }
    const topics = request.topics === null ? null : distinctTopics(request.topics);
    const asked = { groupId: request.groupId, topics, memberId: null, memberEpoch: -1, requireStable };
    const answer = await fetchGroup(groups, asked, false);
    if (apiVersion >= FIRST_VERSION_WITH_TOP_LEVEL_ERROR || answer.errorCode === ErrorCode.NONE) return answer;
    // Version 1 has no place for an error but the partitions.
    return { topics: (topics ?? []).map((topic) => withoutOffsets(topic, answer.errorCode)) };
  },
});

interface AskedGroup {
  readonly groupId: string;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly topics: readonly AskedTopic[] | null;
}

/** Each group once for all that is asked of it by name, and once for everything; in the order in which they were first named. */
function distinctGroups(groups: readonly AskedGroup[]): AskedGroup[] {
  const named = new Map<string, AskedTopic[]>();
  const whole = new Set<string>();
  const distinct: AskedGroup[] = [];
  for (const group of groups) {
    const { groupId, topics } = group;
    if (topics === null) {
      if (!whole.has(groupId)) distinct.push(group);
      whole.add(groupId);
      continue;
    }
    const before = named.get(groupId);
    const own = before ?? [];
    for (const topic of topics) own.push(topic);
    if (before !== undefined) continue;
    named.set(groupId, own);
    distinct.push({ ...group, topics: own });
  }
  return distinct.map((group) => ({ ...group, topics: group.topics === null ? null : distinctTopics(group.topics) }));
}

/** Each topic and each of its partitions once, in the order in which they were first named. */
function distinctTopics(topics: readonly AskedTopic[]): AskedTopic[] {
  const distinct = new Map<string, { readonly topic: AskedTopic; readonly indexes: Set<number> }>();
  for (const topic of topics) {
    // One of the two is always empty.
    const key = `${topic.name} ${topic.topicId ?? ZERO_UUID}`;
    const known = distinct.get(key) ?? { topic, indexes: new Set<number>() };
    for (const partitionIndex of topic.partitionIndexes) known.indexes.add(partitionIndex);
    distinct.set(key, known);
  }
  return [...distinct.values()].map(({ topic, indexes }) => ({ ...topic, partitionIndexes: [...indexes] }));
}

async function fetchGroup(
  groups: GroupCoordinators,
  asked: AskedGroup & { readonly requireStable: boolean },
  usesIds: boolean,
): Promise<Answer> {
  const { environment } = groups;
  const { groupId, topics } = asked;
  if (topics === null) {
    const result = await groups.fetchOffsets(groupId, null, asked);
    if (result.errorCode !== ErrorCode.NONE) return { errorCode: result.errorCode, topics: [] };
    const all = result.value.map((topic) => answered(topic, environment.topicId(topic.topic) ?? ZERO_UUID));
    // A topic without an id can't be named where topics go by their ids.
    return { errorCode: ErrorCode.NONE, topics: usesIds ? all.filter((topic) => topic.topicId !== ZERO_UUID) : all };
  }

  const wanted = topics.map((topic) => resolve(environment, topic, usesIds));
  const known = wanted.filter((topic) => topic !== null);
  const result = await groups.fetchOffsets(groupId, known, asked);
  if (result.errorCode !== ErrorCode.NONE) return { errorCode: result.errorCode, topics: [] };
  let next = 0;
  return {
    errorCode: ErrorCode.NONE,
    topics: wanted.map((topic, index) =>
      topic === null
        ? withoutOffsets(topics[index], ErrorCode.UNKNOWN_TOPIC_ID)
        : answered(result.value[next++], topics[index].topicId ?? ZERO_UUID),
    ),
  };
}

/** Null when there is no topic with that id. A name is looked up as it is: offsets outlive topics. */
function resolve(environment: GroupEnvironment, topic: AskedTopic, usesIds: boolean) {
  const { partitionIndexes } = topic;
  if (!usesIds) return { topic: topic.name, topicId: environment.topicId(topic.name) ?? ZERO_UUID, partitionIndexes };
  const topicId = topic.topicId ?? ZERO_UUID;
  const name = environment.topicName(topicId);
  return name === undefined ? null : { topic: name, topicId, partitionIndexes };
}

function answered({ topic, partitions }: FetchedTopic, topicId: Uuid) {
  return {
    name: topic,
    topicId,
    partitions: partitions.map(({ partitionIndex, offset, leaderEpoch, metadata, errorCode }) => ({
      partitionIndex,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      metadata,
      errorCode,
    })),
  };
}

function withoutOffsets(topic: AskedTopic, errorCode: ErrorCode) {
  return {
    name: topic.name,
    topicId: topic.topicId ?? ZERO_UUID,
    partitions: topic.partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1,
      committedLeaderEpoch: -1,
      metadata: "",
      errorCode,
    })),
  };
}
