/** WriteTxnMarkers, from a transaction coordinator to the leaders of a transaction's partitions. */
import { array, boolean, int8, int16, int32, int64, message, string, struct, versions } from "../schema.ts";

export const WriteTxnMarkersRequest = message(
  { apiKey: 27, min: 1, max: 2, flexible: 1 },
  {
    markers: array(
      struct({
        producerId: int64,
        producerEpoch: int16,
        transactionResult: boolean,
        topics: array(
          struct({
            name: string,
            partitionIndexes: array(int32),
          }),
        ),
        coordinatorEpoch: int32,
        transactionVersion: versions("2+", int8),
      }),
    ),
  },
);
export type WriteTxnMarkersRequest = ReturnType<typeof WriteTxnMarkersRequest.decode>;

export const WriteTxnMarkersResponse = message(
  { apiKey: 27, min: 1, max: 2, flexible: 1 },
  {
    markers: array(
      struct({
        producerId: int64,
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
      }),
    ),
  },
);
export type WriteTxnMarkersResponse = ReturnType<typeof WriteTxnMarkersResponse.decode>;
