import type { Uuid } from "#bytes/uuid.ts";
import type { Assignment } from "../assignors/assignor.ts";
import { type ConsumerMember, type CurrentAssignment, currentOf, MemberState, type OwnedPartitions } from "./member.ts";

/** Partitions that a client says it has, by topic; null = it didn't say. */
export type ReportedPartitions = ReadonlyMap<Uuid, ReadonlySet<number>> | null;

export interface ReconcileInput {
  readonly targetEpoch: number;
  readonly target: Assignment;
  /** Topics that are there and that the member subscribes to; of all others it has to let go. */
  isSubscribed(topicId: Uuid): boolean;
  /** Its subscription is another one than before: what it is no longer subscribed to goes at once, before there is a new target. */
  readonly hasNewSubscription: boolean;
  /** Somebody has the partition, or has yet to give it back. */
  isOwned(topicId: Uuid, partitionIndex: number): boolean;
  readonly reported: ReportedPartitions;
}

type Draft = Map<Uuid, Map<number, number>>;

/**
 * The next step of a member towards its target: first it gives back what isn't in the target any more (UNREVOKED_PARTITIONS until the
 * client no longer reports it), then it takes over the target's epoch and what is free of the target (UNRELEASED_PARTITIONS while others
 * have yet to give back a part of it), and when it has everything it is STABLE.
 */
export function nextAssignment(member: ConsumerMember, input: ReconcileInput): CurrentAssignment {
  switch (member.state) {
    case MemberState.STABLE:
      if (member.memberEpoch !== input.targetEpoch) return step(member, input);
      return input.hasNewSubscription ? dropUnsubscribed(member, input) : currentOf(member);
    case MemberState.UNREVOKED_PARTITIONS:
      if (!stillReports(input.reported, member.pendingRevocation)) return step(member, input);
      return input.hasNewSubscription ? dropUnsubscribed(member, input) : currentOf(member);
    case MemberState.UNRELEASED_PARTITIONS:
      return step(member, input);
  }
}

/** Whether the client still has some of these; as long as it doesn't say, it is taken to have them. */
function stillReports(reported: ReportedPartitions, partitions: OwnedPartitions): boolean {
  if (reported === null) return true;
  for (const [topicId, own] of reported) {
    const lost = partitions.get(topicId);
    if (lost === undefined) continue;
    for (const partitionIndex of own) if (lost.has(partitionIndex)) return true;
  }
  return false;
}

/** Lets go of the topics that the member no longer subscribes to; its epoch stays. */
function dropUnsubscribed(member: ConsumerMember, input: ReconcileInput): CurrentAssignment {
  const { memberEpoch } = member;
  const assigned: Draft = new Map();
  const pendingRevocation: Draft = new Map([...member.pendingRevocation].map(([id, epochs]) => [id, new Map(epochs)]));
  let hasDropped = false;
  for (const [topicId, epochs] of member.assigned) {
    if (input.isSubscribed(topicId)) {
      assigned.set(topicId, new Map(epochs));
      continue;
    }
    hasDropped = true;
    const pending = pendingRevocation.get(topicId) ?? new Map<number, number>();
    for (const [partitionIndex, epoch] of epochs) pending.set(partitionIndex, epoch);
    pendingRevocation.set(topicId, pending);
  }
  if (!hasDropped) return currentOf(member);
  const previousMemberEpoch = memberEpoch;
  if (stillReports(input.reported, pendingRevocation)) {
    const state = MemberState.UNREVOKED_PARTITIONS;
    return { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation };
  }
  return { ...currentOf(member), previousMemberEpoch, assigned };
}

function step(member: ConsumerMember, input: ReconcileInput): CurrentAssignment {
  const { targetEpoch, target } = input;
  const kept: Draft = new Map();
  const revoked: Draft = new Map();
  for (const [topicId, epochs] of member.assigned) {
    const wanted = input.isSubscribed(topicId) ? target.get(topicId) : undefined;
    for (const [partitionIndex, epoch] of epochs) {
      put(wanted?.has(partitionIndex) ? kept : revoked, { topicId, partitionIndex, epoch });
    }
  }
  const previousMemberEpoch = member.memberEpoch;
  if (revoked.size > 0 && stillReports(input.reported, revoked)) {
    const state = MemberState.UNREVOKED_PARTITIONS;
    const { memberEpoch } = member;
    return { memberEpoch, previousMemberEpoch, state, assigned: kept, pendingRevocation: revoked };
  }
  const isWaiting = takeFree(member, input, kept);
  return {
    memberEpoch: targetEpoch,
    previousMemberEpoch,
    state: isWaiting ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE,
    assigned: kept,
    pendingRevocation: new Map(),
  };
}

/** Adds what is free of the target to `kept`; true when others have yet to give back a part of it. */
function takeFree(member: ConsumerMember, input: ReconcileInput, kept: Draft): boolean {
  let isWaiting = false;
  for (const [topicId, partitions] of input.target) {
    if (!input.isSubscribed(topicId)) continue;
    for (const partitionIndex of partitions) {
      if (kept.get(topicId)?.has(partitionIndex)) continue;
      // What it has just given back itself is free for it.
      const wasOwn = member.pendingRevocation.get(topicId)?.has(partitionIndex) === true;
      if (!wasOwn && input.isOwned(topicId, partitionIndex)) isWaiting = true;
      else put(kept, { topicId, partitionIndex, epoch: input.targetEpoch });
    }
  }
  return isWaiting;
}

function put(
  draft: Draft,
  { topicId, partitionIndex, epoch }: { topicId: Uuid; partitionIndex: number; epoch: number },
): void {
  const epochs = draft.get(topicId);
  if (epochs === undefined) draft.set(topicId, new Map([[partitionIndex, epoch]]));
  else epochs.set(partitionIndex, epoch);
}
