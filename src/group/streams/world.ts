import type { Group } from "../group.ts";
import type { GroupSpace } from "../group-space.ts";
import type { Turn } from "../turn.ts";
import { encodeChange, type StreamsGroupChange } from "./changes.ts";
import { StreamsGroup } from "./group.ts";
import type { StreamsGroupConfig } from "./limits.ts";

/** What the verbs of streams groups have around them. */
export interface StreamsWorld {
  readonly space: GroupSpace;
  /** What holds for this group: its own configs before the broker's. */
  configOf(groupId: string): StreamsGroupConfig;
  /** Forgets an empty group of another protocol whose name is taken over. */
  bury(group: Group, turn: Turn): void;
}

/** Changes the group and writes that down. */
export function change(group: StreamsGroup, turn: Turn, one: StreamsGroupChange): void {
  turn.records.push(encodeChange(group.groupId, one));
  group.apply(one);
}

export function streamsGroup({ space }: StreamsWorld, groupId: string): StreamsGroup | undefined {
  const group = space.get(groupId);
  return group instanceof StreamsGroup ? group : undefined;
}

export function timerOf({ groupId }: StreamsGroup, kind: "session" | "rebalance" | "initial", memberId = "") {
  return { of: "streams", kind, groupId, memberId } as const;
}
