/** OffsetForLeaderEpoch. */
import { array, int16, int32, int64, message, preset, string, struct, versions } from "../schema.ts";

export const OffsetForLeaderEpochRequest = message(
  { apiKey: 23, min: 2, max: 4, flexible: 4 },
  {
    replicaId: versions("3+", preset(-2, int32)),
    topics: array(
      struct({
        topic: string,
        partitions: array(struct({ partition: int32, currentLeaderEpoch: preset(-1, int32), leaderEpoch: int32 })),
      }),
    ),
  },
);
export type OffsetForLeaderEpochRequest = ReturnType<typeof OffsetForLeaderEpochRequest.decode>;

export const OffsetForLeaderEpochResponse = message(
  { apiKey: 23, min: 2, max: 4, flexible: 4 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({ errorCode: int16, partition: int32, leaderEpoch: preset(-1, int32), endOffset: preset(-1, int64) }),
        ),
      }),
    ),
  },
);
export type OffsetForLeaderEpochResponse = ReturnType<typeof OffsetForLeaderEpochResponse.decode>;
