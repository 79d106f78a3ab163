import type { Uuid } from "#bytes/uuid.ts";
import type { GroupSpace } from "../group-space.ts";
import type { Turn } from "../turn.ts";
import { encodeChange, type ShareGroupChange } from "./changes.ts";
import { ShareGroup } from "./group.ts";
import type { ShareGroupConfig } from "./limits.ts";

/** What the verbs of share groups have around them. */
export interface ShareWorld {
  readonly space: GroupSpace;
  /** What holds for this group: its own configs before the broker's. */
  configOf(groupId: string): ShareGroupConfig;
}

/** Changes the group and writes that down. */
export function change(group: ShareGroup, turn: Turn, one: ShareGroupChange): void {
  turn.records.push(encodeChange(group.groupId, one));
  group.apply(one);
}

export function shareGroup({ space }: ShareWorld, groupId: string): ShareGroup | undefined {
  const group = space.get(groupId);
  return group instanceof ShareGroup ? group : undefined;
}

/** Partitions of a topic. */
export interface TopicPartitions {
  readonly topicId: Uuid;
  readonly partitions: readonly number[];
}

/** Share partitions whose state is to be made; when it is, `initialized` is to be called, else `notInitialized`. */
export interface StateToInitialize {
  readonly groupId: string;
  readonly stateEpoch: number;
  readonly topics: readonly {
    readonly topicId: Uuid;
    readonly partitions: readonly { readonly partitionIndex: number; readonly startOffset: number }[];
  }[];
}
