/**
 * What an administrator asks of groups and does to them. Coordinators are found for each call, which is tried again while they move, and
 * ends with REQUEST_TIMED_OUT when that takes too long.
 */
import { MalformedMessageError } from "#bytes/malformed.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Draft } from "#protocol/schema.ts";
import { ConsumerProtocolAssignment, decodeConsumerProtocol } from "#protocol/stored/consumer-protocol.ts";
import {
  type Api,
  consumerGroupDescribeApi,
  deleteGroupsApi,
  describeGroupsApi,
  listGroupsApi,
  offsetDeleteApi,
} from "./apis.ts";
import { attempts, DEFAULT_API_TIMEOUT_MS, inTime } from "./attempts.ts";
import { type Client, REQUEST_TIMEOUT_MS } from "./client.ts";
import { commitOffsets, committedOffsets } from "./consumer/offset-requests.ts";
import { Coordinator, CoordinatorKey } from "./coordinator.ts";
import { failed, failure, type Outcome, success } from "./outcome.ts";
import type { OffsetAndMetadata, TopicPartition } from "./topic-partition.ts";

const BACKOFF = { firstMs: 100, maxMs: 1_000 };
const LANE = "admin";

export interface ListedGroup {
  readonly groupId: string;
  /** `classic`, `consumer`, `share` or `streams`, in Kafka's own capitals. */
  readonly groupType: string;
  readonly groupState: string;
  readonly protocolType: string;
}

/** Kafka's names of states and types; empty lets all pass. */
interface GroupFilter {
  readonly states?: readonly string[];
  readonly types?: readonly string[];
}

/** The groups of all brokers. */
export function listGroups(client: Client, filter: GroupFilter = {}): Promise<Outcome<readonly ListedGroup[]>> {
  return inTime(client.ports, (isCut) => listInTurn(client, filter, isCut));
}

async function listInTurn(
  client: Client,
  filter: GroupFilter,
  isCut: () => boolean,
): Promise<Outcome<readonly ListedGroup[]>> {
  const cluster = await client.cluster([]);
  if (failed(cluster)) return cluster;
  const groups = new Map<string, ListedGroup>();
  for (const { id } of cluster.value.brokers) {
    if (isCut()) return failure(ErrorCode.REQUEST_TIMED_OUT);
    const draft = { statesFilter: filter.states, typesFilter: filter.types };
    const answer = await client.call(id, listGroupsApi, draft, { lane: LANE });
    if (failed(answer)) return answer;
    if (answer.value.errorCode !== ErrorCode.NONE) return failure(answer.value.errorCode);
    for (const group of answer.value.groups) groups.set(group.groupId, group);
  }
  return success([...groups.values()]);
}

export interface DescribedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly assignment: readonly TopicPartition[];
}

export interface DescribedGroup {
  readonly groupId: string;
  readonly groupState: string;
  /** The assignor that shares the partitions out; empty where there is none. */
  readonly assignor: string;
  readonly members: readonly DescribedMember[];
}

/** A group of the classic protocol. GROUP_ID_NOT_FOUND: there is none of that name. */
export async function describeClassicGroup(client: Client, groupId: string): Promise<Outcome<DescribedGroup>> {
  const answer = await atCoordinator(client, groupId, {
    api: describeGroupsApi,
    draft: { groups: [groupId] },
    errorOf: ({ groups }) => groups[0]?.errorCode,
  });
  if (failed(answer)) return answer;
  const [group] = answer.value.groups;
  if (group.groupState === "Dead") return failure(ErrorCode.GROUP_ID_NOT_FOUND);
  const members = group.members.map(({ memberAssignment, ...member }) => ({
    ...member,
    assignment: assignmentIn(memberAssignment),
  }));
  return success({ groupId, groupState: group.groupState, assignor: group.protocolData, members });
}

/** Empty for what can't be read: groups of other protocol types say there what they like. */
function assignmentIn(bytes: Uint8Array): TopicPartition[] {
  if (bytes.length === 0) return [];
  try {
    const { assignedPartitions } = decodeConsumerProtocol(ConsumerProtocolAssignment, bytes);
    return flattened(assignedPartitions.map(({ topic, partitions }) => ({ topicName: topic, partitions })));
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return [];
  }
}

/** A group of KIP-848. GROUP_ID_NOT_FOUND: there is none of that name and kind. */
export async function describeConsumerGroup(client: Client, groupId: string): Promise<Outcome<DescribedGroup>> {
  const answer = await atCoordinator(client, groupId, {
    api: consumerGroupDescribeApi,
    draft: { groupIds: [groupId] },
    errorOf: ({ groups }) => groups[0]?.errorCode,
  });
  if (failed(answer)) return answer;
  const [group] = answer.value.groups;
  const members = group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
    memberId,
    groupInstanceId: instanceId,
    clientId,
    clientHost,
    assignment: flattened(assignment.topicPartitions),
  }));
  return success({ groupId, groupState: group.groupState, assignor: group.assignorName, members });
}

function flattened(topics: readonly { topicName: string; partitions: readonly number[] }[]): TopicPartition[] {
  return topics.flatMap(({ topicName, partitions }) =>
    partitions.map((partition) => ({ topic: topicName, partition })),
  );
}

/** NON_EMPTY_GROUP: it has members; GROUP_ID_NOT_FOUND. */
export async function deleteGroup(client: Client, groupId: string): Promise<Outcome<void>> {
  const answer = await atCoordinator(client, groupId, {
    api: deleteGroupsApi,
    draft: { groupsNames: [groupId] },
    errorOf: ({ results }) => results[0]?.errorCode,
  });
  return failed(answer) ? answer : success(undefined);
}

/** What a group has committed, by `partitionKey`. */
export async function groupOffsets(
  client: Client,
  groupId: string,
): Promise<Outcome<ReadonlyMap<string, OffsetAndMetadata>>> {
  return await withCoordinator(client, groupId, (brokerId) =>
    committedOffsets({ client, call: { lane: LANE }, brokerId }, { groupId }, null),
  );
}

/** Sets offsets of a group without members. UNKNOWN_MEMBER_ID: it has some. */
export async function alterGroupOffsets(
  client: Client,
  groupId: string,
  offsets: readonly OffsetAndMetadata[],
): Promise<Outcome<void>> {
  return await withCoordinator(client, groupId, (brokerId) =>
    commitOffsets({ client, call: { lane: LANE }, brokerId }, { groupId }, offsets),
  );
}

/** Forgets offsets of partitions that the group doesn't read. GROUP_SUBSCRIBED_TO_TOPIC: it does. */
export async function deleteGroupOffsets(
  client: Client,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<Outcome<void>> {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, own]) => ({
    name,
    partitions: own.map(({ partition }) => ({ partitionIndex: partition })),
  }));
  const answer = await atCoordinator(client, groupId, {
    api: offsetDeleteApi,
    draft: { groupId, topics },
    errorOf: ({ errorCode }) => errorCode,
  });
  if (failed(answer)) return answer;
  const results = answer.value.topics.flatMap((topic) => topic.partitions);
  const bad = results.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
  return bad === undefined ? success(undefined) : failure(bad.errorCode);
}

/** A request to a group's coordinator, and where its answer has its error. */
interface Question<Q, S> {
  readonly api: Api<Q, S>;
  readonly draft: Draft<Q>;
  errorOf(answer: S): number | undefined;
}

async function atCoordinator<Q, S>(
  client: Client,
  groupId: string,
  { api, draft, errorOf }: Question<Q, S>,
): Promise<Outcome<S>> {
  return await withCoordinator(client, groupId, async (brokerId) => {
    const answer = await client.call(brokerId, api, draft, { lane: LANE });
    if (failed(answer)) return answer;
    const errorCode = errorOf(answer.value) ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    return errorCode === ErrorCode.NONE ? answer : failure(errorCode);
  });
}

async function withCoordinator<T>(
  client: Client,
  groupId: string,
  ask: (brokerId: number) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const options = { keyType: CoordinatorKey.GROUP, key: groupId, lane: LANE, requestTimeoutMs: REQUEST_TIMEOUT_MS };
  const coordinator = new Coordinator(client, options);
  const deadlineMs = client.ports.clock.nowMs() + DEFAULT_API_TIMEOUT_MS;
  return await attempts(client.ports, { deadlineMs, backoff: BACKOFF, isCutAtDeadline: true }, async (isCut) => {
    const found = await coordinator.find();
    if (failed(found)) return found;
    if (isCut()) return failure(ErrorCode.REQUEST_TIMED_OUT);
    const outcome = await ask(found.value);
    coordinator.note(outcome.errorCode);
    return outcome;
  });
}
