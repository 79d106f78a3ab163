import type { Turn } from "../turn.ts";
import type { ConsumerGroup } from "./group.ts";
import { type ConsumerMember, isSameList, isSameSubscription, type Subscription, subscriptionOf } from "./member.ts";
import { MAX_REGEXES_PER_GROUP, matchingTopics } from "./regex.ts";
import { preferredAssignor } from "./target.ts";
import { type ConsumerWorld, change, metadataHashOf } from "./world.ts";

/** How long expressions aren't matched again after the last time, however often topics come and go. */
const REGEX_MIN_INTERVAL_MS = 10_000;

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

/**
 * Matches expressions that are new, or all of them when topics have changed or the last time is long ago. Answers whether one matches
 * other topics than before.
 */
function resolveRegexes(world: ConsumerWorld, group: ConsumerGroup, turn: Turn): boolean {
  const { topics } = world.space;
  const version = topics.imageVersion();
  const { regexRefreshIntervalMs } = world.configOf(group.groupId);
  let hasChanged = false;
  for (const regex of [...group.subscribedRegexes()]) {
    const before = group.resolvedRegexes.get(regex);
    if (before !== undefined) {
      const ageMs = turn.nowMs - before.timestampMs;
      const isOld = ageMs > regexRefreshIntervalMs || (before.version !== version && ageMs > REGEX_MIN_INTERVAL_MS);
      if (!isOld) continue;
    }
    const value = { topics: matchingTopics(regex, topics.topicNames()), version, timestampMs: turn.nowMs };
    change(group, turn, { kind: "regex", regex, value });
    hasChanged ||= before === undefined || !isSameSet(before.topics, value.topics);
  }
  return hasChanged;
}

function isSameSet(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  if (one.size !== other.size) return false;
  for (const name of one) if (!other.has(name)) return false;
  return true;
}
