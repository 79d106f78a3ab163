/** ShareGroupDescribe (KIP-932). */
import { array, boolean, int16, int32, message, nullableString, preset, string, struct, uuid } from "../schema.ts";

export const ShareGroupDescribeRequest = message(
  { apiKey: 77, min: 1, max: 1, flexible: 0 },
  {
    groupIds: array(string),
    includeAuthorizedOperations: boolean,
  },
);
export type ShareGroupDescribeRequest = ReturnType<typeof ShareGroupDescribeRequest.decode>;

const topicPartitions = struct({
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
});

const assignment = struct({
  topicPartitions: array(topicPartitions),
});

export const ShareGroupDescribeResponse = message(
  { apiKey: 77, min: 1, max: 1, flexible: 0 },
  {
    throttleTimeMs: int32,
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: nullableString,
        groupId: string,
        groupState: string,
        groupEpoch: int32,
        assignmentEpoch: int32,
        assignorName: string,
        members: array(
          struct({
            memberId: string,
            rackId: nullableString,
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            assignment,
          }),
        ),
        authorizedOperations: preset(-2147483648, int32),
      }),
    ),
  },
);
export type ShareGroupDescribeResponse = ReturnType<typeof ShareGroupDescribeResponse.decode>;
