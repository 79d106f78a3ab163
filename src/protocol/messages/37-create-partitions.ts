/** CreatePartitions. `count` is the new total. */
import { array, boolean, int16, int32, message, nullableArray, nullableString, string, struct } from "../schema.ts";

export const CreatePartitionsRequest = message(
  { apiKey: 37, min: 0, max: 3, flexible: 2 },
  {
    topics: array(
      struct({ name: string, count: int32, assignments: nullableArray(struct({ brokerIds: array(int32) })) }),
    ),
    timeoutMs: int32,
    validateOnly: boolean,
  },
);
export type CreatePartitionsRequest = ReturnType<typeof CreatePartitionsRequest.decode>;

export const CreatePartitionsResponse = message(
  { apiKey: 37, min: 0, max: 3, flexible: 2 },
  { throttleTimeMs: int32, results: array(struct({ name: string, errorCode: int16, errorMessage: nullableString })) },
);
export type CreatePartitionsResponse = ReturnType<typeof CreatePartitionsResponse.decode>;
