/** DescribeProducers: what a partition's leader remembers of producers (KIP-664). */
import { array, int16, int32, int64, message, nullableString, preset, string, struct } from "../schema.ts";

export const DescribeProducersRequest = message(
  { apiKey: 61, min: 0, max: 0, flexible: 0 },
  {
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32),
      }),
    ),
  },
);
export type DescribeProducersRequest = ReturnType<typeof DescribeProducersRequest.decode>;

export const DescribeProducersResponse = message(
  { apiKey: 61, min: 0, max: 0, flexible: 0 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: nullableString,
            activeProducers: array(
              struct({
                producerId: int64,
                producerEpoch: int32,
                lastSequence: preset(-1, int32),
                lastTimestamp: preset(-1, int64),
                coordinatorEpoch: int32,
                currentTxnStartOffset: preset(-1, int64),
              }),
            ),
          }),
        ),
      }),
    ),
  },
);
export type DescribeProducersResponse = ReturnType<typeof DescribeProducersResponse.decode>;
