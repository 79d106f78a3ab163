import { GroupCoordinator } from "#group/coordinator.ts";
import type { GroupConfig } from "#group/limits.ts";
import type { MemberBudget } from "#group/member-budget.ts";
import type { OffsetBudget } from "#group/offset-budget.ts";
import type { GroupTopics } from "#ports/coordinator-log.ts";

const NO_TOPICS: GroupTopics = {
  imageVersion: () => 1,
  topicName: () => undefined,
  topicId: () => undefined,
  partitionCountOf: () => 0,
  topicNames: () => [],
};

/** A coordinator in a cluster without topics. */
export function newCoordinator(
  config: GroupConfig,
  budget?: MemberBudget,
  offsetBudget?: OffsetBudget,
): GroupCoordinator {
  return new GroupCoordinator({ config: () => config, topics: NO_TOPICS, budget, offsetBudget });
}
