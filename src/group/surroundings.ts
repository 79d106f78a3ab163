import type { GroupTopics } from "#ports/coordinator-log.ts";
import type { ConsumerGroupConfig, GroupConfig } from "./limits.ts";
import type { MemberBudget } from "./member-budget.ts";
import type { OffsetBudget } from "./offset-budget.ts";
import type { ShareGroupConfig } from "./share/limits.ts";
import type { StreamsGroupConfig } from "./streams/limits.ts";

/** What a coordinator knows of the cluster besides its log. */
export interface CoordinatorSurroundings {
  readonly topics: GroupTopics;
  /** As they are now: some can be changed while the coordinator runs. */
  config(): GroupConfig;
  /** What holds for one consumer group; the broker's configs without. */
  consumerConfig?(groupId: string): ConsumerGroupConfig;
  /** What holds for one share group; the defaults without. */
  shareConfig?(groupId: string): ShareGroupConfig;
  /** What holds for one streams group; the defaults without. */
  streamsConfig?(groupId: string): StreamsGroupConfig;
  readonly budget?: MemberBudget;
  readonly offsetBudget?: OffsetBudget;
}
