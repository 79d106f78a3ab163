import type { Turn } from "../turn.ts";
import type { ConsumerGroup } from "./group.ts";
import { type ConsumerMember, isSameList, isSameSubscription, type Subscription, subscriptionOf } from "./member.ts";
import { MAX_REGEXES_PER_GROUP } from "./regex.ts";
import { resolveRegexes } from "./resolve.ts";
import { preferredAssignor } from "./target.ts";
import { type ConsumerWorld, change, metadataHashOf } from "./world.ts";

/** Whether the group has room for one more expression. */
export function hasRoomForRegex(group: ConsumerGroup, regex: string): boolean {
  return regex === "" || group.regexMemberCount(regex) > 0 || group.regexCount < MAX_REGEXES_PER_GROUP;
}

/**
 * The member is as it says now, new or not. When that changes what the group reads or how it assigns, or topics have changed since the
 * last heartbeat, the group's epoch grows. Answers whether the member's own subscription has changed.
 */
export function updateSubscription(
  world: ConsumerWorld,
  group: ConsumerGroup,
  { member, subscription }: { readonly member: ConsumerMember; readonly subscription: Subscription },
  turn: Turn,
): boolean {
  const { memberId } = member;
  const isKnown = group.members.has(memberId);
  const assignorBefore = preferredAssignor(world, group);
  const isUnchanged = isKnown && isSameSubscription(subscription, subscriptionOf(member));
  if (!isUnchanged) change(group, turn, { kind: "subscription", memberId, value: subscription });
  const hasNewNames = !isSameList(member.topicNames, subscription.topicNames);
  const hasNewRegex = member.topicRegex !== subscription.topicRegex;
  if (hasNewRegex && member.topicRegex !== "" && group.regexMemberCount(member.topicRegex) === 0) {
    change(group, turn, { kind: "regex", regex: member.topicRegex, value: null });
  }
  const hasNewAssignor = !isUnchanged && preferredAssignor(world, group) !== assignorBefore;
  refreshTopics(world, group, { isToBump: hasNewNames || hasNewRegex || hasNewAssignor }, turn);
  return hasNewNames || hasNewRegex;
}

/** Looks at the cluster's topics if they may have changed, and begins the next epoch if it must. */
function refreshTopics(
  world: ConsumerWorld,
  group: ConsumerGroup,
  { isToBump }: { readonly isToBump: boolean },
  turn: Turn,
): void {
  const { topics } = world.space;
  const version = topics.imageVersion();
  const hasResolved = resolveRegexes(world, group, turn);
  if (!isToBump && !hasResolved && group.checkedVersion === version) return;
  const metadataHash = metadataHashOf(topics, group.subscribedTopics);
  group.checkedVersion = version;
  if (isToBump || metadataHash !== group.metadataHash) beginEpoch(group, metadataHash, turn);
}

export function beginEpoch(group: ConsumerGroup, metadataHash: number, turn: Turn): void {
  change(group, turn, { kind: "group", value: { epoch: group.epoch + 1, metadataHash } });
}
