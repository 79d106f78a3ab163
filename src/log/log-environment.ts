import type { LogStore } from "#ports/log-store.ts";
import type { Compression } from "#records/compression.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { LocalSpace } from "./local-space.ts";
import type { ProducerBudget } from "./producer-budget.ts";
import type { RowCache } from "./row-cache.ts";
import type { RowRemovals } from "./row-removals.ts";

/** What the partitions of one broker share. */
export interface LogEnvironment {
  readonly store: LogStore;
  readonly compression: Compression;
  readonly cache: RowCache;
  readonly commits: GroupCommit;
  readonly removals: RowRemovals;
  readonly producers: ProducerBudget;
  readonly space: LocalSpace;
  /** Segments with objects were given up. */
  readonly onGarbage: () => void;
}
