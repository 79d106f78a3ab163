import { ErrorCode } from "#protocol/errors.ts";
import type { Acknowledgement } from "#share/acknowledge.ts";
import { AcknowledgeType } from "#share/record-state.ts";
import type { SessionMember, SharePartitionName } from "#share/sessions.ts";
import type { Broker } from "../broker.ts";

interface AcknowledgedTopic {
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly acknowledgementBatches: readonly Acknowledgement[];
  }[];
}

export interface AcknowledgedPartition extends SharePartitionName {
  readonly errorCode: ErrorCode;
}

/** What the version and the request allow. */
export interface AcknowledgeRules {
  /** From version 2 on. */
  readonly knowsRenewal: boolean;
  readonly isRenewal: boolean;
}

/** Carries out what a member says of records that it holds: one outcome for each partition, when it is stored. */
export function acknowledgeAll(
  broker: Broker,
  { groupId, memberId }: SessionMember,
  topics: readonly AcknowledgedTopic[],
  rules: AcknowledgeRules,
): Promise<AcknowledgedPartition[]> {
  return Promise.all(
    [...byPartition(topics).values()].map(async ({ topicId, partitionIndex, batches }) => {
      const acknowledge = async (): Promise<ErrorCode> => {
        const topic = broker.cluster.topicById(topicId);
        if (topic === undefined) return ErrorCode.UNKNOWN_TOPIC_ID;
        if (!areValid(batches, rules)) return ErrorCode.INVALID_REQUEST;
        if (topic.partitions[partitionIndex] === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
        return broker.shares.partitions.acknowledge({ groupId, topicId, partitionIndex }, memberId, batches);
      };
      return { topicId, partitionIndex, errorCode: await acknowledge() };
    }),
  );
}

interface Named extends SharePartitionName {
  readonly batches: readonly Acknowledgement[];
}

/** What something is said of. Of a partition that is named twice the last counts, as in Kafka. */
function byPartition(topics: readonly AcknowledgedTopic[]): Map<string, Named> {
  const named = new Map<string, Named>();
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex, acknowledgementBatches } of partitions) {
      if (acknowledgementBatches.length === 0) continue;
      named.set(`${partitionIndex}/${topicId}`, { topicId, partitionIndex, batches: acknowledgementBatches });
    }
  }
  return named;
}

/** Ranges in order, with one type for all of their records or one for each. */
function areValid(batches: readonly Acknowledgement[], { knowsRenewal, isRenewal }: AcknowledgeRules): boolean {
  const largest = knowsRenewal ? AcknowledgeType.RENEW : AcknowledgeType.REJECT;
  let end = -1;
  return batches.every(({ firstOffset, lastOffset, acknowledgeTypes }) => {
    const { length } = acknowledgeTypes;
    const hasTypes = length === 1 || (length > 1 && lastOffset - firstOffset === length - 1);
    const isInOrder = firstOffset <= lastOffset && firstOffset >= end;
    end = lastOffset;
    if (!hasTypes || !isInOrder) return false;
    if (acknowledgeTypes.some((type) => type < AcknowledgeType.GAP || type > largest)) return false;
    return isRenewal || !acknowledgeTypes.includes(AcknowledgeType.RENEW);
  });
}

const MAX_MEMBER_ID_LENGTH = 36;

/** Who sent it, or null when that can't be. */
export function sessionMember(groupId: string | null, memberId: string | null): SessionMember | null {
  if (groupId === null || memberId === null) return null;
  return memberId === "" || memberId.length > MAX_MEMBER_ID_LENGTH ? null : { groupId, memberId };
}
