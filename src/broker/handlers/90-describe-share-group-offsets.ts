// DescribeShareGroupOffsets (90), versions 0-1. How far share groups are: for the named partitions, or for all that they share with null topics
// (KIP-932); -1 where a group hasn't begun. Version 1 tells how many records are left for it (KIP-1226), -1 where that isn't known.
// Departures from Kafka: partitions that the cluster doesn't have are answered with -1 at once (Kafka asks on and on), and those that are
// named twice once.

import { ZERO_UUID } from "#bytes/uuid.ts";
import type { TopicPartitions } from "#group/share/world.ts";
import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
} from "#protocol/messages/90-describe-share-group-offsets.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";
import { latestOffset } from "../latest-offset.ts";

const NONE = { startOffset: -1, leaderEpoch: 0, lag: -1 };

type AskedTopics = DescribeShareGroupOffsetsRequest["groups"][number]["topics"];

export const describeShareGroupOffsets = handler({
  request: DescribeShareGroupOffsetsRequest,
  response: DescribeShareGroupOffsetsResponse,
  min: 0,
  max: 1,
  async handle({ broker }, { groups }) {
    return { groups: await Promise.all(groups.map(({ groupId, topics }) => describeGroup(broker, groupId, topics))) };
  },
});

async function describeGroup(broker: Broker, groupId: string, topics: AskedTopics) {
  const found = await broker.groups.look<readonly TopicPartitions[]>(groupId, (machine) =>
    topics === null ? machine.shares.sharedPartitions(groupId) : [],
  );
  const { errorCode } = found;
  if (errorCode !== ErrorCode.NONE) return { groupId, topics: [], errorCode, errorMessage: errorMessage(errorCode) };
  const asked =
    topics === null
      ? found.value.flatMap(({ topicId, partitions }) => {
          const topicName = broker.cluster.topicById(topicId)?.name;
          return topicName === undefined ? [] : [{ topicName, partitions }];
        })
      : distinct(topics);
  return {
    groupId,
    topics: await Promise.all(asked.map((topic) => describeTopic(broker, groupId, topic))),
  };
}

function distinct(topics: NonNullable<AskedTopics>) {
  const byName = new Map<string, Set<number>>();
  for (const { topicName, partitions } of topics) {
    const own = byName.get(topicName) ?? new Set();
    for (const partitionIndex of partitions) own.add(partitionIndex);
    byName.set(topicName, own);
  }
  return [...byName].map(([topicName, partitions]) => ({ topicName, partitions: [...partitions] }));
}

async function describeTopic(
  broker: Broker,
  groupId: string,
  { topicName, partitions }: { readonly topicName: string; readonly partitions: readonly number[] },
) {
  const topic = broker.cluster.topicByName(topicName);
  const topicId = topic?.topicId ?? ZERO_UUID;
  return {
    topicName,
    topicId,
    partitions: await Promise.all(
      partitions.map(async (partitionIndex) => {
        if (topic?.partitions[partitionIndex] === undefined) return { partitionIndex, ...NONE };
        const summary = await broker.shares.persister.summary({ groupId, topicId, partitionIndex });
        const { startOffset, leaderEpoch, deliveryCompleteCount } = summary;
        if (summary.errorCode !== ErrorCode.NONE) return { partitionIndex, ...NONE };
        if (startOffset === -1 || deliveryCompleteCount === -1)
          return { partitionIndex, startOffset, leaderEpoch, lag: -1 };
        const latest = await latestOffset(broker, topic, partitionIndex);
        if (latest.errorCode !== ErrorCode.NONE) {
          return { partitionIndex, errorCode: latest.errorCode, errorMessage: errorMessage(latest.errorCode) };
        }
        return { partitionIndex, startOffset, leaderEpoch, lag: latest.offset - startOffset - deliveryCompleteCount };
      }),
    ),
  };
}
