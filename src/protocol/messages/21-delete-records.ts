/** DeleteRecords. Offset -1 stands for the high watermark. */
import { array, int16, int32, int64, message, string, struct } from "../schema.ts";

export const DeleteRecordsRequest = message(
  { apiKey: 21, min: 0, max: 2, flexible: 2 },
  {
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, offset: int64 })) })),
    timeoutMs: int32,
  },
);
export type DeleteRecordsRequest = ReturnType<typeof DeleteRecordsRequest.decode>;

export const DeleteRecordsResponse = message(
  { apiKey: 21, min: 0, max: 2, flexible: 2 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 })),
      }),
    ),
  },
);
export type DeleteRecordsResponse = ReturnType<typeof DeleteRecordsResponse.decode>;
