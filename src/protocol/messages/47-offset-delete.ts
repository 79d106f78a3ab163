/** OffsetDelete, of partitions that the group no longer reads. */
import { array, int16, int32, message, string, struct } from "../schema.ts";

export const OffsetDeleteRequest = message(
  { apiKey: 47, min: 0, max: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
          }),
        ),
      }),
    ),
  },
);
export type OffsetDeleteRequest = ReturnType<typeof OffsetDeleteRequest.decode>;

export const OffsetDeleteResponse = message(
  { apiKey: 47, min: 0, max: 0 },
  {
    errorCode: int16,
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  },
);
export type OffsetDeleteResponse = ReturnType<typeof OffsetDeleteResponse.decode>;
