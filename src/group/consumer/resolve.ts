import type { Turn } from "../turn.ts";
import type { ResolvedRegex } from "./changes.ts";
import type { ConsumerGroup } from "./group.ts";
import { MAX_MATCH_STEPS, MAX_RESOLVED_BYTES, type Matching, matchOn, resolvedBytes } from "./regex.ts";
import { type ConsumerWorld, change } from "./world.ts";

/** How long expressions aren't matched again after the last time, however often topics come and go. */
const REGEX_MIN_INTERVAL_MS = 10_000;

/** How long the heartbeats of a group match nothing after one that took all that it may: many members are no reason to match all the time. */
const MATCH_PAUSE_MS = 1_000;

const NO_TOPICS: ReadonlySet<string> = new Set();

/**
 * Matches expressions that are new, or all of them when topics have changed or the last time is long ago; those that were matched last keep
 * what they had until it is their turn. Answers whether one matches other topics than before.
 */
export function resolveRegexes(world: ConsumerWorld, group: ConsumerGroup, turn: Turn): boolean {
  if (turn.nowMs < group.matchingResumesAtMs) return false;
  const due = dueRegexes(world, group, turn);
  if (due.length === 0) return false;
  const { topics } = world.space;
  const names = [...topics.topicNames()].sort();
  let stepsLeft = MAX_MATCH_STEPS;
  let hasChanged = false;
  for (const regex of due) {
    if (stepsLeft <= 0) break;
    // What was begun with an older image goes on: topics that it misses are found the next time, which the older version brings about.
    const begun =
      group.matching?.regex === regex
        ? group.matching
        : { regex, version: topics.imageVersion(), after: "", topics: NO_TOPICS };
    const { matching, isDone, steps } = matchOn(begun, names, stepsLeft);
    stepsLeft -= steps;
    const isTooLong = resolvedBytes(regex, matching.topics) > MAX_RESOLVED_BYTES;
    group.keepMatching(isDone || isTooLong ? null : matching);
    if (group.matching === null && settle(group, matching, isTooLong, turn)) hasChanged = true;
  }
  if (stepsLeft <= 0) group.matchingResumesAtMs = turn.nowMs + MATCH_PAUSE_MS;
  return hasChanged;
}

/** The one that was begun, those that have never been matched, and the others, the oldest first: each has its turn. */
function dueRegexes(world: ConsumerWorld, group: ConsumerGroup, turn: Turn): string[] {
  const version = world.space.topics.imageVersion();
  const { regexRefreshIntervalMs } = world.configOf(group.groupId);
  const isDue = ({ timestampMs, version: before }: ResolvedRegex) => {
    const ageMs = turn.nowMs - timestampMs;
    return ageMs > regexRefreshIntervalMs || (before !== version && ageMs > REGEX_MIN_INTERVAL_MS);
  };
  const begun: string[] = [];
  const others: { readonly regex: string; readonly sinceMs: number }[] = [];
  for (const regex of group.subscribedRegexes()) {
    const before = group.resolvedRegexes.get(regex);
    if (group.matching?.regex === regex) begun.push(regex);
    else if (before === undefined || isDue(before)) others.push({ regex, sinceMs: before?.timestampMs ?? 0 });
  }
  others.sort((one, other) => one.sinceMs - other.sinceMs);
  return [...begun, ...others.map(({ regex }) => regex)];
}

/** Writes down what matches; where that is too long, that it is what it was. */
function settle(group: ConsumerGroup, matching: Matching, isTooLong: boolean, turn: Turn): boolean {
  const { regex, version } = matching;
  const before = group.resolvedRegexes.get(regex);
  const topics = isTooLong ? (before?.topics ?? NO_TOPICS) : matching.topics;
  change(group, turn, { kind: "regex", regex, value: { topics, version, timestampMs: turn.nowMs } });
  if (isTooLong) group.overlong.add(regex);
  else group.overlong.delete(regex);
  return before === undefined || !isSameSet(before.topics, topics);
}

function isSameSet(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  if (one.size !== other.size) return false;
  for (const name of one) if (!other.has(name)) return false;
  return true;
}
