/** DescribeGroups, for classic groups. */
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  message,
  nullableString,
  preset,
  string,
  struct,
  versions,
} from "../schema.ts";

export const DescribeGroupsRequest = message(
  { apiKey: 15, min: 0, max: 6, flexible: 5 },
  { groups: array(string), includeAuthorizedOperations: versions("3+", boolean) },
);
export type DescribeGroupsRequest = ReturnType<typeof DescribeGroupsRequest.decode>;

export const DescribeGroupsResponse = message(
  { apiKey: 15, min: 0, max: 6, flexible: 5 },
  {
    throttleTimeMs: versions("1+", int32),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: versions("6+", nullableString),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: versions("4+", nullableString),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: versions("3+", preset(-2_147_483_648, int32)),
      }),
    ),
  },
);
export type DescribeGroupsResponse = ReturnType<typeof DescribeGroupsResponse.decode>;
