// OffsetDelete (47), version 0. Deletes what a group has committed for partitions of topics that it doesn't subscribe to
// (GROUP_SUBSCRIBED_TO_TOPIC); a live group whose members aren't consumers keeps everything (NON_EMPTY_GROUP).
// Departures from Kafka: the answer keeps the order of the request, topics that aren't there included.

import { ErrorCode } from "#protocol/errors.ts";
import { OffsetDeleteRequest, OffsetDeleteResponse } from "#protocol/messages/47-offset-delete.ts";
import { handler } from "../handler.ts";

export const offsetDelete = handler({
  request: OffsetDeleteRequest,
  response: OffsetDeleteResponse,
  min: 0,
  max: 0,
  async handle({ broker }, request) {
    const { groups } = broker;
    const isThere = (topic: string, partitionIndex: number) => groups.environment.hasPartition(topic, partitionIndex);
    const asked = request.topics.map(({ name, partitions }) => ({
      topic: name,
      partitionIndexes: partitions
        .map(({ partitionIndex }) => partitionIndex)
        .filter((partitionIndex) => isThere(name, partitionIndex)),
    }));
    const { errorCode, topics } = await groups.deleteOffsets(request.groupId, asked);
    if (errorCode !== ErrorCode.NONE) return { errorCode };
    return {
      topics: request.topics.map(({ name, partitions }, index) => {
        const outcomes = new Map(topics[index].partitions.map((one) => [one.partitionIndex, one.errorCode]));
        return {
          name,
          partitions: partitions.map(({ partitionIndex }) => ({
            partitionIndex,
            errorCode: outcomes.get(partitionIndex) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          })),
        };
      }),
    };
  },
});
