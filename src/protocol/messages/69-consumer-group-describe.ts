/** ConsumerGroupDescribe (KIP-848). */
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
  uuid,
  versions,
} from "../schema.ts";

export const ConsumerGroupDescribeRequest = message(
  { apiKey: 69, min: 0, max: 1, flexible: 0 },
  {
    groupIds: array(string),
    includeAuthorizedOperations: boolean,
  },
);
export type ConsumerGroupDescribeRequest = ReturnType<typeof ConsumerGroupDescribeRequest.decode>;

const topicPartitions = struct({
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
});

const assignment = struct({
  topicPartitions: array(topicPartitions),
});

export const ConsumerGroupDescribeResponse = message(
  { apiKey: 69, min: 0, max: 1, flexible: 0 },
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
            instanceId: nullableString,
            rackId: nullableString,
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            subscribedTopicRegex: nullableString,
            assignment,
            targetAssignment: assignment,
            memberType: versions("1+", preset(-1, int8)),
          }),
        ),
        authorizedOperations: preset(-2147483648, int32),
      }),
    ),
  },
);
export type ConsumerGroupDescribeResponse = ReturnType<typeof ConsumerGroupDescribeResponse.decode>;
