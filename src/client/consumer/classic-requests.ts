/** The requests of the classic group protocol, each once, at the coordinator. */
import { MalformedMessageError } from "#bytes/malformed.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { JoinGroupResponse } from "#protocol/messages/11-join-group.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeConsumerProtocol,
  encodeConsumerProtocol,
} from "#protocol/stored/consumer-protocol.ts";
import { heartbeatApi, joinGroupApi, leaveGroupApi, syncGroupApi } from "../apis.ts";
import type { CallOptions, Client } from "../client.ts";
import { failed, failure, type Outcome, success } from "../outcome.ts";
import type { TopicPartition } from "../topic-partition.ts";
import type { Assignor, AssignorMember } from "./assignors/assignor.ts";
import type { ConsumerSettings } from "./settings.ts";

export interface ClassicCaller {
  readonly client: Client;
  readonly call: CallOptions;
  readonly brokerId: number;
  readonly settings: ConsumerSettings;
  readonly groupId: string;
}

/** Who a member is in its group; the member id is empty and the generation -1 before it joined. */
export interface Generation {
  readonly memberId: string;
  readonly generationId: number;
  /** The assignor that all members speak; empty before. */
  readonly protocolName: string;
}

export const NO_GENERATION: Generation = { memberId: "", generationId: -1, protocolName: "" };

const PROTOCOL_TYPE = "consumer";
const SUBSCRIPTION_VERSION = 3;
const ASSIGNMENT_VERSION = 3;
/** As Kafka's consumer waits for a rebalance longer than the rebalance may take. */
const JOIN_GRACE_MS = 5_000;

export interface JoinWish {
  readonly memberId: string;
  readonly topics: readonly string[];
  /** What it holds on to, and when it got that. */
  readonly owned: readonly TopicPartition[];
  /** What it held last, whether or not it still does. */
  readonly held: readonly TopicPartition[];
  readonly generationId: number;
}

export async function joinGroup(caller: ClassicCaller, wish: JoinWish): Promise<Outcome<JoinGroupResponse>> {
  const { settings, groupId, client, brokerId, call } = caller;
  const protocols = settings["partition.assignment.strategy"].map((assignor) => ({
    name: assignor.name,
    metadata: subscriptionOf(assignor, settings, wish),
  }));
  const draft = {
    groupId,
    sessionTimeoutMs: settings["session.timeout.ms"],
    rebalanceTimeoutMs: settings["max.poll.interval.ms"],
    memberId: wish.memberId,
    groupInstanceId: settings["group.instance.id"],
    protocolType: PROTOCOL_TYPE,
    protocols,
  };
  const waitMs = Math.max(settings["max.poll.interval.ms"], settings["session.timeout.ms"]) + JOIN_GRACE_MS;
  return await client.call(brokerId, joinGroupApi, draft, { ...call, waitMs });
}

function subscriptionOf(assignor: Assignor, settings: ConsumerSettings, wish: JoinWish): Uint8Array {
  const draft = {
    topics: wish.topics,
    userData: assignor.userData?.(wish.held, wish.generationId) ?? null,
    ownedPartitions: grouped(wish.owned),
    generationId: wish.generationId,
    rackId: settings["client.rack"],
  };
  return encodeConsumerProtocol(ConsumerProtocolSubscription, draft, SUBSCRIPTION_VERSION);
}

/** The members as the leader's assignor wants them. One whose subscription can't be read takes part without topics. */
export function assignorMembers(response: JoinGroupResponse): AssignorMember[] {
  return response.members.map(({ memberId, groupInstanceId, metadata }) => {
    try {
      const subscription = decodeConsumerProtocol(ConsumerProtocolSubscription, metadata);
      const { topics, userData, generationId, ownedPartitions } = subscription;
      return { memberId, groupInstanceId, topics, userData, generationId, ownedPartitions: flattened(ownedPartitions) };
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      return { memberId, groupInstanceId, topics: [], userData: null, generationId: -1, ownedPartitions: [] };
    }
  });
}

/** The leader brings the assignment of all members, the others an empty one; each is told its own. */
export async function syncGroup(
  { client, brokerId, call, groupId, settings }: ClassicCaller,
  generation: Generation,
  assigned: ReadonlyMap<string, readonly TopicPartition[]>,
): Promise<Outcome<TopicPartition[]>> {
  const { generationId, memberId, protocolName } = generation;
  const assignments = [...assigned].map(([id, partitions]) => ({
    memberId: id,
    assignment: encodeConsumerProtocol(
      ConsumerProtocolAssignment,
      { assignedPartitions: grouped(partitions) },
      ASSIGNMENT_VERSION,
    ),
  }));
  const groupInstanceId = settings["group.instance.id"];
  const draft = {
    groupId,
    generationId,
    memberId,
    groupInstanceId,
    protocolType: PROTOCOL_TYPE,
    protocolName,
    assignments,
  };
  const answer = await client.call(brokerId, syncGroupApi, draft, {
    ...call,
    waitMs: settings["max.poll.interval.ms"],
  });
  if (failed(answer)) return answer;
  if (answer.value.errorCode !== ErrorCode.NONE) return failure(answer.value.errorCode);
  if (answer.value.assignment.length === 0) return success([]);
  try {
    const { assignedPartitions } = decodeConsumerProtocol(ConsumerProtocolAssignment, answer.value.assignment);
    return success(flattened(assignedPartitions));
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return failure(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "The leader's assignment can't be read.");
  }
}

export async function heartbeat(caller: ClassicCaller, { memberId, generationId }: Generation): Promise<Outcome<void>> {
  const { client, brokerId, call, groupId, settings } = caller;
  const draft = { groupId, memberId, generationId, groupInstanceId: settings["group.instance.id"] };
  const answer = await client.call(brokerId, heartbeatApi, draft, call);
  if (failed(answer)) return answer;
  const { errorCode } = answer.value;
  return errorCode === ErrorCode.NONE ? success(undefined) : failure(errorCode);
}

export async function leaveGroup(caller: ClassicCaller, memberId: string, reason: string): Promise<void> {
  const { client, brokerId, call, groupId } = caller;
  await client.call(brokerId, leaveGroupApi, { groupId, members: [{ memberId, reason }] }, call);
}

function grouped(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = Map.groupBy(partitions, ({ topic }) => topic);
  return [...topics].map(([topic, own]) => ({ topic, partitions: own.map(({ partition }) => partition) }));
}

function flattened(topics: readonly { topic: string; partitions: readonly number[] }[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
