/** Committed offsets in `__consumer_offsets`. `record.ts` says what stands before them. */
import { int32, int64, message, preset, string, tagged, uuid, versions } from "../schema.ts";

export const OffsetCommitKey = message(
  { apiKey: 1, min: 0, max: 0 },
  {
    group: string,
    topic: string,
    partition: int32,
  },
);
export type OffsetCommitKey = ReturnType<typeof OffsetCommitKey.decode>;

export const OffsetCommitValue = message(
  { apiKey: 1, min: 0, max: 4, flexible: 4 },
  {
    offset: int64,
    leaderEpoch: versions("3+", preset(-1, int32)),
    metadata: string,
    commitTimestamp: int64,
    expireTimestamp: versions("1", preset(-1, int64)),
    topicId: tagged(0, "4+", uuid),
  },
);
export type OffsetCommitValue = ReturnType<typeof OffsetCommitValue.decode>;
