import { autoCreatedTopic } from "#cluster/internal-topics.ts";
import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import type { CoordinatorLog, CoordinatorRecord, GroupEnvironment } from "#ports/coordinator-log.ts";
import type { Random } from "#ports/random.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest } from "#protocol/messages/00-produce.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import type { Broker } from "./broker.ts";

/** How much of the log one step of a replay holds in memory. */
const REPLAY_STEP_BYTES = 1024 * 1024;
/** After how much of it a replay lets others have their turn. */
const REPLAY_TURN_BYTES = 2 * 1024 * 1024;

/** `__consumer_offsets`, as the group coordinators of one broker see it. */
export function groupEnvironment(broker: Broker, ports: { readonly random: Random }): GroupEnvironment {
  const topic = () => broker.cluster.topicByName(GROUP_METADATA_TOPIC);
  const partition = (partitionIndex: number) => topic()?.partitions[partitionIndex];
  return {
    log: coordinatorLog(broker),
    clock: broker.clock,
    random: ports.random,
    timers: broker.timers,
    offsetsTopicId: () => topic()?.topicId,
    offsetsPartitionCount: () => topic()?.partitions.length ?? 0,
    ensureOffsetsTopic: () => ensureOffsetsTopic(broker),
    leaderEpoch(partitionIndex) {
      const image = partition(partitionIndex);
      return image?.leaderId === broker.brokerId ? image.leaderEpoch : null;
    },
    leader(partitionIndex) {
      const node = broker.cluster.broker(partition(partitionIndex)?.leaderId ?? -1);
      return node === undefined ? null : { brokerId: node.id, host: node.host, port: node.port };
    },
    topicName: (topicId) => broker.cluster.topicById(topicId)?.name,
    topicId: (topicName) => broker.cluster.topicByName(topicName)?.topicId,
    hasPartition: (topicName, partitionIndex) => broker.cluster.partition(topicName, partitionIndex) !== undefined,
  };
}

async function ensureOffsetsTopic(broker: Broker): Promise<number> {
  const count = () => broker.cluster.topicByName(GROUP_METADATA_TOPIC)?.partitions.length ?? 0;
  if (count() > 0) return count();
  const { image } = broker.cluster;
  // Several may ask at once, brokers and clients of one broker: all but one are told that the topic exists.
  await broker.controller.createTopics([autoCreatedTopic(image, broker.brokerId, GROUP_METADATA_TOPIC)]);
  if (count() === 0) await broker.controller.refresh();
  return count();
}

function coordinatorLog(broker: Broker): CoordinatorLog {
  const lead = (partitionIndex: number) =>
    broker.lead(broker.cluster.topicByName(GROUP_METADATA_TOPIC), partitionIndex);
  return {
    async append(partitionIndex, records) {
      const topic = broker.cluster.topicByName(GROUP_METADATA_TOPIC);
      const log = lead(partitionIndex);
      if (typeof log === "number" || topic === undefined) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
      const nowMs = broker.clock.nowMs();
      const batch = buildBatch(
        broker.compression,
        records.map(({ key, value }) => ({ timestampMs: nowMs, key, value, headers: [] })),
      );
      const outcome = log.append(batch, {
        config: broker.configOf(topic),
        leaderEpoch: topic.partitions[partitionIndex].leaderEpoch,
        nowMs,
        origin: "coordinator",
        produceVersion: ProduceRequest.max,
      });
      if (outcome.kind === "refused") return outcome.errorCode;
      await broker.committed();
      return ErrorCode.NONE;
    },
    async replay(partitionIndex, visit) {
      const log = lead(partitionIndex);
      if (typeof log === "number") return ErrorCode.NOT_LEADER_OR_FOLLOWER;
      let offset = log.logStartOffset;
      let turnBytes = 0;
      while (offset < log.logEndOffset) {
        const read = log.read(offset, {
          maxBytes: REPLAY_STEP_BYTES,
          upperBound: log.logEndOffset,
          minOneMessage: true,
        });
        if (read.kind === "refused") return ErrorCode.KAFKA_STORAGE_ERROR;
        if (read.nextOffset === offset) return ErrorCode.KAFKA_STORAGE_ERROR;
        visitRecords(broker, read.chunks, visit);
        turnBytes += read.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        read.release();
        offset = read.nextOffset;
        if (turnBytes < REPLAY_TURN_BYTES) continue;
        turnBytes = 0;
        await new Promise<void>((resolve) => broker.timers.set(resolve, 0));
      }
      return ErrorCode.NONE;
    },
    endOffset(partitionIndex) {
      const log = lead(partitionIndex);
      return typeof log === "number" ? null : log.logEndOffset;
    },
    async trimBefore(partitionIndex, offset) {
      const log = lead(partitionIndex);
      if (typeof log === "number") return ErrorCode.NOT_LEADER_OR_FOLLOWER;
      const outcome = log.deleteRecordsBefore(offset);
      if (outcome.kind === "refused") return outcome.errorCode;
      await broker.committed();
      return ErrorCode.NONE;
    },
  };
}

function visitRecords(broker: Broker, chunks: readonly Uint8Array[], visit: (record: CoordinatorRecord) => void): void {
  for (const chunk of chunks) {
    for (const { at, control } of readBatches(chunk)) {
      if (control) continue;
      for (const { key, value } of readRecords(broker.compression, chunk, at)) if (key !== null) visit({ key, value });
    }
  }
}
