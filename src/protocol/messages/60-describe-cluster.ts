/** DescribeCluster. `endpointType`: 1 brokers, 2 controllers. */
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  message,
  nullableString,
  preset,
  string,
  struct,
  versions,
} from "../schema.ts";

export const DescribeClusterRequest = message(
  { apiKey: 60, min: 0, max: 2, flexible: 0 },
  {
    includeClusterAuthorizedOperations: boolean,
    endpointType: versions("1+", preset(1, int8)),
    includeFencedBrokers: versions("2+", boolean),
  },
);
export type DescribeClusterRequest = ReturnType<typeof DescribeClusterRequest.decode>;

export const DescribeClusterResponse = message(
  { apiKey: 60, min: 0, max: 2, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    endpointType: versions("1+", preset(1, int8)),
    clusterId: string,
    controllerId: preset(-1, int32),
    brokers: array(
      struct({ brokerId: int32, host: string, port: int32, rack: nullableString, isFenced: versions("2+", boolean) }),
    ),
    clusterAuthorizedOperations: preset(-2_147_483_648, int32),
  },
);
export type DescribeClusterResponse = ReturnType<typeof DescribeClusterResponse.decode>;
