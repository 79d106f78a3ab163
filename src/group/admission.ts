import type { Uuid } from "#bytes/uuid.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { CommitIdentity, PartitionAdmission } from "./group.ts";

// Who may commit and read the offsets of a group whose members have epochs of their own (KIP-848, KIP-1071).

interface Member {
  readonly memberEpoch: number;
}

/** What one protocol says of its members. */
export interface AdmissionRules<M extends Member> {
  /** What a member is told whose epoch isn't the one that it names. */
  staleError(member: M): ErrorCode;
  /** Whether it may use versions of OffsetCommit that know no member epochs. */
  knowsNoEpochs(member: M): boolean;
  /** Since which epoch the member has had the partition, if it has it, or has yet to give it back. */
  heldSince(member: M, partition: { topicId: Uuid; topic: string; partitionIndex: number }): number | undefined;
}

/**
 * A member may commit with its epoch, and with an older one for partitions that it has had since then (KIP-1251): a commit that crosses a
 * rebalance isn't lost. Without an epoch anybody may while the group is empty.
 */
export function admitCommitOf<M extends Member>(
  members: ReadonlyMap<string, M>,
  identity: CommitIdentity,
  rules: AdmissionRules<M>,
): ErrorCode | PartitionAdmission {
  const { memberId, groupInstanceId, generationId: epoch, producer, isBeforeMemberEpochs } = identity;
  if (epoch < 0 && members.size === 0) return ErrorCode.NONE;
  if (producer !== undefined && epoch === -1 && memberId === "" && groupInstanceId === null) return ErrorCode.NONE;
  const member = members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (producer === undefined && isBeforeMemberEpochs && !rules.knowsNoEpochs(member)) {
    return ErrorCode.UNSUPPORTED_VERSION;
  }
  if (epoch === member.memberEpoch) return ErrorCode.NONE;
  const stale = rules.staleError(member);
  if (epoch > member.memberEpoch) return stale;
  return (topicId, topic, partitionIndex) => {
    const since = rules.heldSince(member, { topicId, topic, partitionIndex });
    return since === undefined || epoch < since ? stale : ErrorCode.NONE;
  };
}

/** Anybody may read who doesn't say that he is a member; a member with its epoch. */
export function admitFetchOf<M extends Member>(
  members: ReadonlyMap<string, M>,
  { memberId, memberEpoch }: { readonly memberId: string | null; readonly memberEpoch: number },
  { staleError }: Pick<AdmissionRules<M>, "staleError">,
): ErrorCode {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = members.get(memberId ?? "");
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : staleError(member);
}
