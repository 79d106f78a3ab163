import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest } from "#protocol/messages/00-produce.ts";
import { buildMarkerBatch, type EndMarker } from "#records/control-record.ts";
import type { Broker } from "../broker.ts";

/** A marker as a coordinator sends it. */
export interface Marker extends EndMarker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly transactionVersion: number;
}

/**
 * Writes a marker into a partition that this broker leads, and answers when it is committed. The group coordinator writes those of
 * `__consumer_offsets` itself, since the offsets of the transaction count from then on.
 */
export async function appendMarker(
  broker: Broker,
  marker: Marker,
  topicName: string,
  partitionIndex: number,
): Promise<ErrorCode> {
  if (topicName === GROUP_METADATA_TOPIC) return completeOffsets(broker, marker, partitionIndex);
  const topic = broker.cluster.topicByName(topicName);
  const log = broker.lead(topic, partitionIndex);
  if (typeof log === "number" || topic === undefined) return log as ErrorCode;
  const { isr, leaderEpoch } = topic.partitions[partitionIndex];
  const config = broker.configOf(topic);
  if (isr.length < config.minInsyncReplicas) return ErrorCode.NOT_ENOUGH_REPLICAS;
  const nowMs = broker.clock.nowMs();
  const outcome = log.append(buildMarkerBatch(broker.compression, marker, nowMs), {
    config,
    leaderEpoch,
    nowMs,
    origin: "coordinator",
    produceVersion: ProduceRequest.max,
    transactionVersion: marker.transactionVersion,
  });
  if (outcome.kind === "refused") return outcome.errorCode;
  await broker.committed();
  return ErrorCode.NONE;
}

async function completeOffsets(broker: Broker, marker: Marker, partitionIndex: number): Promise<ErrorCode> {
  const { groups } = broker;
  const errorCode = await groups.completeTransaction(partitionIndex, marker, () =>
    groups.environment.log.objectionTo(partitionIndex, marker),
  );
  switch (errorCode) {
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.NOT_COORDINATOR:
      return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    default:
      return errorCode;
  }
}
