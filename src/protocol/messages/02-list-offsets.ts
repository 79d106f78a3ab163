/** ListOffsets. Negative timestamps are questions of their own: -1 latest, -2 earliest, -3 largest timestamp (version 7). */
import { array, int8, int16, int32, int64, message, preset, string, struct, versions } from "../schema.ts";

export const ListOffsetsRequest = message(
  { apiKey: 2, min: 1, max: 11, flexible: 6 },
  {
    replicaId: int32,
    isolationLevel: versions("2+", int8),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({ partitionIndex: int32, currentLeaderEpoch: versions("4+", preset(-1, int32)), timestamp: int64 }),
        ),
      }),
    ),
    timeoutMs: versions("10+", int32),
  },
);
export type ListOffsetsRequest = ReturnType<typeof ListOffsetsRequest.decode>;

export const ListOffsetsResponse = message(
  { apiKey: 2, min: 1, max: 11, flexible: 6 },
  {
    throttleTimeMs: versions("2+", int32),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            timestamp: preset(-1, int64),
            offset: preset(-1, int64),
            leaderEpoch: versions("4+", preset(-1, int32)),
          }),
        ),
      }),
    ),
  },
);
export type ListOffsetsResponse = ReturnType<typeof ListOffsetsResponse.decode>;
