import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import type { Broker } from "./broker.ts";

const LATEST = -1;

/** Up to where a partition can be read, asked of its leader. */
export async function latestOffset(
  broker: Broker,
  topic: TopicImage,
  partitionIndex: number,
): Promise<{ readonly errorCode: ErrorCode; readonly offset: number }> {
  const leaderId = topic.partitions[partitionIndex]?.leaderId ?? -1;
  const log = broker.lead(topic, partitionIndex);
  if (typeof log !== "number") return { errorCode: ErrorCode.NONE, offset: log.highWatermark };
  if (leaderId === -1 || leaderId === broker.brokerId) return { errorCode: log, offset: -1 };
  const answer = await broker.peers.ask(leaderId, ListOffsetsRequest, ListOffsetsResponse, {
    topics: [{ name: topic.name, partitions: [{ partitionIndex, timestamp: LATEST }] }],
  });
  const partition = answer?.topics.at(0)?.partitions.at(0);
  if (partition === undefined) return { errorCode: ErrorCode.LEADER_NOT_AVAILABLE, offset: -1 };
  return { errorCode: partition.errorCode as ErrorCode, offset: partition.offset };
}
