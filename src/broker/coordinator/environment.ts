import { joined } from "#bytes/joined.ts";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { autoCreatedTopic } from "#cluster/internal-topics.ts";
import type { AppendOptions } from "#log/append.ts";
import { objectionTo } from "#log/coordinator-write.ts";
import { MAX_BATCH_BYTES } from "#log/limits.ts";
import type { CoordinatorEnvironment, CoordinatorLog, CoordinatorLogVisitor } from "#ports/coordinator-log.ts";
import type { Random } from "#ports/random.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest } from "#protocol/messages/00-produce.ts";
import { isTransactional } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { buildMarkerBatch, readMarker } from "#records/control-record.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import type { Broker } from "../broker.ts";

/** How much of the log one step of a replay holds in memory. */
const REPLAY_STEP_BYTES = 1024 * 1024;
/** After how much of it a replay lets others have their turn. */
const REPLAY_TURN_BYTES = 2 * 1024 * 1024;

/** One internal topic, as the coordinators of one broker over it see it. */
export function coordinatorEnvironment(
  broker: Broker,
  topicName: string,
  ports: { readonly random: Random },
): CoordinatorEnvironment {
  const topic = () => broker.cluster.topicByName(topicName);
  const partition = (partitionIndex: number) => topic()?.partitions[partitionIndex];
  return {
    log: coordinatorLog(broker, topicName),
    clock: broker.clock,
    random: ports.random,
    timers: broker.timers,
    internalTopicId: () => topic()?.topicId,
    partitionCount: () => topic()?.partitions.length ?? 0,
    ensureInternalTopic: () => ensureInternalTopic(broker, topicName),
    leaderEpoch(partitionIndex) {
      const image = partition(partitionIndex);
      return image?.leaderId === broker.brokerId ? image.leaderEpoch : null;
    },
    leader(partitionIndex) {
      const node = broker.cluster.broker(partition(partitionIndex)?.leaderId ?? -1);
      return node === undefined ? null : { brokerId: node.id, host: node.host, port: node.port };
    },
  };
}

async function ensureInternalTopic(broker: Broker, topicName: string): Promise<number> {
  const count = () => broker.cluster.topicByName(topicName)?.partitions.length ?? 0;
  if (count() > 0) return count();
  const { image } = broker.cluster;
  // Several may ask at once, brokers and clients of one broker: all but one are told that the topic exists.
  try {
    await broker.controller.createTopics([autoCreatedTopic(image, broker.brokerId, topicName)]);
    if (count() === 0) await broker.controller.refresh();
  } catch {
    // The controller can't be reached: who asked hears that there is no coordinator now.
  }
  return count();
}

function coordinatorLog(broker: Broker, topicName: string): CoordinatorLog {
  const lead = (partitionIndex: number) => broker.lead(broker.cluster.topicByName(topicName), partitionIndex);

  async function appendBatch(
    partitionIndex: number,
    build: (nowMs: number) => Uint8Array,
    rights: Pick<AppendOptions, "guard" | "transactionVersion">,
  ): Promise<ErrorCode> {
    const topic = broker.cluster.topicByName(topicName);
    const log = lead(partitionIndex);
    if (typeof log === "number" || topic === undefined) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const nowMs = broker.clock.nowMs();
    const outcome = log.append(build(nowMs), {
      // The coordinators bound their records themselves, and `max.message.bytes` is not to cut a group off in the middle of its life.
      config: { ...broker.configOf(topic), maxMessageBytes: MAX_BATCH_BYTES },
      leaderEpoch: topic.partitions[partitionIndex].leaderEpoch,
      nowMs,
      origin: "coordinator",
      produceVersion: ProduceRequest.max,
      ...rights,
    });
    if (outcome.kind === "refused") return outcome.errorCode;
    await broker.committed();
    return ErrorCode.NONE;
  }

  return {
    append(partitionIndex, records, producer) {
      const build = (nowMs: number) =>
        buildBatch(
          broker.compression,
          records.map(({ key, value }) => ({ timestampMs: nowMs, key, value, headers: [] })),
          producer === null ? {} : { ...producer, transactional: true },
        );
      return appendBatch(partitionIndex, build, { guard: producer?.guard });
    },
    appendMarker(partitionIndex, marker) {
      const build = (nowMs: number) => buildMarkerBatch(broker.compression, marker, nowMs);
      return appendBatch(partitionIndex, build, { transactionVersion: marker.transactionVersion });
    },
    objectionTo(partitionIndex, write) {
      const topic = broker.cluster.topicByName(topicName);
      const log = lead(partitionIndex);
      if (typeof log === "number" || topic === undefined) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
      return objectionTo(log.producers, write, broker.configOf(topic));
    },
    async replay(partitionIndex, visitor) {
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
        if (!isSound(() => visitRecords(broker, joined(read.chunks), visitor))) return ErrorCode.KAFKA_STORAGE_ERROR;
        // The read isn't released: what the visitor keeps of its records may be views on them.
        turnBytes += read.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
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

/** False when the log is damaged: that is not the fault of the client that asks, whose connection would be closed for it. */
function isSound(visit: () => void): boolean {
  try {
    visit();
    return true;
  } catch (error) {
    if (error instanceof MalformedMessageError) return false;
    throw error;
  }
}

/** Of whole batches: one that is larger than a row is read in several chunks. */
function visitRecords(broker: Broker, batches: Uint8Array, visitor: CoordinatorLogVisitor): void {
  for (const { header, at, control } of readBatches(batches)) {
    const { producerId, producerEpoch } = header;
    if (control) {
      const marker = readMarker(batches, at);
      if (marker !== null) visitor.marker({ ...marker, producerId, producerEpoch });
      continue;
    }
    const producer = isTransactional(header.attributes) ? { producerId, producerEpoch } : null;
    for (const { key, value } of readRecords(broker.compression, batches, at)) {
      if (key !== null) visitor.record({ key, value }, producer);
    }
  }
}
