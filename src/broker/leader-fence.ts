import type { PartitionImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";

const UNKNOWN_EPOCH = -1;

/** Holds the leader epoch that a client knows against ours (KIP-320); -1 means that it knows none. */
export function fence(partition: PartitionImage | undefined, currentLeaderEpoch: number): ErrorCode {
  if (partition === undefined || currentLeaderEpoch === UNKNOWN_EPOCH) return ErrorCode.NONE;
  if (currentLeaderEpoch < partition.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  return currentLeaderEpoch > partition.leaderEpoch ? ErrorCode.UNKNOWN_LEADER_EPOCH : ErrorCode.NONE;
}
