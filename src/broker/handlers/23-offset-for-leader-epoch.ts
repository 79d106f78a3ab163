/**
 * OffsetForLeaderEpoch, 2–4: where a leader epoch ended, by which a client finds out whether its log was cut (KIP-320).
 *
 * An epoch beyond all known ones is answered with epoch -1 and offset -1, as Kafka does.
 */
import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from "#protocol/messages/23-offset-for-leader-epoch.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";
import { fence } from "../leader-fence.ts";

type PartitionQuestion = OffsetForLeaderEpochRequest["topics"][number]["partitions"][number];

export const offsetForLeaderEpoch = handler({
  request: OffsetForLeaderEpochRequest,
  response: OffsetForLeaderEpochResponse,
  min: 2,
  max: 4,
  handle({ broker }, request) {
    return {
      topics: request.topics.map(({ topic, partitions }) => {
        const image = broker.cluster.topicByName(topic);
        return { topic, partitions: partitions.map((question) => answer(broker, image, question)) };
      }),
    };
  },
});

function answer(broker: Broker, topic: TopicImage | undefined, question: PartitionQuestion) {
  const { partition, currentLeaderEpoch, leaderEpoch } = question;
  const log = broker.lead(topic, partition);
  if (typeof log === "number") return { partition, errorCode: log };
  const errorCode = fence(topic?.partitions[partition], currentLeaderEpoch);
  if (errorCode !== ErrorCode.NONE) return { partition, errorCode };
  return { partition, errorCode, ...log.endOffsetForEpoch(leaderEpoch) };
}
